/** One run of a program in bubblewrap: starts it, feeds it, bounds it, and tells how it ended. */
import { type ChildProcess, type IOType, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { setPriority } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { VillageError } from '../../errors.ts'
import {
  bubblewrapArguments,
  FIRST_FILE_FD,
  KEEP_FD,
  ownProcesses,
  SANDBOX_HOME,
  type SandboxTools,
} from './bubblewrap-arguments.ts'
import { keptStreamBytes, readKept } from './kept-files.ts'
import { leakedDescriptors } from './leaked-descriptors.ts'
import { type MemoryWatch, watchMemory } from './memory-watch.ts'
import type { LimitHit, SandboxJob, SandboxResult } from './sandbox-job.ts'
import { type FilterMachine, seccompFilter } from './seccomp.ts'

const SETUP_TIMEOUT_MS = 20_000
const MAX_STATUS_BYTES = 65_536
/** A daemon that runs as root gives the program another user: root is exempt from limits and reads every file. */
const NOBODY = 65_534
const NICENESS = 5
const SIGNAL_BASE = 128
const MAX_SIGNAL = 64
const SIGXCPU = 24
const SIGXFSZ = 25

/** Keeps the first bytes of a stream, and tells when there are more. */
function collect(stream: Readable, limitBytes: number, over: () => void): () => Buffer {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  stream.on('data', (chunk: Buffer) => {
    const room = limitBytes - sizeBytes
    if (chunk.length > room) over()
    if (room <= 0) return
    const kept = chunk.subarray(0, room)
    chunks.push(kept)
    sizeBytes += kept.length
  })
  stream.on('error', () => {})
  return () => Buffer.concat(chunks)
}

function feed(stream: Writable, content: string | Uint8Array): void {
  // A program that ends without reading all of it breaks the pipe, which is its own affair.
  stream.on('error', () => {})
  stream.end(content)
}

/** What bubblewrap tells of the run, one JSON object a line. */
interface Status {
  childPid: number | null
  exitCode: number | null
}

/** Keeps `status` up to date, and tells when the first process of the sandbox is there. */
function followStatus(stream: Readable, status: Status, started: (pid: number) => void): void {
  let text = ''
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString('latin1')).slice(-MAX_STATUS_BYTES)
    const pid = /"child-pid": (\d+)/.exec(text)?.[1]
    if (pid !== undefined && status.childPid === null) {
      status.childPid = Number(pid)
      started(status.childPid)
    }
    const code = /"exit-code": (\d+)/.exec(text)?.[1]
    if (code !== undefined) status.exitCode = Number(code)
  })
}

/**
 * Ends everything in the sandbox: all of a PID namespace dies with its first process, `rootPid`. The number is that of the
 * sandbox only as long as bubblewrap is its parent.
 */
function killTree(child: ChildProcess, rootPid: number | null): void {
  if (rootPid !== null && parentOf(rootPid) === child.pid) process.kill(rootPid, 'SIGKILL')
  child.kill('SIGKILL')
}

function parentOf(pid: number): number | null {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
  } catch {
    return null // it has ended
  }
}

/** What the child gets as its descriptors: pipes that are ours to use, and nothing in the place of leaked ones. */
function descriptors(job: SandboxJob, leaked: readonly number[], nothing: FileHandle): (IOType | number)[] {
  const pipes = FIRST_FILE_FD + Object.keys(job.files).length
  const last = Math.max(pipes - 1, ...leaked)
  const covered = new Set(leaked)
  return Array.from({ length: last + 1 }, (_, number) => {
    if (number === KEEP_FD && job.keep === undefined) return nothing.fd
    if (number < pipes) return 'pipe'
    return covered.has(number) ? nothing.fd : 'ignore'
  })
}

async function start(tools: SandboxTools, job: SandboxJob): Promise<ChildProcess> {
  const asRoot = process.getuid?.() === 0
  const nothing = await open('/dev/null', 'r')
  try {
    const child = spawn(tools.bwrap, bubblewrapArguments(tools, job), {
      // Process 1 of the sandbox keeps the environment that it was started with in its memory.
      env: {},
      cwd: '/',
      detached: true,
      ...(asRoot ? { uid: NOBODY, gid: NOBODY } : {}),
      stdio: descriptors(job, await leakedDescriptors(), nothing),
    })
    // It stands back behind the event loop, but not so far that its time runs out on a busy machine.
    if (child.pid !== undefined) setPriority(child.pid, NICENESS)
    return child
  } finally {
    await nothing.close()
  }
}

function limitOf(signal: number | null): LimitHit | null {
  if (signal === SIGXCPU) return 'cpu'
  return signal === SIGXFSZ ? 'files' : null
}

/**
 * Runs the job. Rejects with SANDBOX_FAILED where bubblewrap could not set it up and with the signal's reason when
 * aborted; whatever the program does is a result.
 */
export async function runBubblewrap(
  tools: SandboxTools,
  job: SandboxJob,
  signal: AbortSignal,
): Promise<SandboxResult> {
  const child = await start(tools, job).catch((error: unknown) => {
    throw new VillageError('SANDBOX_FAILED', 'Bubblewrap could not be started.', { cause: error })
  })
  return new Promise((resolve, reject) => {
    const { limits } = job
    let limitHit: LimitHit | null = null
    let setupFailure: string | null = null
    let watch: MemoryWatch | undefined
    let isKilled = false
    let timedOut = false
    const status: Status = { childPid: null, exitCode: null }
    const kill = () => {
      isKilled = true
      // Killed before its child has asked to die with it, bubblewrap would leave one behind: wait for its word.
      if (status.childPid !== null || setupFailure !== null) killTree(child, status.childPid)
    }
    const over = (limit: LimitHit) => {
      limitHit ??= limit
      kill()
    }
    let timer = setTimeout(() => {
      setupFailure = 'it was not ready in time'
      kill()
    }, SETUP_TIMEOUT_MS)
    const settle = () => {
      clearTimeout(timer)
      watch?.end()
      signal.removeEventListener('abort', kill)
    }

    child.on('error', (error) => {
      settle()
      reject(new VillageError('SANDBOX_FAILED', 'Bubblewrap could not be started.', { cause: error }))
    })
    const [stdin, stdout, stderr, statusStream, filter] = child.stdio as [
      Writable,
      Readable,
      Readable,
      Readable,
      Writable,
    ]
    const streams: readonly (Readable | Writable | null | undefined)[] = child.stdio
    const keepStream = (streams[KEEP_FD] ?? null) as Readable | null
    const files = streams.slice(FIRST_FILE_FD) as Writable[]
    if (child.pid === undefined) return
    const out = collect(stdout, limits.outputBytes, () => over('output'))
    const err = collect(stderr, limits.outputBytes, () => over('output'))
    const { keep } = job
    const keepBytes = keep === undefined ? 0 : keptStreamBytes(keep)
    // Beyond that nothing is kept, and it is said; what goes on for ever ends with the time.
    const kept = keepStream === null ? null : collect(keepStream, keepBytes, () => {})
    followStatus(statusStream, status, (rootPid) => {
      if (isKilled) return killTree(child, rootPid)
      clearTimeout(timer)
      timer = setTimeout(() => {
        timedOut = true
        over(watch?.isCrowded() === true ? 'processes' : 'wall')
      }, limits.wallMs)
      watch = watchMemory({ rootPid, home: SANDBOX_HOME, limits, ownProcesses: ownProcesses(job) }, over)
    })
    signal.addEventListener('abort', kill, { once: true })
    if (signal.aborted) kill()
    feed(filter, seccompFilter(process.arch as FilterMachine))
    Object.values(job.files).forEach((text, index) => {
      const file = files[index]
      if (file !== undefined) feed(file, text)
    })
    feed(stdin, job.stdin ?? '')

    child.on('close', () => {
      settle()
      if (signal.aborted) return reject(signal.reason)
      const { exitCode } = status
      if (limitHit === null && exitCode === null)
        return reject(
          new VillageError('SANDBOX_FAILED', 'Bubblewrap could not set the sandbox up.', {
            fields: { reason: (setupFailure ?? err().toString('utf8')).slice(0, 400) },
          }),
        )
      const bySignal = limitHit === null ? (exitCode ?? 0) - SIGNAL_BASE : 0
      const endSignal = bySignal > 0 && bySignal <= MAX_SIGNAL ? bySignal : null
      resolve({
        exitCode: limitHit === null ? exitCode : null,
        signal: endSignal,
        stdout: out().toString('utf8'),
        stderr: err().toString('utf8'),
        timedOut: timedOut && (limitHit === 'wall' || limitHit === 'processes'),
        limitHit: limitHit ?? limitOf(endSignal),
        ...(keep === undefined || kept === null || limitHit !== null
          ? {}
          : { kept: readKept(kept(), keep, job.files) }),
      })
    })
  })
}
