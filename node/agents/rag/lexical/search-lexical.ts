/**
 * The best chunks of one or many segments by BM25. Segments share one threshold, and scores do not depend on how chunks are
 * spread over segments (bm25.ts), so that one large index and many small ones give the same list.
 */
import type { LexicalQuery, Statistics } from '../search-types.ts'
import type { Segment } from '../segment/segment.ts'
import { findPhrases } from './match-phrases.ts'
import { prepareQuery } from './prepare-query.ts'
import { scoreChunks } from './score-chunks.ts'
import { type ScoredChunk, TopChunks } from './top-chunks.ts'
import { searchWindows } from './window-search.ts'

export type { ScoredChunk } from './top-chunks.ts'

export interface SearchedSegment {
  readonly segment: Segment
  /** Chunks that may be found (not deleted, and through the filters); null: all. */
  readonly accept: ((chunk: number) => boolean) | null
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
  const prepared = prepareQuery(query, statistics)
  const top = new TopChunks(
    segments.map(({ segment }) => segment),
    limit,
  )
  if (limit < 1) return []
  segments.forEach(({ segment, accept }, index) => {
    const phrases = findPhrases(segment, query)
    const accepts = both(accept, phrases?.matches ?? null)
    searchWindows(segment, prepared, accepts, top, index)
    const required = phrases?.required() ?? null
    if (required !== null && top.threshold <= 0) {
      const chunks = [...required].filter((chunk) => accept === null || accept(chunk))
      scoreChunks(segment, query, statistics, chunks).forEach((score, at) => {
        if (score === 0) top.add(index, chunks[at]!, 0)
      })
    }
  })
  return top.sorted()
}

function both(
  one: ((chunk: number) => boolean) | null,
  other: ((chunk: number) => boolean) | null,
): ((chunk: number) => boolean) | null {
  if (one === null || other === null) return one ?? other
  return (chunk) => one(chunk) && other(chunk)
}
