/**
 * Runs the test files, each in a process of its own with a deadline, and fails on a file that ran no test.
 * uvu alone exits 0 on a throwing `before` hook, on a forgotten `.run()` and on `.only`, and has no timeout.
 *
 * usage: npm test [-- NAME ...]   only files whose path contains a NAME
 */
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { nodeBinary } from '../scripts/run.js'

const DEADLINE_MS = 180_000
const KILL_GRACE_MS = 5_000
const root = fileURLToPath(new URL('..', import.meta.url))

interface Outcome {
  file: string
  passed: number
  skipped: number
  failed: number
  seconds: number
  output: string
  problem: string | null
}

function runFile(file: string): Promise<Outcome> {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(nodeBinary(), ['--disable-warning=ExperimentalWarning', '--expose-gc', file], {
      cwd: root,
      env: { ...process.env, NODE_ENV: 'test', FORCE_COLOR: '0', NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let timedOut = false
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const deadline = setTimeout(() => {
      timedOut = true
      child.kill('SIGTERM')
      setTimeout(() => child.kill('SIGKILL'), KILL_GRACE_MS).unref()
    }, DEADLINE_MS)
    child.on('close', (code, signal) => {
      clearTimeout(deadline)
      const count = (label: string) =>
        [...output.matchAll(new RegExp(`^ *${label}: +(\\d+)`, 'gm'))].reduce(
          (sum, match) => sum + Number(match[1]),
          0,
        )
      const total = count('Total')
      const passed = count('Passed')
      const skipped = count('Skipped')
      const problem = timedOut
        ? `still running after ${DEADLINE_MS / 1000} s`
        : code !== 0
          ? `ended with ${signal ?? `exit code ${code}`}`
          : total === 0
            ? 'ran no test'
            : passed + skipped < total
              ? `${total - passed - skipped} tests failed`
              : null
      const failed = problem === null ? 0 : Math.max(1, total - passed)
      resolve({
        file,
        passed,
        skipped,
        failed,
        seconds: (performance.now() - started) / 1000,
        output,
        problem,
      })
    })
  })
}

const wanted = process.argv.slice(2)
const files = globSync('test/**/*.test.ts', { cwd: root })
  .sort()
  .filter((file) => wanted.length === 0 || wanted.some((name) => file.includes(name)))
if (files.length === 0) {
  console.error(`no test file matches ${wanted.join(' ')}`)
  process.exit(1)
}
const usesOnly = files.filter((file) => /\.only\(/.test(readFileSync(`${root}${file}`, 'utf8')))
const outcomes: Outcome[] = []
// Files under test/network start many daemons: one at a time, after all others.
const parallel = files.filter((file) => !file.includes('test/network/'))
const alone = files.filter((file) => file.includes('test/network/'))

function report(outcome: Outcome): void {
  outcomes.push(outcome)
  const counts = `${outcome.passed} passed${outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : ''}`
  console.log(
    `${outcome.problem === null ? 'ok  ' : 'FAIL'} ${outcome.file} (${counts}, ${outcome.seconds.toFixed(1)} s)`,
  )
  for (const line of outcome.output.split('\n')) if (line.startsWith('skipped:')) console.log(`     ${line}`)
  if (outcome.problem !== null)
    console.log(`${outcome.output.trimEnd()}\n     ${outcome.file}: ${outcome.problem}`)
}

const queue = [...parallel]
const lanes = Math.min(availableParallelism(), 4)
await Promise.all(
  Array.from({ length: lanes }, async () => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) report(await runFile(file))
  }),
)
for (const file of alone) report(await runFile(file))
for (const file of usesOnly) console.log(`FAIL ${file} uses .only`)

const sum = (pick: (outcome: Outcome) => number) =>
  outcomes.reduce((total, outcome) => total + pick(outcome), 0)
const failed = sum((outcome) => outcome.failed) + usesOnly.length
const skipped = sum((outcome) => outcome.skipped)
console.log(
  `\n${sum((outcome) => outcome.passed)} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
)
process.exit(failed === 0 ? 0 : 1)
