/** What a parser process does with one file, in this process. */
import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DEFAULT_CHUNKING } from '../../../../node/agents/rag/ingest/chunk.ts'
import type { DocumentHead } from '../../../../node/agents/rag/ingest/parser/messages.ts'
import { createFileParser } from '../../../../node/agents/rag/ingest/parser/parse-file.ts'

interface Context {
  root: string
}

const test = suite<Context>('parse file')

test.before.each((context) => {
  context.root = mkdtempSync(path.join(tmpdir(), 'village-parse-'))
})

test.after.each(({ root }) => rmSync(root, { recursive: true, force: true }))

interface Parsed {
  heads: DocumentHead[]
  problems: string[]
  isComplete: boolean
}

/** `onDocument` is called while the file is still being read. */
async function parse(file: string, onDocument: () => void = () => {}): Promise<Parsed> {
  const heads: DocumentHead[] = []
  const problems: string[] = []
  const settings = {
    maxFileBytes: 10_000,
    maxStreamedBytes: 4_000,
    chunking: DEFAULT_CHUNKING,
    limits: { maxUnpackedBytes: 10_000, partBytes: 256 },
    memoryBytes: 2 ** 30,
  }
  const parseFile = createFileParser(settings, {
    async document(head) {
      heads.push(head)
      onDocument()
    },
    async problem(source, code) {
      problems.push(`${source} ${code}`)
    },
  })
  const isComplete = await parseFile({ path: file, source: path.basename(file) })
  return { heads, problems, isComplete }
}

const LINES = '{"text":"one line of a file"}\n'.repeat(50)

test('a file that grows while it is read is whole up to where it was', async ({ root }) => {
  const file = path.join(root, 'a.jsonl')
  writeFileSync(file, LINES)
  const { heads, problems, isComplete } = await parse(file, () => appendFileSync(file, LINES))
  assert.is(heads.length, 50)
  assert.equal(problems, [])
  assert.is(isComplete, true)
})

test('a file that shrinks or is written over while it is read is reported', async ({ root }) => {
  const file = path.join(root, 'a.jsonl')
  writeFileSync(file, LINES)
  const shrunk = await parse(file, () => truncateSync(file, 100))
  assert.equal(shrunk.problems.at(-1), 'a.jsonl FILE_CHANGING')
  assert.is(shrunk.isComplete, false)
  writeFileSync(file, LINES)
  const written = await parse(file, () => utimesSync(file, 1, 1))
  assert.equal(written.problems, ['a.jsonl FILE_CHANGING'])
  assert.is(written.heads.length, 50)
  assert.is(written.isComplete, false)
})

test('limits of whole and of streamed formats', async ({ root }) => {
  for (const [name, size, code] of [
    ['whole.md', 10_001, 'FILE_TOO_LARGE'],
    ['streamed.txt', 4_001, 'FILE_TOO_LARGE'],
    ['fits.md', 10_000, null],
    ['fits.txt', 4_000, null],
  ] as const) {
    const file = path.join(root, name)
    writeFileSync(file, 'word '.repeat(3_000).slice(0, size))
    const { problems, isComplete } = await parse(file)
    assert.equal(problems, code === null ? [] : [`${name} ${code}`])
    assert.is(isComplete, code === null)
  }
})

test('a pipe, a link and a folder in the place of a file are not read', async ({ root }) => {
  if (process.platform === 'win32') {
    console.log('skipped: no pipes in folders on this system')
    return
  }
  const at = (name: string) => path.join(root, name)
  execFileSync('mkfifo', [at('pipe.md')])
  writeFileSync(at('real.md'), 'text')
  symlinkSync('real.md', at('link.md'))
  const expected = { 'pipe.md': 'FILE_SPECIAL', 'link.md': 'LINK_BROKEN', 'gone.md': 'FILE_CHANGING' }
  for (const [name, code] of Object.entries(expected)) {
    const { problems, isComplete } = await parse(at(name))
    assert.equal(problems, [`${name} ${code}`])
    assert.is(isComplete, false)
  }
})

test('what nests beyond the stack is a problem of the file', async ({ root }) => {
  const file = path.join(root, 'a.md')
  writeFileSync(file, `${'>'.repeat(9_000)} text`)
  const { problems, isComplete } = await parse(file)
  assert.equal(problems, ['a.md PARSE_FAILED'])
  assert.is(isComplete, false)
})

test.run()
