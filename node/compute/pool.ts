/**
 * Worker threads for everything that computes, so that the event loop of the daemon stays free.
 *
 * Threads are started when there is work for them and keep what they have loaded (kernels, sessions). That is
 * why this is not piscina: it ends the thread of a cancelled task, and with it every session that the thread
 * had loaded; here a running operation is told through its signal, and only a deaf one loses its thread.
 */
import '../no-telemetry.ts'
import { Worker } from 'node:worker_threads'
import { toVillageError, VillageError } from '../errors.ts'
import type { Service } from '../lifecycle.ts'
import type { Log } from '../log.ts'
import type { OperationInput, OperationOutput, Operations, OperationTable } from './operations.ts'
import type { WorkerInit } from './serve-operations.ts'
import { type FromWorker, fromWireError, type ToWorker, transferable } from './worker-messages.ts'

export interface PoolInit {
  /** Read when there is work: it may change. */
  readonly threads: number
  /** `off` makes the threads use the TypeScript reference. */
  readonly native?: 'auto' | 'off'
  /** How far the threads stand back behind the event loop (Linux only), 0 to 19; 10 if absent. */
  readonly niceness?: number
  /** A cancelled operation that has not ended by then loses its thread; 30 s if absent. */
  readonly abortGraceMs?: number
  /** A thread that has had nothing to do for this long ends, and what it had loaded with it; 60 s if absent. */
  readonly idleMs?: number
  /** Called when a thread that was idle has ended. */
  readonly onIdleEnd?: () => void
  /** The module that a thread runs, which calls serveOperations; node/compute/worker.ts if absent. */
  readonly workerUrl?: URL
}

export interface RunOptions {
  readonly signal?: AbortSignal
  /** Higher goes first; 0 if absent. Equals go in the order of their arrival. */
  readonly priority?: number
  /** Told now and then which share of the operation is done, 0 to 1, where it says so. */
  readonly onProgress?: (share: number) => void
  /** Gives the arrays of the input away instead of copying them: the caller's are then empty. */
  readonly transfer?: boolean
}

export interface PoolStats {
  readonly threads: number
  readonly busy: number
  readonly queued: number
}

/** `T` is the table that the threads serve; the daemon's is OPERATIONS. */
export interface Pool<T extends OperationTable = Operations> extends Service {
  /**
   * Runs a row of OPERATIONS on a thread. Rejects with what the operation threw, with the signal's reason as
   * soon as it aborts, WORKER_CRASHED when the thread ended, SHUTTING_DOWN when the pool is stopped or was
   * never started.
   */
  run<N extends keyof T & string>(
    name: N,
    input: OperationInput<T, N>,
    options?: RunOptions,
  ): Promise<OperationOutput<T, N>>
  stats(): PoolStats
}

interface Task {
  readonly id: number
  readonly name: string
  readonly input: unknown
  readonly transfer: boolean
  readonly priority: number
  readonly onProgress: ((share: number) => void) | undefined
  /** Once only; later calls do nothing. */
  settle(error: VillageError | null, output?: unknown): void
}

interface Thread {
  readonly worker: Worker
  ready: boolean
  /** Closing or terminated: takes nothing more. */
  leaving: boolean
  task: Task | null
  /** Of a cancelled task, or of idleness. */
  deadline: NodeJS.Timeout | undefined
}

const DEFAULT_NICENESS = 10
const DEFAULT_ABORT_GRACE_MS = 30_000
/** Long enough that the tasks of a job find their sessions loaded, short enough that an idle daemon is a small one. */
const DEFAULT_IDLE_MS = 60_000
const DRAIN_MS = 10_000
const WORKER_URL = new URL('./worker.ts', import.meta.url)

export function createPool<T extends OperationTable = Operations>(
  components: { log: Log },
  init: PoolInit,
): Pool<T> {
  const { log } = components
  const queue: Task[] = []
  const threads = new Set<Thread>()
  let open = false
  let nextId = 1
  let stopping: Promise<void> | undefined
  let whenIdle: (() => void) | undefined

  function post(thread: Thread, message: ToWorker, transfer: ArrayBuffer[] = []): void {
    thread.worker.postMessage(message, transfer)
  }

  function spawn(): void {
    const env = init.native === 'off' ? { ...process.env, VILLAGE_NATIVE: 'off' } : process.env
    const workerData: WorkerInit = { niceness: init.niceness ?? DEFAULT_NICENESS }
    const worker = new Worker(init.workerUrl ?? WORKER_URL, { env, workerData, name: 'compute' })
    const thread: Thread = { worker, ready: false, leaving: false, task: null, deadline: undefined }
    threads.add(thread)
    let cause: unknown
    worker.on('message', (message: FromWorker) => hear(thread, message))
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', (exitCode) => bury(thread, exitCode, cause))
  }

  function hear(thread: Thread, message: FromWorker): void {
    if (message.type === 'ready') {
      thread.ready = true
    } else {
      const { task } = thread
      if (task?.id !== message.id) return
      if (message.type === 'progress') {
        task.onProgress?.(message.share)
        return
      }
      clearTimeout(thread.deadline)
      thread.deadline = undefined
      thread.task = null
      if (message.type === 'done') task.settle(null, message.output)
      else task.settle(fromWireError(message.error))
    }
    pump()
  }

  function bury(thread: Thread, exitCode: number, cause: unknown): void {
    threads.delete(thread)
    clearTimeout(thread.deadline)
    if (!thread.leaving)
      log.error({ err: cause, exitCode, operation: thread.task?.name }, 'worker thread ended')
    // A thread that could not even start takes one waiting task with it: starts are then never repeated
    // without end.
    const task = thread.task ?? (thread.ready || thread.leaving ? null : (queue.shift() ?? null))
    task?.settle(
      new VillageError('WORKER_CRASHED', `The worker thread ended while it ran ${task.name}.`, {
        cause,
        fields: { operation: task.name, exitCode, reason: cause instanceof Error ? cause.message : null },
      }),
    )
    pump()
  }

  /** Gives waiting tasks to free threads and starts threads for the rest. */
  function pump(): void {
    let busy = [...threads].filter((thread) => thread.task !== null).length
    for (const thread of threads) {
      // Fewer threads may be allowed than there are.
      if (queue.length === 0 || busy >= init.threads) break
      if (!thread.ready || thread.leaving || thread.task !== null) continue
      begin(thread, queue.shift()!)
      busy += 1
    }
    if (open) {
      const starting = [...threads].filter((thread) => !thread.ready).length
      const free = Math.max(0, init.threads - threads.size)
      for (let i = Math.min(free, queue.length - starting); i > 0; i--) spawn()
    }
    for (const thread of threads)
      if (thread.ready && !thread.leaving && thread.task === null) thread.deadline ??= retireLater(thread)
    if (whenIdle !== undefined && [...threads].every((thread) => thread.task === null)) whenIdle()
  }

  function retireLater(thread: Thread): NodeJS.Timeout {
    const retire = () => void close(thread).then(init.onIdleEnd)
    return setTimeout(retire, init.idleMs ?? DEFAULT_IDLE_MS).unref()
  }

  function begin(thread: Thread, task: Task): void {
    clearTimeout(thread.deadline)
    thread.deadline = undefined
    thread.task = task
    try {
      const buffers = task.transfer ? transferable(task.input) : []
      post(thread, { type: 'run', id: task.id, name: task.name, input: task.input }, buffers)
    } catch (error) {
      // An input that cannot be cloned, or whose arrays were given away before.
      thread.task = null
      task.settle(new VillageError('INTERNAL', `The input of ${task.name} cannot be sent.`, { cause: error }))
    }
  }

  function cancel(task: Task, reason: unknown): void {
    const waiting = queue.indexOf(task)
    if (waiting >= 0) queue.splice(waiting, 1)
    const thread = [...threads].find((candidate) => candidate.task === task)
    if (thread !== undefined) {
      post(thread, { type: 'abort', id: task.id })
      const graceMs = init.abortGraceMs ?? DEFAULT_ABORT_GRACE_MS
      thread.deadline = setTimeout(
        () => terminate(thread, 'cancelled operation goes on: thread ended'),
        graceMs,
      )
    }
    task.settle(toVillageError(reason))
  }

  function terminate(thread: Thread, message: string): void {
    log.warn({ operation: thread.task?.name }, message)
    thread.leaving = true
    void thread.worker.terminate()
  }

  function enqueue(task: Task): void {
    let at = queue.length
    while (at > 0 && queue[at - 1]!.priority < task.priority) at--
    queue.splice(at, 0, task)
    pump()
  }

  async function drain(): Promise<void> {
    const idle = new Promise<void>((resolve) => {
      whenIdle = resolve
    })
    const deadline = setTimeout(() => {
      for (const thread of threads) if (thread.task !== null) terminate(thread, 'operation cut off by stop')
    }, DRAIN_MS)
    pump()
    await idle
    clearTimeout(deadline)
  }

  async function close(thread: Thread): Promise<void> {
    const gone = new Promise((resolve) => thread.worker.once('exit', resolve))
    thread.leaving = true
    post(thread, { type: 'close' })
    const deadline = setTimeout(() => void thread.worker.terminate(), DRAIN_MS)
    await gone
    clearTimeout(deadline)
  }

  async function stopAll(): Promise<void> {
    open = false
    for (const task of queue.splice(0)) task.settle(new VillageError('SHUTTING_DOWN'))
    await drain()
    await Promise.all([...threads].map(close))
  }

  return {
    name: 'pool',
    async start() {
      if (!Number.isInteger(init.threads) || init.threads < 1)
        throw new VillageError('INVALID_ARGUMENT', `The pool cannot have ${init.threads} threads.`)
      open = true
    },
    stop() {
      stopping ??= stopAll()
      return stopping
    },
    run(name, input, options = {}) {
      const { signal } = options
      if (!open) return Promise.reject(new VillageError('SHUTTING_DOWN'))
      if (signal?.aborted === true) return Promise.reject(toVillageError(signal.reason))
      const { promise, resolve, reject } = Promise.withResolvers<OperationOutput<T, typeof name>>()
      let settled = false
      const onAbort = () => cancel(task, signal?.reason)
      const task: Task = {
        id: nextId++,
        name,
        input,
        transfer: options.transfer ?? false,
        priority: options.priority ?? 0,
        onProgress: options.onProgress,
        settle(error, output) {
          if (settled) return
          settled = true
          signal?.removeEventListener('abort', onAbort)
          if (error !== null) reject(error)
          // The worker ran the row of this name, so that its output has this type.
          else resolve(output as OperationOutput<T, typeof name>)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      enqueue(task)
      return promise
    },
    stats: () => ({
      threads: init.threads,
      busy: [...threads].filter((thread) => thread.task !== null).length,
      queued: queue.length,
    }),
  }
}
