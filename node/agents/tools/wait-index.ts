/** A run of indexing that a tool began: it waits for the end and says how far it is. */
import { isErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Collections } from '../rag/collections/collections.ts'
import type { IndexRun } from '../rag/collections/index-run.ts'
import type { ToolContext } from './tool.ts'

export interface IndexComponents {
  readonly collections: Pick<Collections, 'needRun' | 'cancelRun'>
  readonly events: Pick<Events, 'subscribe'>
}

const isOver = ({ state }: IndexRun) => state !== 'waiting' && state !== 'running'

/**
 * Resolves with a run that is done. Throws the code of one that failed, ABORTED for one that was cancelled, and the signal's reason: then it is
 * cancelled where the asker cancelled (what it has done stays), and goes on otherwise.
 */
export async function waitForIndex(
  { collections, events }: IndexComponents,
  id: string,
  { signal, progress }: Pick<ToolContext, 'signal' | 'progress'>,
): Promise<IndexRun> {
  const over = Promise.withResolvers<IndexRun>()
  const look = () => {
    try {
      const run = collections.needRun(id)
      if (isOver(run)) over.resolve(run)
      else if (run.isCounted) progress(`${run.doneFiles} of ${run.files} files`)
    } catch (error) {
      over.reject(error)
    }
  }
  const unsubscribe = events.subscribe((event) => {
    if (event.type === 'index:changed' && event.data.run === id) look()
  })
  const abort = () => over.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    if (signal.aborted) abort()
    else look()
    const run = await over.promise
    if (run.state === 'done') return run
    const code = run.state === 'cancelled' ? 'ABORTED' : (run.error?.code ?? '')
    throw new VillageError(isErrorCode(code) ? code : 'INTERNAL', run.error?.message, { fields: { run: id } })
  } catch (error) {
    if (!signal.aborted) throw error
    const { code } = toVillageError(signal.reason)
    if (code === 'ABORTED') await collections.cancelRun(id)
    throw new VillageError(
      code,
      code === 'ABORTED' ? `The run ${id} was cancelled` : `The run ${id} goes on by itself`,
      { cause: signal.reason, fields: { run: id } },
    )
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', abort)
  }
}
