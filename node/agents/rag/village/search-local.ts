/** The part of a search that this node answers itself. */
import { type ErrorCode, toVillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { IndexHost } from '../index/index-host.ts'
import { mergeOutcomes } from '../routing/merge-outcomes.ts'
import type { SearchOutcome, SearchRequest, Statistics } from '../search-types.ts'
import { byCollection, outcomeIn } from './local-segments.ts'
import { nameOnce } from './same-passages.ts'
import { onlyLive, type ScopeSegment } from './scope.ts'
import { segmentKey } from './segment-key.ts'

interface LocalAnswer {
  readonly outcome: SearchOutcome
  /** That answered. */
  readonly segments: readonly string[]
  /** Of indexes that failed. */
  readonly missing: readonly (readonly [string, ErrorCode])[]
}

const NOTHING: SearchOutcome = { lexical: [], vectors: [] }

/** A request for a collection with vectors of another model is one for its words. Null: nothing is left to ask. */
export function requestFor(request: SearchRequest, encoder: string | null): SearchRequest | null {
  if (request.encoder === undefined || request.vector === null || request.encoder === encoder) return request
  return request.lexical === null ? null : { ...request, vector: null }
}

export async function searchLocal(
  components: { host: Pick<IndexHost, 'search'>; log: Log },
  init: {
    scope: ReadonlyMap<string, ScopeSegment>
    request: SearchRequest
    statistics: Statistics
    signal: AbortSignal
  },
): Promise<LocalAnswer> {
  const { scope, request, statistics, signal } = init
  const groups = byCollection([...scope.values()].flatMap(({ local }) => local ?? []))
  const segments: string[] = []
  const missing: (readonly [string, ErrorCode])[] = []
  const outcomes = await Promise.all(
    groups.map(async ({ collection, directory, encoder, ids }) => {
      const keys = ids.map((id) => segmentKey(collection, id))
      const asked = requestFor(request, encoder)
      try {
        const outcome =
          asked === null
            ? NOTHING
            : await components.host.search(directory, asked, statistics, { segments: ids, signal })
        segments.push(...keys)
        return onlyLive(scope, outcomeIn(collection, outcome))
      } catch (error) {
        signal.throwIfAborted()
        // One damaged index must not take the others with it: what is not answered is named.
        for (const id of keys) missing.push([id, toVillageError(error).code])
        components.log.error({ err: error, collection }, 'an index of this node could not be searched')
        return NOTHING
      }
    }),
  )
  return { outcome: mergeOutcomes(nameOnce(outcomes), request.limit), segments, missing }
}
