/** Takes the text of what was removed or replaced from the disk: at once, or when a folder that changes often has come to rest. */
import type { Log } from '../../../log.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { CollectionState } from './collection-state.ts'
import type { Exclusive } from './exclusive.ts'

export interface Compacting {
  now(id: string): Promise<void>
  /** After a while in which nothing else has changed. */
  later(id: string): void
  forget(id: string): void
  stop(): void
}

interface Components {
  readonly log: Log
  readonly state: Pick<CollectionState, 'get' | 'indexDirectoryOf' | 'committed'>
  readonly index: Pick<IndexHost, 'compact'>
  readonly exclusive: Exclusive
  readonly changed: (id: string) => void
}

/** Each time costs the segments that lost something: editing a note again and again is to cost one of them. */
const REST_MS = 600_000

export function createCompacting(components: Components, init: { restMs?: number } = {}): Compacting {
  const { log, state, index, exclusive, changed } = components
  const timers = new Map<string, NodeJS.Timeout>()

  async function compact(id: string): Promise<void> {
    if (state.get(id) === undefined) return
    state.committed(id, await index.compact(state.indexDirectoryOf(id)))
    changed(id)
  }

  function forget(id: string): void {
    clearTimeout(timers.get(id))
    timers.delete(id)
  }

  return {
    forget,
    async now(id) {
      forget(id)
      await compact(id)
    },
    later(id) {
      forget(id)
      const start = () => {
        timers.delete(id)
        exclusive(id, () => compact(id)).catch((error: unknown) =>
          log.warn({ err: error, collection: id }, 'collection could not be compacted'),
        )
      }
      timers.set(id, setTimeout(start, init.restMs ?? REST_MS).unref())
    },
    stop() {
      for (const id of [...timers.keys()]) forget(id)
    },
  }
}
