/** A thread that holds one loaded language model, seen from the daemon. */
import '../../no-telemetry.ts'
import { Worker } from 'node:worker_threads'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import { fromWireError } from '../worker-messages.ts'
import type { Completion, EngineInit, FromEngine, PromptRequest, ToEngine } from './engine-messages.ts'
import type { TokenEvent } from './language-model.ts'

export interface Engine {
  /** Requests on their way. */
  readonly active: number
  readonly residentBytes: number
  /** False once the thread has ended, by itself or not. */
  readonly alive: boolean
  /** Rejects with what the model threw, the signal's reason, or WORKER_CRASHED where the thread ended. */
  generate(
    request: PromptRequest,
    signal: AbortSignal,
    onToken?: (event: TokenEvent) => void,
  ): Promise<Completion>
  /** Ends the thread; what runs fails with SHUTTING_DOWN. */
  close(): Promise<void>
}

interface Call {
  onToken: ((event: TokenEvent) => void) | undefined
  settle(error: VillageError | null, completion?: Completion): void
}

const CLOSE_MS = 10_000
const THREAD_URL = new URL('./engine-thread.ts', import.meta.url)

/**
 * Starts the thread and loads the model. Throws what openLanguageModel throws, WORKER_CRASHED where the thread ended. `threadUrl`
 * is the module that it runs, for tests of threads that end.
 */
export async function openEngine(
  components: { log: Log },
  init: EngineInit & { threadUrl?: URL },
): Promise<Engine> {
  const { threadUrl = THREAD_URL, ...workerData } = init
  const worker = new Worker(threadUrl, { workerData, name: 'generate' })
  const calls = new Map<number, Call>()
  const ready = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  let nextId = 1
  let alive = true
  let closing = false
  let residentBytes = 0
  let cause: unknown

  const post = (message: ToEngine) => worker.postMessage(message)
  const crashed = () =>
    new VillageError('WORKER_CRASHED', 'The thread of the model ended.', {
      cause,
      fields: { operation: 'generate' },
    })

  worker.on('message', (message: FromEngine) => {
    if (message.type === 'ready') {
      residentBytes = message.residentBytes
      ready.resolve()
    } else if (message.type === 'broken') {
      closing = true
      ready.reject(fromWireError(message.error))
    } else if (message.type === 'token') calls.get(message.id)?.onToken?.(message.event)
    else {
      residentBytes = message.residentBytes
      const call = calls.get(message.id)
      if (message.type === 'done') call?.settle(null, message.completion)
      else call?.settle(fromWireError(message.error))
    }
  })
  worker.on('error', (error) => {
    cause = error
  })
  worker.on('exit', (exitCode) => {
    alive = false
    if (!closing) components.log.error({ err: cause, exitCode }, 'the thread of a model ended')
    ready.reject(crashed())
    for (const call of [...calls.values()]) call.settle(crashed())
    gone.resolve()
  })
  await ready.promise

  return {
    get active() {
      return calls.size
    },
    get residentBytes() {
      return residentBytes
    },
    get alive() {
      return alive && !closing
    },
    generate(request, signal, onToken) {
      if (!alive || closing) return Promise.reject(crashed())
      if (signal.aborted) return Promise.reject(toVillageError(signal.reason))
      const id = nextId++
      const { promise, resolve, reject } = Promise.withResolvers<Completion>()
      // The slot is free once the thread says so; the caller hears at once.
      const onAbort = () => {
        if (alive) post({ type: 'abort', id })
        reject(toVillageError(signal.reason))
      }
      calls.set(id, {
        onToken,
        settle(error, completion) {
          calls.delete(id)
          signal.removeEventListener('abort', onAbort)
          if (error !== null) reject(error)
          else resolve(completion!)
        },
      })
      signal.addEventListener('abort', onAbort, { once: true })
      post({ type: 'generate', id, request, stream: onToken !== undefined })
      return promise
    },
    async close() {
      closing = true
      for (const call of [...calls.values()]) call.settle(new VillageError('SHUTTING_DOWN'))
      if (!alive) return
      post({ type: 'close' })
      const deadline = setTimeout(() => void worker.terminate(), CLOSE_MS)
      await gone.promise
      clearTimeout(deadline)
    },
  }
}
