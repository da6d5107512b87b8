/** The part of an index thread that is the same in both: take calls, do them, say what came of them. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError } from '../../../compute/worker-messages.ts'
import { VillageError } from '../../../errors.ts'
import type { Steps } from '../search-work.ts'
import type { FromThread, ThreadInit, ThreadOperations, ToThread } from './thread-messages.ts'

export interface ThreadService {
  readonly operations: ThreadOperations
  /** After each call: what can wait may go on. */
  afterCall?(): void
  close(): void
}

export interface ThreadContext extends ThreadInit {
  report(error: unknown, message: string): void
  /** Tells that the index in this directory has another manifest. */
  changed(directory: string): void
}

/** So long a call that works in steps keeps others, and word that it is called off, waiting. */
const SLICE_MS = 2

type Call = Extract<ToThread, { type: 'call' }>

interface Job {
  readonly call: Call
  steps: Steps<unknown> | null
}

const isSteps = (output: unknown): output is Steps<unknown> =>
  Object.prototype.toString.call(output) === '[object Generator]'

/**
 * Calls of this node one after the other, in the order in which they came; those of peers share what time is left by turns. A call
 * that works in steps lets calls of this node pass between two of them.
 */
export function serveThread(create: (context: ThreadContext) => ThreadService): void {
  const port = parentPort
  if (port === null) throw new VillageError('INTERNAL', 'An index thread must be started as a thread.')
  const init = workerData as ThreadInit
  if (process.platform === 'linux' && init.niceness > 0) setPriority(init.niceness)
  const send = (message: FromThread): void => port.postMessage(message)
  const service = create({
    ...init,
    report: (error, message) => send({ type: 'problem', message, error: toWireError(error) }),
    changed: (directory) => send({ type: 'changed', directory }),
  })
  const own: Job[] = []
  const foreign: Job[] = []
  let isWoken = false

  function start({ name, input }: Call): unknown {
    const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined
    if (operation === undefined) throw new VillageError('INTERNAL', `An index has no operation ${name}.`)
    return operation(...(input as never[]))
  }

  /** The call up to its next pause; whether it is over. */
  function advance(job: Job): boolean {
    try {
      const output = job.steps === null ? start(job.call) : undefined
      if (isSteps(output)) job.steps = output
      if (job.steps === null) send({ type: 'done', id: job.call.id, output })
      else {
        const step = job.steps.next()
        if (step.done !== true) return false
        send({ type: 'done', id: job.call.id, output: step.value })
      }
    } catch (error) {
      send({ type: 'failed', id: job.call.id, error: toWireError(error) })
    }
    service.afterCall?.()
    return true
  }

  function work(): void {
    const until = performance.now() + SLICE_MS
    for (;;) {
      const queue = own.length > 0 ? own : foreign
      const job = queue[0]
      if (job === undefined) return
      if (advance(job)) queue.shift()
      if (performance.now() < until) continue
      // The next peer's turn, once the messages that came meanwhile are read.
      if (queue === foreign && foreign[0] === job) foreign.push(foreign.shift()!)
      if (!isWoken)
        setImmediate(() => {
          isWoken = false
          work()
        })
      isWoken = true
      return
    }
  }

  function cancel(id: number): void {
    for (const queue of [own, foreign]) {
      const at = queue.findIndex((job) => job.call.id === id)
      if (at < 0) continue
      const [job] = queue.splice(at, 1)
      job!.steps?.return(undefined)
      send({ type: 'failed', id, error: toWireError(new VillageError('ABORTED')) })
    }
  }

  port.on('message', (message: ToThread) => {
    if (message.type === 'close') {
      service.close()
      port.close()
    } else if (message.type === 'cancel') cancel(message.id)
    else {
      const queue = message.isForeign ? foreign : own
      queue.push({ call: message, steps: null })
      work()
    }
  })
}
