/** A pull of a model that a tool began: it waits for the end and says how far it is. */
import type { PullRecord } from '../../compute/hub/pull-record.ts'
import type { Pulls } from '../../compute/hub/pulls.ts'
import { isErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { ToolContext } from './tool.ts'

export interface PullComponents {
  readonly pulls: Pick<Pulls, 'need' | 'cancel'>
  readonly events: Pick<Events, 'subscribe'>
}

const PERCENT = 100

/**
 * Resolves with a pull that is done. Throws the code of one that failed, PULL_UNKNOWN for one that was cancelled, and the signal's reason: then
 * it is cancelled where the asker cancelled, and goes on otherwise.
 */
export async function waitForPull(
  { pulls, events }: PullComponents,
  id: string,
  { signal, progress }: Pick<ToolContext, 'signal' | 'progress'>,
): Promise<PullRecord> {
  const changed = Promise.withResolvers<PullRecord>()
  const look = () => {
    const record = pulls.need(id)
    if (record.state === 'done') changed.resolve(record)
    else if (record.state !== 'running') {
      const code = record.error?.code ?? ''
      changed.reject(
        new VillageError(isErrorCode(code) ? code : 'SHUTTING_DOWN', record.error?.message, {
          fields: { pull: id },
        }),
      )
    } else if (record.totalBytes > 0)
      progress(`${record.stage}: ${Math.floor((record.doneBytes / record.totalBytes) * PERCENT)}%`)
  }
  const tryLook = () => {
    try {
      look()
    } catch (error) {
      changed.reject(error)
    }
  }
  const unsubscribe = events.subscribe((event) => {
    if ((event.type === 'pull:changed' || event.type === 'pull:removed') && event.data.pull === id) tryLook()
  })
  const abort = () => changed.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    if (signal.aborted) abort()
    else tryLook()
    return await changed.promise
  } catch (error) {
    if (signal.aborted && toVillageError(signal.reason).code === 'ABORTED') await pulls.cancel(id)
    throw error
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', abort)
  }
}
