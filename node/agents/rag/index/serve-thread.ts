/** The part of an index thread that is the same in both: take a call, do it, say what came of it. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { toWireError } from '../../../compute/worker-messages.ts'
import { VillageError } from '../../../errors.ts'
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

/** One call after the other, in the order in which they came. */
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
  port.on('message', (message: ToThread) => {
    if (message.type === 'close') {
      service.close()
      port.close()
      return
    }
    const { id, name, input } = message
    try {
      const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined
      if (operation === undefined) throw new VillageError('INTERNAL', `An index has no operation ${name}.`)
      send({ type: 'done', id, output: operation(...(input as never[])) })
    } catch (error) {
      send({ type: 'failed', id, error: toWireError(error) })
    }
    service.afterCall?.()
  })
}
