/**
 * Runs the test files, each in a process of its own with a deadline, and fails on a file that ran no test.
 * uvu alone exits 0 on a throwing `before` hook, on a forgotten `.run()` and on `.only`, and has no timeout.
 *
 * usage: npm test [-- NAME ...]   only files whose path contains a NAME
 *
 * The tests of this runner point it elsewhere: VILLAGE_TEST_ROOT is the folder that holds `test/`, and
 * VILLAGE_TEST_DEADLINE_MS is how long one file may take.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { nodeBinary } from '../scripts/run.js'

const DEADLINE_MS = Number(process.env.VILLAGE_TEST_DEADLINE_MS ?? 180_000)
/** How long children of a test may outlive it. */
const LINGER_MS = 2_000
const KILL_GRACE_MS = Math.min(5_000, DEADLINE_MS)
const root = path.resolve(process.env.VILLAGE_TEST_ROOT ?? path.join(import.meta.dirname, '..'))
/** A group by file, so that what a test starts ends with it: there is no such thing on Windows. */
const groups = process.platform !== 'win32'
const running = new Set<ChildProcess>()
/**
 * Hundreds of processes load the same modules: what one has compiled the others take from here. Not where coverage is
 * measured, which V8 does less exactly for code from a cache.
 */
const cacheDirectory =
  process.env.NODE_V8_COVERAGE === undefined ? mkdtempSync(path.join(tmpdir(), 'village-test-cache-')) : null
const COMPILE_CACHE = cacheDirectory === null ? {} : { NODE_COMPILE_CACHE: cacheDirectory }
process.on('exit', () => {
  if (cacheDirectory !== null) rmSync(cacheDirectory, { recursive: true, force: true })
})

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(groups ? -child.pid : child.pid, signal)
  } catch {
    // Nobody is left in the group.
  }
}

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
      env: {
        ...process.env,
        ...COMPILE_CACHE,
        NODE_ENV: 'test',
        ORT_DISABLE_TELEMETRY: '1',
        FORCE_COLOR: '0',
        NO_COLOR: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: groups,
    })
    running.add(child)
    let output = ''
    let timedOut = false
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const deadline = setTimeout(() => {
      timedOut = true
      kill(child, 'SIGTERM')
      setTimeout(() => kill(child, 'SIGKILL'), KILL_GRACE_MS)
    }, DEADLINE_MS)
    // Processes that a test left behind would hold its output open: end them when the test itself has ended.
    let linger: NodeJS.Timeout | undefined
    child.on('exit', () => {
      linger = setTimeout(() => kill(child, 'SIGKILL'), LINGER_MS)
    })
    child.on('close', (code, signal) => {
      clearTimeout(deadline)
      clearTimeout(linger)
      kill(child, 'SIGKILL')
      running.delete(child)
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
          : total + skipped === 0
            ? 'ran no test'
            : // uvu counts skipped tests beside the total, not in it.
              passed < total
              ? `${total - passed} of ${total} tests did not pass`
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

/** What uvu would pass over in silence. */
function sourceProblem(text: string): string | null {
  if (/\.only\(/.test(text)) return 'uses .only'
  const suites = [...text.matchAll(/^(?:const|let) (\w+) = suite\b/gm)].map((match) => match[1]!)
  if (/import \{[^}]*\btest\b[^}]*\} from '[^']*\buvu\b[^']*'/.test(text)) suites.push('test')
  const forgotten = suites.find((name) => !text.includes(`${name}.run()`))
  return forgotten === undefined ? null : `never calls ${forgotten}.run()`
}

const sourceProblems = files.flatMap((file) => {
  const problem = sourceProblem(readFileSync(path.join(root, file), 'utf8'))
  return problem === null ? [] : [`${file} ${problem}`]
})
const outcomes: Outcome[] = []
// Files under test/network start many daemons and wait for most of their time: one of them at a time, beside others.
const isNetwork = (file: string) => file.includes('test/network/')

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

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    for (const child of running) kill(child, 'SIGKILL')
    process.exit(130)
  })

async function runEach(queue: string[]): Promise<void> {
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) report(await runFile(file))
}
const network = files.filter(isNetwork)
const others = files.filter((file) => !isNetwork(file))
// One more than there are cores: most files wait for a disk, a timer or a daemon some of their time.
const lanes = Math.min(availableParallelism() + 1, 4)
await Promise.all([
  runEach(network).then(() => runEach(others)),
  ...Array.from({ length: lanes - 1 }, () => runEach(others)),
])
for (const problem of sourceProblems) console.log(`FAIL ${problem}`)

const sum = (pick: (outcome: Outcome) => number) =>
  outcomes.reduce((total, outcome) => total + pick(outcome), 0)
const failed = sum((outcome) => outcome.failed) + sourceProblems.length
const skipped = sum((outcome) => outcome.skipped)
console.log(
  `\n${sum((outcome) => outcome.passed)} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
)
process.exit(failed === 0 ? 0 : 1)
