/**
 * The best chunks of one or many segments by BM25. Segments share one threshold, and scores do not depend on how chunks are
 * spread over segments (bm25.ts), so that one large index and many small ones give the same list.
 */
import type { LexicalQuery, Statistics } from '../search-types.ts'
import { finish, SearchWork, type Steps } from '../search-work.ts'
import type { Segment } from '../segment/segment.ts'
import { type FoundPhrases, findPhrases } from './match-phrases.ts'
import { prepareQuery } from './prepare-query.ts'
import { scoreInSteps } from './score-chunks.ts'
import { type ScoredChunk, TopChunks } from './top-chunks.ts'
import { searchWindows } from './window-search.ts'

export type { ScoredChunk } from './top-chunks.ts'

export interface SearchedSegment {
  readonly segment: Segment
  /** Chunks that may be found (not deleted, and through the filters); null: all. */
  readonly accept: ((chunk: number) => boolean) | null
  /** What findPhrases says of the query, where it was asked already. */
  readonly phrases?: FoundPhrases | null
}

/**
 * At most `limit`, by score, falling, then by document id and ordinal. Found is a chunk that has a scored term, or a required
 * phrase (then a score of 0 is possible), and everything required and nothing excluded.
 * Throws INVALID_ARGUMENT (prepareQuery), SEGMENT_CORRUPT.
 */
export function searchLexical(
  segments: readonly SearchedSegment[],
  query: LexicalQuery,
  statistics: Statistics,
  limit: number,
): ScoredChunk[] {
  return finish(searchInSteps(segments, query, statistics, limit, new SearchWork()))
}

/** Also throws what `work` throws. */
export function* searchInSteps(
  segments: readonly SearchedSegment[],
  query: LexicalQuery,
  statistics: Statistics,
  limit: number,
  work: SearchWork,
): Steps<ScoredChunk[]> {
  const prepared = prepareQuery(query, statistics)
  if (limit < 1) return []
  const top = new TopChunks(
    segments.map(({ segment }) => segment),
    limit,
  )
  for (const [index, searched] of segments.entries()) {
    const { segment, accept } = searched
    const phrases =
      searched.phrases === undefined ? yield* findPhrases(segment, query, work) : searched.phrases
    const accepts = both(accept, phrases?.matches ?? null)
    yield* searchWindows(segment, prepared, accepts, top, index, work)
    const required = phrases?.required() ?? null
    if (required !== null && top.threshold <= 0) {
      const chunks = [...required].filter((chunk) => accept === null || accept(chunk))
      const scores = yield* scoreInSteps(segment, query, statistics, chunks, work)
      scores.forEach((score, at) => {
        if (score === 0) top.add(index, chunks[at]!, 0)
      })
    }
  }
  return top.sorted()
}

function both(
  one: ((chunk: number) => boolean) | null,
  other: ((chunk: number) => boolean) | null,
): ((chunk: number) => boolean) | null {
  if (one === null || other === null) return one ?? other
  return (chunk) => one(chunk) && other(chunk)
}
