/** A thread that works on indexes, seen from the daemon: started by its first call, replaced when it ends. */
import { Worker } from 'node:worker_threads'
import { fromWireError } from '../../../compute/worker-messages.ts'
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { createCallQueue } from './call-queue.ts'
import type { FromThread, ThreadInit, ThreadOperations, ThreadResult, ToThread } from './thread-messages.ts'

export interface CallOptions {
  readonly signal?: AbortSignal
  /** Who asks, where it is not this node: its call waits for all calls of this node, and takes turns with those of other peers. */
  readonly peer?: string
  /** Asked just before the thread gets the call, behind all earlier ones: an error stands for its result. */
  readonly refuse?: () => VillageError | null
}

export interface IndexThread<Operations extends ThreadOperations> {
  /** False until the first call, and after the thread has ended. */
  readonly isRunning: boolean
  /**
   * Rejects with what the operation threw, the signal's reason (what runs already ends at its next pause, if it has any), or
   * WORKER_CRASHED where the thread ended.
   */
  call<Name extends keyof Operations & string>(
    name: Name,
    input: Parameters<Operations[Name]>,
    options?: CallOptions,
  ): Promise<ThreadResult<Operations[Name]>>
  /** Does what was asked for, then ends; later calls fail with SHUTTING_DOWN. */
  close(): Promise<void>
}

export interface IndexThreadInit extends ThreadInit {
  readonly url: URL
  readonly name: string
  readonly onChanged: (directory: string) => void
  /** It ended though nobody told it to; calls that it had are rejected, and the next ones start another. */
  readonly onCrash: () => void
}

interface Call {
  readonly name: string
  readonly input: readonly unknown[]
  readonly refuse: (() => VillageError | null) | undefined
  readonly peer: string | null
  settle(error: VillageError | null, output?: unknown): void
}

export function createIndexThread<Operations extends ThreadOperations>(
  { log }: { log: Log },
  init: IndexThreadInit,
): IndexThread<Operations> {
  const waiting = createCallQueue<Call>()
  const sent = new Map<number, Call>()
  let worker: Worker | null = null
  let gone: Promise<void> = Promise.resolve()
  let isClosing = false
  let nextId = 1
  const drained = Promise.withResolvers<void>()

  function start(): Worker {
    const { url, name, niceness, owner } = init
    const workerData: ThreadInit = { niceness, owner }
    const started = new Worker(url, { workerData, name })
    const { promise, resolve } = Promise.withResolvers<void>()
    let cause: unknown
    gone = promise
    started.on('message', receive)
    started.on('error', (error) => {
      cause = error
    })
    started.on('exit', (exitCode) => {
      if (!isClosing || sent.size > 0) {
        log.error({ err: cause, exitCode, thread: name }, 'an index thread ended')
        init.onCrash()
      }
      worker = null
      const crashed = new VillageError('WORKER_CRASHED', 'The thread of the indexes ended.', {
        cause,
        fields: { thread: name },
      })
      for (const [id, call] of [...sent]) {
        take(id)
        call.settle(crashed)
      }
      resolve()
      if (isClosing) for (const call of waiting.takeAll()) call.settle(crashed)
      pump()
    })
    return started
  }

  function receive(message: FromThread): void {
    if (message.type === 'changed') init.onChanged(message.directory)
    else if (message.type === 'problem') log.warn({ err: fromWireError(message.error) }, message.message)
    else {
      const call = take(message.id)
      if (message.type === 'done') call?.settle(null, message.output)
      else call?.settle(fromWireError(message.error))
      pump()
    }
  }

  /** It is with the thread no more. */
  function take(id: number): Call | undefined {
    const call = sent.get(id)
    if (call !== undefined) waiting.end(call)
    sent.delete(id)
    return call
  }

  function pump(): void {
    for (let call = waiting.next(); call !== null; call = waiting.next()) {
      const refusal = call.refuse?.() ?? null
      if (refusal !== null) {
        waiting.end(call)
        call.settle(refusal)
        continue
      }
      const id = nextId++
      worker ??= start()
      sent.set(id, call)
      try {
        const { name, input, peer } = call
        worker.postMessage({ type: 'call', id, name, input, isForeign: peer !== null } satisfies ToThread)
      } catch (error) {
        // What cannot be cloned is nobody's fault but the caller's.
        take(id)
        call.settle(toVillageError(error))
      }
    }
    if (isClosing && waiting.size === 0 && sent.size === 0) drained.resolve()
  }

  return {
    get isRunning() {
      return worker !== null && !isClosing
    },
    call(name, input, { signal, refuse, peer = null } = {}) {
      if (isClosing) return Promise.reject(new VillageError('SHUTTING_DOWN'))
      if (signal?.aborted) return Promise.reject(toVillageError(signal.reason))
      const { promise, resolve, reject } = Promise.withResolvers<ThreadResult<Operations[typeof name]>>()
      const onAbort = (): void => {
        if (!waiting.remove(call))
          for (const [id, other] of sent)
            if (other === call) worker?.postMessage({ type: 'cancel', id } satisfies ToThread)
        pump()
        reject(toVillageError(signal!.reason))
      }
      const call: Call = {
        name,
        input,
        refuse,
        peer,
        settle(error, output) {
          signal?.removeEventListener('abort', onAbort)
          if (error !== null) reject(error)
          // The thread runs the operation of this name (serveThread): its output is of this type.
          else resolve(output as ThreadResult<Operations[typeof name]>)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      waiting.add(call)
      pump()
      return promise
    },
    async close() {
      isClosing = true
      if (waiting.size > 0 || sent.size > 0) await drained.promise
      worker?.postMessage({ type: 'close' } satisfies ToThread)
      await gone
    },
  }
}
