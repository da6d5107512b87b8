/**
 * Runs the test files, several of a folder in one process, with a deadline for each (three minutes, longer while
 * the machine is busy), and fails on a file that ran no test.
 * uvu alone exits 0 on a throwing `before` hook, on a forgotten `.run()` and on `.only`, and has no timeout.
 *
 * usage: npm test [-- NAME ...]   only files whose path contains a NAME
 *
 * A file that measures or changes its process says so in a line `// own process: WHY`, and gets one.
 *
 * The tests of this runner point it elsewhere: VILLAGE_TEST_ROOT is the folder that holds `test/`,
 * VILLAGE_TEST_DEADLINE_MS is how long one file may take, however busy the machine is, and
 * VILLAGE_TEST_LEFTOVER_MS how long a process may go on after its last test.
 */
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { slowness } from './runner/deadline.ts'
import { killAll, type Outcome, runGroup } from './runner/group.ts'
import { planGroups, type TestFile, wantsOwnProcess } from './runner/plan.ts'
import { processorSeconds } from './runner/processor-time.ts'

const started = performance.now()
const root = path.resolve(process.env.VILLAGE_TEST_ROOT ?? path.join(import.meta.dirname, '..'))
const cache = path.join(root, 'node_modules', '.cache', 'village-test')
const secondsFile = path.join(cache, 'seconds.json')
/** How many of the dearest files are named at the end. */
const NAMED_FILES = 12

/** What each file took when it last ran here: only the order depends on it, so what cannot be read is not missed. */
function readSeconds(): Record<string, number> {
  try {
    return JSON.parse(readFileSync(secondsFile, 'utf8')) as Record<string, number>
  } catch {
    return {}
  }
}

const wanted = process.argv.slice(2)
const names = globSync('test/**/*.test.ts', { cwd: root })
  .sort()
  .filter((file) => wanted.length === 0 || wanted.some((name) => file.includes(name)))
if (names.length === 0) {
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

const lastSeconds = readSeconds()
const sourceProblems: string[] = []
const files = names.map((file): TestFile => {
  const text = readFileSync(path.join(root, file), 'utf8')
  const problem = sourceProblem(text)
  if (problem !== null) sourceProblems.push(`${file} ${problem}`)
  return { file, alone: wantsOwnProcess(text), seconds: lastSeconds[file] }
})

const outcomes: Outcome[] = []
function report(outcome: Outcome): void {
  outcomes.push(outcome)
  const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : ''
  const times = `${outcome.seconds.toFixed(1)} s, ${outcome.processorSeconds.toFixed(1)} s of processor`
  console.log(
    `${outcome.problem === null ? 'ok  ' : 'FAIL'} ${outcome.file} (${outcome.passed} passed${skipped}, ${times})`,
  )
  for (const line of outcome.output.split('\n')) if (line.startsWith('skipped:')) console.log(`     ${line}`)
  if (outcome.problem !== null)
    console.log(`${outcome.output.trimEnd()}\n     ${outcome.file}: ${outcome.problem}`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    killAll()
    process.exit(130)
  })

const init = {
  root,
  environment: {
    ...process.env,
    // What one process has compiled the others take from here. Not where coverage is measured, which V8 does less
    // exactly for code from a cache.
    ...(process.env.NODE_V8_COVERAGE === undefined && existsSync(path.join(root, 'node_modules'))
      ? { NODE_COMPILE_CACHE: path.join(cache, 'compiled') }
      : {}),
    NODE_ENV: 'test',
    ORT_DISABLE_TELEMETRY: '1',
    FORCE_COLOR: '0',
    NO_COLOR: '1',
  },
  deadlineMs: Number(process.env.VILLAGE_TEST_DEADLINE_MS ?? 180_000),
  slowness: process.env.VILLAGE_TEST_DEADLINE_MS === undefined ? slowness : () => 1,
  leftoverMs: Number(process.env.VILLAGE_TEST_LEFTOVER_MS ?? 30_000),
  report,
}

async function runEach(queue: string[][]): Promise<void> {
  for (let group = queue.shift(); group !== undefined; group = queue.shift()) await runGroup(group, init)
}
// Files under test/network start many daemons and wait for most of their time: one of them at a time, beside others.
const isNetwork = ({ file }: TestFile) => file.includes('test/network/')
const network = planGroups(files.filter(isNetwork))
const others = planGroups(files.filter((file) => !isNetwork(file)))
// One more than there are cores: most files wait for a disk, a timer or a daemon some of their time.
const lanes = Math.min(availableParallelism() + 1, 4)
await Promise.all([
  runEach(network).then(() => runEach(others)),
  ...Array.from({ length: lanes - 1 }, () => runEach(others)),
])
for (const problem of sourceProblems) console.log(`FAIL ${problem}`)
if (existsSync(path.join(root, 'node_modules'))) {
  mkdirSync(cache, { recursive: true })
  const seconds = Object.fromEntries(outcomes.map((outcome) => [outcome.file, outcome.seconds]))
  writeFileSync(secondsFile, JSON.stringify({ ...lastSeconds, ...seconds }))
}

const sum = (pick: (outcome: Outcome) => number) =>
  outcomes.reduce((total, outcome) => total + pick(outcome), 0)
const failed = sum((outcome) => outcome.failed) + sourceProblems.length
const skipped = sum((outcome) => outcome.skipped)
const dearest = outcomes.toSorted((left, right) => right.processorSeconds - left.processorSeconds)
console.log(
  `\n${((performance.now() - started) / 1000).toFixed(0)} s, ${processorSeconds().toFixed(0)} s of processor time; most in:`,
)
for (const { file, processorSeconds } of dearest.slice(0, NAMED_FILES))
  console.log(`  ${processorSeconds.toFixed(1).padStart(5)} s ${file}`)
console.log(
  `\n${sum((outcome) => outcome.passed)} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
)
process.exit(failed === 0 ? 0 : 1)
