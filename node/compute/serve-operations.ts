/** The worker's side of the pool: runs the operations that it is asked for and tells how they ended. */
import { setPriority } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import { VillageError } from '../errors.ts'
import type { OperationTable } from './operations.ts'
import { type FromWorker, type ToWorker, toWireError, transferable } from './worker-messages.ts'

export interface WorkerInit {
  /** How far the thread stands back behind the rest of the process, 0 to 19. */
  readonly niceness: number
}

type Operation = (input: unknown, signal: AbortSignal, progress: (share: number) => void) => unknown

/** Progress is for people: more often than this nobody sees it. */
const PROGRESS_MS = 250

/** Serves the rows of `table` to the pool that started this thread, until it says close. */
export function serveOperations(table: OperationTable): void {
  const port = parentPort
  if (port === null) throw new VillageError('INTERNAL', 'The worker must be started as a thread.')
  const { niceness } = workerData as WorkerInit
  // Linux keeps niceness by thread: the event loop of the daemon goes first. Elsewhere this would slow the
  // whole process.
  if (process.platform === 'linux' && niceness > 0) setPriority(niceness)

  // The pool types inputs by name, so that a name and an input which arrive here belong together.
  const operations = new Map(Object.entries(table) as [string, Operation][])
  const running = new Map<number, AbortController>()

  function send(message: FromWorker): void {
    port!.postMessage(message, message.type === 'done' ? transferable(message.output) : [])
  }

  async function run(id: number, name: string, input: unknown): Promise<void> {
    const abort = new AbortController()
    running.set(id, abort)
    try {
      const operation = operations.get(name)
      if (operation === undefined) throw new VillageError('INTERNAL', `There is no operation ${name}.`)
      let toldAtMs = Number.NEGATIVE_INFINITY
      const progress = (share: number) => {
        if (performance.now() - toldAtMs < PROGRESS_MS) return
        toldAtMs = performance.now()
        send({ type: 'progress', id, share })
      }
      const output = await operation(input, abort.signal, progress)
      send({ type: 'done', id, output })
    } catch (error) {
      send({ type: 'failed', id, error: toWireError(error) })
    } finally {
      running.delete(id)
    }
  }

  port.on('message', (message: ToWorker) => {
    if (message.type === 'run') void run(message.id, message.name, message.input)
    else if (message.type === 'abort') running.get(message.id)?.abort(new VillageError('ABORTED'))
    else port.close()
  })
  send({ type: 'ready' })
}
