/** The runner of this suite on small suites of its own: what uvu lets through, it must not. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

const uvu = pathToFileURL(path.resolve(import.meta.dirname, '../node_modules/uvu/dist/index.mjs')).href
const HEAD = `import { suite, test } from '${uvu}'\n`
const PASSING = `test('passes', () => {})\n`
const RUN = 'test.run()\n'

interface Ended {
  code: number | null
  output: string
  lastLine: string
}

/** Runs the runner on a folder with these test files; `names` are its arguments. */
async function runSuite(
  files: Record<string, string>,
  names: string[] = [],
  deadlineMs = 60_000,
): Promise<Ended> {
  const root = mkdtempSync(path.join(tmpdir(), 'village-run-'))
  try {
    for (const [file, text] of Object.entries(files)) {
      const target = path.join(root, 'test', file)
      mkdirSync(path.dirname(target), { recursive: true })
      writeFileSync(target, text)
    }
    return await new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [path.resolve(import.meta.dirname, 'run.ts'), ...names], {
        env: {
          ...process.env,
          VILLAGE_TEST_ROOT: root,
          VILLAGE_TEST_DEADLINE_MS: String(deadlineMs),
          VILLAGE_TEST_LEFTOVER_MS: '1000',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      let output = ''
      child.stdout.on('data', (chunk) => (output += chunk))
      child.stderr.on('data', (chunk) => (output += chunk))
      child.on('error', reject)
      child.on('close', (code) =>
        resolve({ code, output, lastLine: output.trimEnd().split('\n').at(-1) ?? '' }),
      )
    })
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

const runner = suite('test runner')

runner('adds up what passed and ends with one line', async () => {
  const ended = await runSuite({
    'a.test.ts': `${HEAD}${PASSING}test('passes too', () => {})\n${RUN}`,
    'deep/b.test.ts': `${HEAD}const s = suite('s')\ns('passes', () => {})\ns.run()\n${PASSING}${RUN}`,
  })
  assert.is(ended.lastLine, '4 passed, 0 failed')
  assert.is(ended.code, 0)
})

runner('a name chooses files, and one that matches none is a failure', async () => {
  const files = { 'a.test.ts': `${HEAD}${PASSING}${RUN}`, 'b.test.ts': `${HEAD}${PASSING}${RUN}` }
  const chosen = await runSuite(files, ['b.test'])
  assert.is(chosen.lastLine, '1 passed, 0 failed')
  assert.not.match(chosen.output, /a\.test/)
  const none = await runSuite(files, ['nothing'])
  assert.is(none.code, 1)
  assert.match(none.output, 'no test file matches nothing')
})

/** Every way to look green without having been tested. */
const FAILURES: readonly {
  name: string
  text: string
  says: RegExp
  lastLine: string
  deadlineMs?: number
}[] = [
  {
    name: 'a failing test',
    text: `${HEAD}${PASSING}test('fails', () => { throw new Error('the reason') })\n${RUN}`,
    says: /the reason/,
    lastLine: '1 passed, 1 failed',
  },
  {
    name: 'a throwing before hook, and says what it threw',
    text: `${HEAD}test.before(() => { throw new Error('no') })\n${PASSING}${RUN}`,
    says: /before threw: Error: no\n[\s\S]* test\/x\.test\.ts: 1 of 1 tests did not pass/,
    lastLine: '0 passed, 1 failed',
  },
  {
    name: 'a throwing before hook beside skipped tests',
    text: `${HEAD}test.before(() => { throw new Error('no') })\n${PASSING}test.skip('later')\n${RUN}`,
    says: /1 of 1 tests did not pass/,
    lastLine: '0 passed, 1 failed, 1 skipped',
  },
  {
    name: 'a throwing after.each hook, and says what it threw',
    text: `${HEAD}test.after.each(async () => { throw new Error('no') })\n${PASSING}${RUN}`,
    says: /after\.each threw: Error: no/,
    lastLine: '0 passed, 1 failed',
  },
  {
    name: 'a suite that is run too late',
    text: `${HEAD}const s = suite('s')\ns('lost', () => {})\nprocess.once('beforeExit', () => s.run())\n${PASSING}${RUN}`,
    says: /run\(\) of s came after/,
    lastLine: '1 passed, 1 failed',
  },
  {
    name: 'a throwing after hook',
    text: `${HEAD}test.after(() => { throw new Error('no') })\n${PASSING}${RUN}`,
    says: /exit code/,
    lastLine: '0 passed, 1 failed',
  },
  {
    name: 'a forgotten run()',
    text: `${HEAD}${PASSING}`,
    says: /never calls test\.run\(\)/,
    lastLine: '0 passed, 2 failed',
  },
  {
    name: 'a suite without run() beside one that has it',
    text: `${HEAD}const other = suite('other')\nother('lost', () => {})\n${PASSING}${RUN}`,
    says: /never calls other\.run\(\)/,
    lastLine: '1 passed, 1 failed',
  },
  {
    name: 'a test chosen alone',
    text: `${HEAD}${PASSING}test.${'only'}('alone', () => {})\n${RUN}`,
    says: /uses \.only/,
    lastLine: '1 passed, 1 failed, 1 skipped',
  },
  { name: 'a file without tests', text: 'export {}\n', says: /ran no test/, lastLine: '0 passed, 1 failed' },
  {
    name: 'an exit in the middle of a test',
    text: `${HEAD}test('leaves', () => process.exit(0))\n${RUN}`,
    says: /ended with exit code 1/,
    lastLine: '0 passed, 1 failed',
  },
  {
    name: 'a file that hangs, with a child that keeps its output open',
    text: [
      HEAD,
      `import { spawn } from 'node:child_process'\n`,
      `test('hangs', async () => {\n`,
      `  spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })\n`,
      `  await new Promise(() => {})\n})\n${RUN}`,
    ].join(''),
    says: /still running after 3 s/,
    deadlineMs: 3_000,
    lastLine: '0 passed, 1 failed',
  },
]

for (const { name, text, says, lastLine, deadlineMs } of FAILURES)
  runner(`fails on ${name}`, async () => {
    const ended = await runSuite({ 'x.test.ts': text }, [], deadlineMs)
    assert.is(ended.code, 1, ended.output)
    assert.match(ended.output, says)
    assert.is(ended.lastLine, lastLine, ended.output)
  })

runner('names what was skipped, and does not count it as run', async () => {
  const ended = await runSuite({
    'a.test.ts': `${HEAD}console.log('skipped: no browser')\ntest.skip('in a browser')\n${RUN}`,
  })
  assert.is(ended.lastLine, '0 passed, 0 failed, 1 skipped')
  assert.match(ended.output, 'skipped: no browser')
  assert.is(ended.code, 0)
})

runner('files of a folder share a process, others and one that asks for its own do not', async () => {
  const telling = `console.log('skipped: ' + process.pid)\n${PASSING}${RUN}`
  const { output, lastLine } = await runSuite({
    'a.test.ts': HEAD + telling,
    'b.test.ts': HEAD + telling,
    'c.test.ts': `// own process: it measures the heap\n${HEAD}${telling}`,
    'd.test.ts': HEAD + telling,
    'deep/e.test.ts': HEAD + telling,
  })
  assert.is(lastLine, '5 passed, 0 failed', output)
  const processes = Object.fromEntries(
    [...output.matchAll(/^ok {3}test\/(\S+)\.test\.ts .*\n +skipped: (\d+)$/gm)].map(
      ([, file, pid]): [string, string] => [file!, pid!],
    ),
  )
  assert.is(processes.a, processes.b)
  assert.is(processes.a, processes.d)
  assert.is(new Set(Object.values(processes)).size, 3, output)
})

runner('what fails in one file does not touch those beside it', async () => {
  const ended = await runSuite({
    'a.test.ts': `${HEAD}test('fails', () => { throw new Error('the reason') })\n${RUN}`,
    'b.test.ts': `${HEAD}test.before(() => { throw new Error('no') })\n${PASSING}${RUN}`,
    'c.test.ts': `${HEAD}test('leaves', () => process.exit(0))\n${RUN}`,
    'd.test.ts': `${HEAD}${PASSING}${RUN}`,
    'e.test.ts': `throw new Error('cannot be loaded')\n${HEAD}${PASSING}${RUN}`,
    'f.test.ts': `${HEAD}${PASSING}${RUN}`,
  })
  assert.is(ended.lastLine, '2 passed, 4 failed', ended.output)
  const verdicts = [...ended.output.matchAll(/^(ok|FAIL) +test\/(\w)\.test/gm)].map(
    ([, verdict, file]) => `${file} ${verdict}`,
  )
  assert.equal(verdicts, ['a FAIL', 'b FAIL', 'c FAIL', 'd ok', 'e FAIL', 'f ok'])
})

runner(
  'fails where something keeps the process alive after its last file, and says after which it was there',
  async () => {
    const ended = await runSuite({
      'a.test.ts': `${HEAD}${PASSING}${RUN}`,
      'b.test.ts': `${HEAD}test('leaves a timer', () => void setInterval(() => {}, 1_000))\n${RUN}`,
      'c.test.ts': `${HEAD}${PASSING}${RUN}`,
    })
    assert.is(ended.lastLine, '3 passed, 1 failed', ended.output)
    assert.match(ended.output, /still running after 1 s after the last test/)
    const after = (file: string) =>
      new RegExp(`^test/${file}\\.test\\.ts: (.*)$`, 'm').exec(ended.output)?.[1]
    assert.not.match(after('a')!, /Timeout/)
    assert.match(after('b')!, /Timeout/)
    assert.is(ended.code, 1)
  },
)

runner('a control character in the output is text, and no end of a file', async () => {
  const forged = `'\\u001e' + JSON.stringify({ file: 'test/a.test.ts', processorSeconds: 0, open: [] })`
  const ended = await runSuite({
    'a.test.ts': `${HEAD}test('prints it', () => void process.stdout.write('\\u001ex\\n'))\n${RUN}`,
    'b.test.ts': `${HEAD}test('fails', () => { console.log(${forged}); throw new Error('no') })\n${RUN}`,
    'c.test.ts': `${HEAD}${PASSING}${RUN}`,
  })
  assert.is(ended.lastLine, '2 passed, 1 failed', ended.output)
  assert.equal(ended.output.match(/^(?:ok|FAIL) +test\/\w/gm), ['ok   test/a', 'FAIL test/b', 'ok   test/c'])
})

/** What `a` leaves is thrown once `b` runs: `b` says so by an event. */
const LEFT: readonly { name: string; left: string }[] = [
  { name: 'rejection', left: `void Promise.reject(new Error('of a'))` },
  { name: 'exception', left: `throw new Error('of a')` },
]
for (const { name, left } of LEFT)
  runner(`a file that leaves a late ${name} is named, also where the next one would swallow it`, async () => {
    const swallows = `for (const event of ['unhandledRejection', 'uncaughtException']) process.on(event, () => {})`
    const ended = await runSuite({
      'a.test.ts': [
        `import { AsyncResource } from 'node:async_hooks'\n${HEAD}test('leaves it', () => {\n`,
        `  const own = new AsyncResource('left')\n`,
        `  process.once('b runs', () => own.runInAsyncScope(() => setImmediate(() => { ${left} })))\n`,
        `})\n${RUN}`,
      ].join(''),
      'b.test.ts': [
        `import { setImmediate as turn } from 'node:timers/promises'\n${HEAD}${swallows}\n`,
        `test('goes on', async () => {\n  process.emit('b runs')\n  for (let i = 0; i < 5; i++) await turn()\n})\n${RUN}`,
      ].join(''),
    })
    assert.is(ended.code, 1, ended.output)
    assert.match(ended.output, /test\/a\.test\.ts had ended, and left what now threw: Error: of a/)
    assert.is(ended.lastLine, '1 passed, 1 failed', ended.output)
  })

runner('a file may handle what it throws itself, and what it does not handle fails it alone', async () => {
  const rejects = `setImmediate(() => void Promise.reject(new Error('of its own')))`
  const twoTurns = `import { setImmediate as turn } from 'node:timers/promises'\n${HEAD}`
  const wait = 'for (let i = 0; i < 5; i++) await turn()'
  const ended = await runSuite({
    'a.test.ts': `${twoTurns}test('handles it', async () => {
      let seen
      process.once('unhandledRejection', (error) => (seen = error.message))
      ${rejects}
      ${wait}
      if (seen !== 'of its own') throw new Error('unseen')
    })\n${RUN}`,
    'b.test.ts': `${twoTurns}test('does not', async () => {\n${rejects}\n${wait}\n})\n${RUN}`,
    'c.test.ts': `${HEAD}${PASSING}${RUN}`,
  })
  assert.equal(ended.output.match(/^(?:ok|FAIL) +test\/\w/gm), ['ok   test/a', 'FAIL test/b', 'ok   test/c'])
  assert.match(ended.output, /Error: of its own\n[\s\S]*b\.test\.ts: ended with exit code/)
  assert.not.match(ended.output, /had ended/)
})

runner('ends what a test left running', async () => {
  const server = `net.createServer().listen(0, '127.0.0.1', function () { process.send(this.address().port) })`
  const ended = await runSuite({
    'a.test.ts': [
      HEAD,
      `import { spawn } from 'node:child_process'\nimport { once } from 'node:events'\n`,
      `test('leaves a server behind', async () => {\n`,
      `  const child = spawn(process.execPath, ['-e', ${JSON.stringify(server)}],`,
      ` { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })\n`,
      `  const [port] = await once(child, 'message')\n`,
      `  console.log('skipped: port ' + port)\n  child.disconnect()\n  child.unref()\n})\n${RUN}`,
    ].join(''),
  })
  assert.is(ended.lastLine, '1 passed, 0 failed', ended.output)
  const port = Number(/port (\d+)/.exec(ended.output)?.[1])
  const error = await once(connect(port, '127.0.0.1'), 'connect').catch((reason: unknown) => reason)
  assert.is((error as NodeJS.ErrnoException).code, 'ECONNREFUSED')
})

runner.run()
