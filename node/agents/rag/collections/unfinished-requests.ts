/** What was asked to be indexed and is not yet, noted in its collection: a stop or a crash puts it off, and does not lose it. */
import type { Log } from '../../../log.ts'
import type { WatchedRoot } from './collection.ts'
import type { CollectionState } from './collection-state.ts'

export interface UnfinishedRequests {
  /** What an earlier daemon was asked for and did not end. */
  left(id: string): readonly WatchedRoot[]
  /** Durable when it returns; what it gives is called when the request has ended, in whatever way. Throws DISK_FULL. */
  begin(id: string, roots: readonly WatchedRoot[]): () => void
  /** What ends from now on ends because the daemon does: it stays noted. */
  stop(): void
}

interface Components {
  readonly state: Pick<CollectionState, 'get' | 'need' | 'put'>
  readonly log: Log
}

export function createUnfinishedRequests({ state, log }: Components): UnfinishedRequests {
  const open = new Map<string, Set<readonly WatchedRoot[]>>()
  let isStopping = false

  function write(id: string): void {
    const collection = state.get(id)
    if (collection === undefined) return
    const roots = [...(open.get(id) ?? [])].flat()
    // The same may be asked for several times: it is to be done once.
    const unfinished = [...new Map(roots.map((root) => [JSON.stringify(root), root])).values()]
    state.put({ ...collection, unfinished })
  }

  function end(id: string, roots: readonly WatchedRoot[]): void {
    const requests = open.get(id)
    requests?.delete(roots)
    if (requests?.size === 0) open.delete(id)
  }

  return {
    left: (id) => state.need(id).unfinished,
    begin(id, roots) {
      const requests = open.get(id) ?? new Set()
      open.set(id, requests)
      requests.add(roots)
      try {
        write(id)
      } catch (error) {
        end(id, roots)
        throw error
      }
      return () => {
        if (isStopping) return
        end(id, roots)
        try {
          write(id)
        } catch (error) {
          // At worst the next start looks through the same folder again.
          log.warn({ err: error, collection: id }, 'the end of a request could not be noted')
        }
      }
    },
    stop() {
      isStopping = true
    },
  }
}
