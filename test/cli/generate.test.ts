/** `village generate` and `village embed` against a running API. */
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runCommandLine } from '../../node/cli/run.ts'
import { startTestApi, type TestApi } from '../helpers/api-server.ts'
import { village } from '../helpers/command-line.ts'

const test = suite('village generate and embed')
let server: TestApi
test.before.each(async () => {
  server = await startTestApi()
  const file = path.join(server.directory, 'story.onnx')
  await writeFile(file, 'graph')
  await server.services.models.add({ path: file })
  await server.services.models.add({ embedded: 'encoder' })
})
test.after.each(() => server.close())

test('a prompt is continued, as text and as a document', async () => {
  const text = await village(server.directory, 'generate', 'story', 'one two', '--max-tokens', '3')
  assert.is(text.code, 0, text.err)
  assert.is(text.out.trim(), 'one two one')
  const json = await village(server.directory, 'generate', 'story', 'one', '--max-tokens', '2', '--json')
  assert.is(json.json.usage.completionTokens, 2)
})

/** On a terminal of 80 columns. */
async function onTerminal(...command: string[]): Promise<{ code: number; parts: string[]; err: string }> {
  return onTerminalUntil(new AbortController(), () => false, ...command)
}

/** Ctrl-C as soon as `isEnough` says so of what was written. */
async function onTerminalUntil(
  ending: AbortController,
  isEnough: (parts: readonly string[]) => boolean,
  ...command: string[]
): Promise<{ code: number; parts: string[]; err: string }> {
  const parts: string[] = []
  let err = ''
  const code = await runCommandLine({
    arguments: ['--data.dir', server.directory, ...command],
    environment: {},
    stdout: {
      columns: 80,
      write(text: string) {
        parts.push(text)
        if (isEnough(parts)) ending.abort()
      },
    },
    stderr: {
      isTTY: false,
      write(text: string) {
        err += text
        return true
      },
    } as unknown as NodeJS.WriteStream, // nothing else of a stream is used when it is no terminal
    signal: ending.signal,
  })
  return { code, parts, err }
}

test('what ends a text half-way is told on a line of its own', async () => {
  const enough = (parts: readonly string[]) => parts.length === 1
  const command = ['generate', 'story', 'one two', '--max-tokens', '1000']
  const { code, parts, err } = await onTerminalUntil(new AbortController(), enough, ...command)
  assert.is(code, 130)
  assert.match(err, /^error ABORTED/)
  assert.is(parts.at(-1), '\n')
  assert.is(parts.filter((part) => part === '\n').length, 1)
})

test('on a terminal the text comes as it is made, and what it cost after it', async () => {
  const { code, parts, err } = await onTerminal('generate', 'story', 'one two', '--max-tokens', '3')
  assert.is(code, 0, err)
  assert.equal(parts, ['one ', 'two ', 'one ', '\n'])
  assert.match(err, /2 \+ 3 tokens, ended by length/)
})

test('what a model writes commands no terminal, and comes through a pipe as it is', async () => {
  const command = ['generate', 'story', '\u001b[2J', '--max-tokens', '1']
  const { parts } = await onTerminal(...command)
  assert.equal(parts, ['\\u{1b}[2J ', '\n'])
  const whole = await onTerminal(...command, '--no-stream')
  assert.is(whole.parts.join('').trim(), '\\u{1b}[2J')
  assert.is((await village(server.directory, ...command)).out.trim(), '\u001b[2J')
})

test('text that was to have a form and was cut off is told as such, also where nobody looks on', async () => {
  const command = ['generate', 'story', 'one', '--max-tokens', '1']
  const cut = await village(server.directory, ...command, '--pattern', 'one two')
  assert.is(cut.code, 0)
  assert.match(cut.err, /warning: the text was cut off after 1 token \(--max-tokens\)/)
  assert.match((await onTerminal(...command, '--any-json')).err, /warning: the text was cut off/)
  assert.is((await village(server.directory, ...command)).err, '')
})

test('what cannot be is said before anything runs', async () => {
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['generate', 'story', 'x', '--temperature', 'hot'], /--temperature takes a number/],
    [['generate', 'story', 'x', '--system', 'be kind'], /--system goes with --chat/],
    [['generate', 'story', 'x', '--schema', '/nowhere.json'], /nowhere.json cannot be read \(ENOENT\)/],
    [['generate', 'story', 'x', '--schema', import.meta.filename], /is not JSON: /],
    [['generate', 'story', 'x', '--top-p', '2'], /--top-p must be/],
    [['generate', 'story', 'x', '--choice', ''], /--choice must/],
    [
      ['generate', 'story', 'x', '--choice', 'a', '--any-json'],
      /At most one of --any-json, --schema, --choice/,
    ],
    [['generate', 'encoder', 'x'], /MODEL_NOT_LANGUAGE/],
    [['embed', 'story', 'x'], /MODEL_NOT_ENCODER/],
  ]
  for (const [args, says] of cases) {
    const { code, err } = await village(server.directory, ...args)
    assert.is.not(code, 0, args.join(' '))
    assert.match(err, says)
  }
})

test('vectors of texts, in a table and as a document', async () => {
  const text = await village(server.directory, 'embed', 'encoder', 'one', 'two words')
  assert.is(text.code, 0, text.err)
  assert.match(text.out, /2 dimensions/)
  const { json } = await village(server.directory, 'embed', 'encoder', 'one', '--json')
  assert.equal(json.embeddings, [{ vector: [3, 1], tokens: 1, truncated: false }])
})

test.run()
