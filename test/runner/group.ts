/** One process that runs a group of test files, watched from outside: deadlines, how each file ended, what was left behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import path from 'node:path'
import { nodeBinary } from '../../scripts/run.js'
import { startDeadline } from './deadline.ts'
import { createMarkReader, type Mark } from './marks.ts'

/** How long children of a test may outlive its process. */
const LINGER_MS = 2_000
const HOST = path.join(import.meta.dirname, 'host.ts')
/** A group by process, so that what a test starts ends with it: there is no such thing on Windows. */
const groups = process.platform !== 'win32'
const running = new Set<ChildProcess>()

export interface Outcome {
  file: string
  passed: number
  skipped: number
  failed: number
  seconds: number
  processorSeconds: number
  output: string
  problem: string | null
}

export interface GroupInit {
  root: string
  environment: NodeJS.ProcessEnv
  /** How long one file may take, and how long a process may go on after its last file. */
  deadlineMs: number
  leftoverMs: number
  /** How many times longer work takes now than on this machine at rest: both deadlines are put off by it. */
  slowness: () => number
  report: (outcome: Outcome) => void
}

function kill(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(groups ? -child.pid : child.pid, signal)
  } catch {
    // Nobody is left in the group.
  }
}

export function killAll(): void {
  for (const child of running) kill(child, 'SIGKILL')
}

/** What uvu's own summaries add up to. */
function counts(output: string): { passed: number; skipped: number; total: number } {
  const count = (label: string) =>
    [...output.matchAll(new RegExp(`^ *${label}: +(\\d+)`, 'gm'))].reduce(
      (sum, match) => sum + Number(match[1]),
      0,
    )
  // uvu counts skipped tests beside the total, not in it.
  return { passed: count('Passed'), skipped: count('Skipped'), total: count('Total') }
}

function judge(
  file: string,
  output: string,
  started: number,
  processorSeconds: number,
  ending: string | null,
): Outcome {
  const { passed, skipped, total } = counts(output)
  const problem =
    passed < total
      ? `${total - passed} of ${total} tests did not pass`
      : (ending ?? (total + skipped === 0 ? 'ran no test' : null))
  const failed = problem === null ? 0 : Math.max(1, total - passed)
  const seconds = (performance.now() - started) / 1000
  return { file, passed, skipped, failed, seconds, processorSeconds, output, problem }
}

/**
 * Runs the files in one process and reports each; returns those that it did not come to, because the process ended in
 * one before them.
 */
function runProcess(files: readonly string[], init: GroupInit): Promise<string[]> {
  return new Promise((resolve) => {
    const token = randomUUID()
    const child = spawn(
      nodeBinary(),
      ['--disable-warning=ExperimentalWarning', '--expose-gc', HOST, token, ...files],
      { cwd: init.root, env: init.environment, stdio: ['ignore', 'pipe', 'pipe'], detached: groups },
    )
    running.add(child)
    let done = 0
    let output = ''
    let started = performance.now()
    let timedOut = false
    const open: string[] = []
    let callOff = () => {}
    const arm = (ms: number) => {
      callOff()
      callOff = startDeadline(ms, init.slowness, () => {
        timedOut = true
        kill(child, 'SIGTERM')
        setTimeout(() => kill(child, 'SIGKILL'), Math.min(5_000, init.deadlineMs)).unref()
      })
    }
    arm(init.deadlineMs)

    function onMark(mark: Mark): void {
      // The file that was told to end may come to its end all the same: with what is no longer there.
      if (timedOut) return
      init.report(judge(mark.file, output, started, mark.processorSeconds, null))
      open.push(`${mark.file}: ${mark.open.join(', ') || 'nothing'}`)
      done++
      output = ''
      started = performance.now()
      arm(done < files.length ? init.deadlineMs : init.leftoverMs)
    }
    child.stdout.setEncoding('utf8').on(
      'data',
      createMarkReader(token, (text) => (output += text), onMark),
    )
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text))
    // Processes that a test left behind would hold its output open: end them when the test itself has ended.
    let linger: NodeJS.Timeout | undefined
    child.on('exit', () => {
      callOff()
      linger = setTimeout(() => kill(child, 'SIGKILL'), LINGER_MS)
    })
    child.on('close', (code, signal) => {
      clearTimeout(linger)
      kill(child, 'SIGKILL')
      running.delete(child)
      if (done === files.length && code === 0 && !timedOut) return resolve([])
      const ending = timedOut
        ? `still running after ${(done < files.length ? init.deadlineMs : init.leftoverMs) / 1000} s`
        : `ended with ${signal ?? `exit code ${code}`}`
      const file = files[done]
      if (file !== undefined) init.report(judge(file, output, started, 0, ending))
      else
        init.report(
          judge(
            files.join(' '),
            `${output}\nkept alive after each file:\n${open.join('\n')}`,
            started,
            0,
            `${ending} after the last test`,
          ),
        )
      resolve(files.slice(done + 1))
    })
  })
}

/** Runs all files, in as few processes as go well: what a process that ended early left undone goes on in another. */
export async function runGroup(files: readonly string[], init: GroupInit): Promise<void> {
  let left: readonly string[] = files
  while (left.length > 0) left = await runProcess(left, init)
}
