/** The part of a search that this node answers itself. */
import { type ErrorCode, toVillageError } from '../../../errors.ts'
import type { IndexHost } from '../index/index-host.ts'
import { mergeOutcomes } from '../routing/merge-outcomes.ts'
import type { SearchOutcome, SearchRequest, Statistics } from '../search-types.ts'
import type { ScopeSegment } from './scope.ts'

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
  components: { host: Pick<IndexHost, 'search'> },
  init: {
    scope: ReadonlyMap<string, ScopeSegment>
    request: SearchRequest
    statistics: Statistics
    signal: AbortSignal
  },
): Promise<LocalAnswer> {
  const { scope, request, statistics, signal } = init
  const groups = new Map<string, { encoder: string | null; ids: string[] }>()
  for (const { id, encoder, local } of scope.values()) {
    if (local === null) continue
    const group = groups.get(local.directory)
    if (group === undefined) groups.set(local.directory, { encoder, ids: [id] })
    else group.ids.push(id)
  }
  const segments: string[] = []
  const missing: (readonly [string, ErrorCode])[] = []
  const outcomes = await Promise.all(
    [...groups].map(async ([directory, { encoder, ids }]) => {
      const asked = requestFor(request, encoder)
      try {
        const outcome =
          asked === null
            ? NOTHING
            : await components.host.search(directory, asked, statistics, { segments: ids, signal })
        segments.push(...ids)
        return outcome
      } catch (error) {
        signal.throwIfAborted()
        // One damaged index must not take the others with it: what is not answered is named.
        for (const id of ids) missing.push([id, toVillageError(error).code])
        return NOTHING
      }
    }),
  )
  return { outcome: mergeOutcomes(outcomes, request.limit), segments, missing }
}
