/**
 * A process that parses files. A process, not a thread: what it takes outside the JavaScript heap counts and is bounded too, and
 * whatever a file does to it ends with it. It may read files; it may not write, start programs or load native code (Node's
 * permission model), and it knows no secret of the environment.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { setPriority } from 'node:os'
import { loadKernels } from '../../../../compute/kernels.ts'
import { toVillageError } from '../../../../errors.ts'
import type { Log } from '../../../../log.ts'
import { checkFromParser } from './check-items.ts'
import type { FileToParse, FromParser, ParserItem, ParserSettings, ToParser } from './messages.ts'

export interface ParserProcessInit {
  readonly settings: ParserSettings
  /** Without any message for so long, while none waits to be taken, it is killed. */
  readonly timeoutMs: number
  /** The module that it runs; parser-main.ts if absent. */
  readonly entryUrl?: URL
}

/** How a batch ended. `file` is the one that the process died of, `isStarted` whether something of it was taken. */
export type BatchEnd =
  | { readonly kind: 'done' }
  | {
      readonly kind: 'died'
      readonly file: number
      readonly isStarted: boolean
      readonly code: string
      readonly message: string
    }

export interface ParserProcess {
  /** One batch at a time. `take` may wait: the process then does. Throws the reason of the signal. */
  run(
    files: readonly FileToParse[],
    take: (item: ParserItem) => Promise<void>,
    signal: AbortSignal,
  ): Promise<BatchEnd>
  /** Dead, or better replaced by a new one. */
  readonly isSpent: boolean
  /** Resolves when it has ended. */
  stop(): Promise<void>
}

const ENTRY_URL = new URL('./parser-main.ts', import.meta.url)
const WATCH_MS = 25
/** Until it says that it is ready: on a machine with much to do that takes longer than most files. */
const START_TIMEOUT_MS = 60_000
/** The rest is for buffers, code and stacks. */
const HEAP_SHARE = 0.6
/** Memory grows on between two looks: it is killed a little before the limit, so as to stay under it. */
const KILL_SHARE = 0.92
/** What a process has gathered in caches and fragments goes with it. */
const MAX_FILES = 5_000
const SPENT_MEMORY_SHARE = 0.6
const STDERR_CHARACTERS = 2_000

/** Behind the daemon, which has people and peers that wait. */
const NICENESS = 10

function standBack(pid: number | undefined): void {
  try {
    if (pid !== undefined) setPriority(pid, NICENESS)
  } catch {
    // It ended already, or the system knows no priorities.
  }
}

/** Of a process in bytes, or null where the operating system does not say; the watchdog in the process still looks. */
function residentBytes(pid: number): number | null {
  try {
    const kib = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
    return kib === undefined ? null : Number(kib) * 1024
  } catch {
    return null
  }
}

function childEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const name of ['NODE_COMPILE_CACHE', 'SystemRoot'])
    if (process.env[name] !== undefined) env[name] = process.env[name]
  return env
}

interface Death {
  readonly code: string
  readonly message: string
}

export function startParserProcess(components: { log: Log }, init: ParserProcessInit): ParserProcess {
  const { log } = components
  const { memoryBytes } = init.settings
  // What earlier work left in this process would be missing to that one where both are under one cap of memory.
  loadKernels().releaseMemory()
  const child: ChildProcess = fork(init.entryUrl ?? ENTRY_URL, [], {
    execPath: process.execPath,
    execArgv: [
      '--permission',
      '--allow-fs-read=*',
      '--allow-worker', // the watchdog
      '--disable-warning=ExperimentalWarning',
      '--disable-warning=SecurityWarning',
      `--max-old-space-size=${Math.max(32, Math.floor((memoryBytes * HEAP_SHARE) / 2 ** 20))}`,
    ],
    env: childEnvironment(),
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  let isDead = false
  let isReady = false
  let files = 0
  let residentAfter = 0
  /** Why this side killed it. */
  let killed: Death | null = null
  let stderr = ''
  /** The batch that runs. */
  let onMessage: ((message: FromParser) => void) | null = null
  let onDeath: ((death: Death) => void) | null = null
  const exited = Promise.withResolvers<void>()

  function kill(death: Death): void {
    killed ??= death
    child.kill('SIGKILL')
  }

  function deathOf(code: number | null, signal: string | null): Death {
    if (killed !== null) return killed
    // SIGABRT: the heap is full. SIGKILL that is not ours: the watchdog, or the operating system short of memory.
    if (signal === 'SIGABRT' || signal === 'SIGKILL' || code === 134) return memoryDeath(memoryBytes)
    log.debug({ code, signal, stderr }, 'parser process ended')
    return { code: 'PARSE_FAILED', message: 'The parser process ended while it read the file.' }
  }

  function ended(death: Death): void {
    isDead = true
    onDeath?.(death)
    exited.resolve()
  }

  child.stderr?.setEncoding('utf8')
  child.stderr?.on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARACTERS)
  })
  // Not `exit`: what it had sent before may still be on its way then.
  child.on('close', (code, signal) => ended(deathOf(code, signal)))
  child.on('error', (error) => {
    log.warn({ err: error }, 'parser process cannot be started')
    if (child.pid === undefined)
      ended({ code: 'PARSE_FAILED', message: 'The parser process cannot be started.' })
  })
  child.on('message', (value: unknown) => {
    try {
      const message = checkFromParser(value)
      isReady ||= message.type === 'ready'
      onMessage?.(message)
    } catch (error) {
      kill({ code: 'PARSE_FAILED', message: toVillageError(error).message })
    }
  })
  // A daemon that ends does not wait for it: the process ends when its channel closes.
  child.unref()
  child.channel?.unref()
  if (child.stderr instanceof Socket) child.stderr.unref()

  function tell(message: ToParser): void {
    if (!isDead && child.connected) child.send(message, () => {}) // a failure shows as its exit
  }
  standBack(child.pid)
  tell({ type: 'start', settings: init.settings })

  function run(
    batch: readonly FileToParse[],
    take: (item: ParserItem) => Promise<void>,
    signal: AbortSignal,
  ): Promise<BatchEnd> {
    const { promise, resolve, reject } = Promise.withResolvers<BatchEnd>()
    let done = 0
    let isStarted = false
    let progressAtMs = performance.now()
    let taking = 0
    let taken: Promise<void> = Promise.resolve()
    const watch = setInterval(() => {
      residentAfter = child.pid === undefined ? 0 : (residentBytes(child.pid) ?? 0)
      if (residentAfter > memoryBytes * KILL_SHARE) kill(memoryDeath(memoryBytes))
      const limitMs = isReady ? init.timeoutMs : Math.max(init.timeoutMs, START_TIMEOUT_MS)
      if (taking === 0 && performance.now() - progressAtMs > limitMs)
        kill({ code: 'PARSE_TIMEOUT', message: `The file takes more than ${init.timeoutMs} ms to parse.` })
    }, WATCH_MS)
    const onAbort = () => kill({ code: 'ABORTED', message: 'The operation was cancelled.' })
    signal.addEventListener('abort', onAbort, { once: true })

    async function takeAll(items: readonly ParserItem[]): Promise<void> {
      for (const item of items) {
        // Only what belongs to the file at hand can be right.
        if (item.file !== done)
          return kill({ code: 'PARSE_FAILED', message: 'The parser process lost its place.' })
        await take(item)
        isStarted = item.kind !== 'done'
        if (item.kind === 'done') done++
      }
    }

    onMessage = (message) => {
      progressAtMs = performance.now()
      if (message.type !== 'results') return
      taking++
      taken = taken
        .then(() => takeAll(message.items))
        .then(() => {
          taking--
          progressAtMs = performance.now()
          tell({ type: 'taken' })
          if (done === batch.length) finish({ kind: 'done' })
        })
        .catch((error: unknown) => {
          kill({ code: 'ABORTED', message: 'The operation was cancelled.' })
          finish(null, error)
        })
    }
    // What was sent before it died is still taken.
    onDeath = (death) => void taken.then(() => finish({ kind: 'died', file: done, isStarted, ...death }))

    function finish(end: BatchEnd | null, error?: unknown): void {
      clearInterval(watch)
      signal.removeEventListener('abort', onAbort)
      onMessage = null
      onDeath = null
      if (signal.aborted) reject(signal.reason)
      else if (end === null) reject(error)
      else resolve(end)
    }

    files += batch.length
    if (isDead) onDeath({ code: 'PARSE_FAILED', message: 'The parser process ended before it began.' })
    else if (signal.aborted) onAbort()
    else tell({ type: 'files', files: batch })
    return promise
  }

  return {
    run,
    get isSpent() {
      return isDead || files >= MAX_FILES || residentAfter > memoryBytes * SPENT_MEMORY_SHARE
    },
    async stop() {
      child.ref() // whoever waits for its end is not to end before
      if (!isDead) child.kill('SIGKILL')
      await exited.promise
    },
  }
}

function memoryDeath(memoryBytes: number): Death {
  const limit = Math.round(memoryBytes / 2 ** 20)
  return { code: 'PARSE_MEMORY', message: `The file needs more than ${limit} MiB of memory to parse.` }
}
