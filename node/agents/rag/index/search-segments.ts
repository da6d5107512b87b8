/** One search over open segments: both rankers, and of each chunk that one of them found both scores. */

import { matchPhrases } from '../lexical/match-phrases.ts'
import { scoreChunks } from '../lexical/score-chunks.ts'
import { searchLexical } from '../lexical/search-lexical.ts'
import type { Candidate, FieldFilter, SearchOutcome, SearchRequest, Statistics } from '../search-types.ts'
import { cosinesOf } from '../vectors/exact-search.ts'
import { createNearest, type RowOrder } from '../vectors/nearest.ts'
import { searchVectors } from '../vectors/search-vectors.ts'
import type { LiveSegment } from './live-segment.ts'
import { type Bits, countBits, hasBit } from './tombstones.ts'

/** A segment with what the query may find in it. */
interface SearchedPart {
  readonly live: LiveSegment
  readonly accept: ((chunk: number) => boolean) | null
  /** About; chunks of deleted documents that a filter rules out are counted twice. */
  readonly accepted: number
}

interface Found {
  readonly segment: number
  readonly chunk: number
}

/** Null where nothing can be found in it. */
function partOf(live: LiveSegment, filters: readonly FieldFilter[]): SearchedPart | null {
  const { deleted, entry } = live
  const chunks = live.segment.header.chunks
  const filtered = live.filter.accepted(filters)
  if (filtered === null) {
    const accept = deleted === null ? null : (chunk: number) => !hasBit(deleted, chunk)
    return chunks === entry.deletedChunks ? null : { live, accept, accepted: chunks - entry.deletedChunks }
  }
  const accepted = Math.max(0, countBits(filtered) - entry.deletedChunks)
  if (countBits(filtered) === 0) return null
  return { live, accept: acceptBoth(filtered, deleted), accepted }
}

function acceptBoth(filtered: Bits, deleted: Bits | null): (chunk: number) => boolean {
  if (deleted === null) return (chunk) => hasBit(filtered, chunk)
  return (chunk) => hasBit(filtered, chunk) && !hasBit(deleted, chunk)
}

/** Numbers of `found` by segment, so that each segment is asked once. */
function bySegment(found: readonly Found[]): Map<number, number[]> {
  const groups = new Map<number, number[]>()
  for (const [at, { segment }] of found.entries()) {
    const group = groups.get(segment)
    if (group === undefined) groups.set(segment, [at])
    else group.push(at)
  }
  return groups
}

/**
 * `segments` must be those whose chunks are here. Sorted as SearchOutcome says. Both lists are exact but for segments with a graph,
 * whose nearest neighbours are approximate (their cosines are not). Throws SEGMENT_CORRUPT.
 */
export function searchSegments(
  segments: readonly LiveSegment[],
  request: SearchRequest,
  statistics: Statistics,
): SearchOutcome {
  const { lexical: query, vector, filters, limit } = request
  const parts = segments.map((live) => partOf(live, filters)).filter((part) => part !== null)
  const hasVectors = ({ live }: SearchedPart): boolean =>
    live.vectors !== null && live.vectors.dims === vector?.length

  const order: RowOrder = (a, b) => {
    const [first, second] = [parts[a.segment]!.live.segment, parts[b.segment]!.live.segment]
    return (
      first.compareDocuments(first.documentOf(a.chunk), second, second.documentOf(b.chunk)) ||
      first.ordinal(a.chunk) - second.ordinal(b.chunk)
    )
  }

  const lexicalFound =
    query === null
      ? []
      : searchLexical(
          parts.map(({ live, accept }) => ({ segment: live.segment, accept })),
          query,
          statistics,
          limit,
        )
  const nearest = createNearest(limit, order)
  if (vector !== null && limit > 0)
    for (const [segment, part] of parts.entries()) {
      if (!hasVectors(part)) continue
      const matches = query === null ? null : matchPhrases(part.live.segment, query)
      searchVectors(
        part.live,
        vector,
        { accept: acceptAll(part.accept, matches), accepted: part.accepted },
        segment,
        limit,
        nearest,
      )
    }
  const vectorsFound = nearest.sorted()

  const cosines = (found: readonly Found[]): (number | null)[] => {
    const all = new Array<number | null>(found.length).fill(null)
    if (vector === null) return all
    for (const [segment, group] of bySegment(found)) {
      const part = parts[segment]!
      if (!hasVectors(part)) continue
      const values = cosinesOf(
        part.live.vectors!,
        vector,
        group.map((at) => found[at]!.chunk),
      )
      for (const [at, value] of values.entries()) all[group[at]!] = value
    }
    return all
  }

  const scores = (found: readonly Found[]): (number | null)[] => {
    const all = new Array<number | null>(found.length).fill(null)
    if (query === null) return all
    for (const [segment, group] of bySegment(found)) {
      const chunks = group.map((at) => found[at]!.chunk)
      const values = scoreChunks(parts[segment]!.live.segment, query, statistics, chunks)
      for (const [at, value] of values.entries()) all[group[at]!] = value
    }
    return all
  }

  const candidate = ({ segment, chunk }: Found, lexical: number | null, cosine: number | null): Candidate => {
    const { live } = parts[segment]!
    const document = live.segment.documentId(live.segment.documentOf(chunk))
    return { segment: live.entry.id, chunk, document, ordinal: live.segment.ordinal(chunk), lexical, cosine }
  }
  const lexicalCosines = cosines(lexicalFound)
  const vectorScores = scores(vectorsFound)
  return {
    lexical: lexicalFound.map((row, at) => candidate(row, row.score, lexicalCosines[at]!)),
    vectors: vectorsFound.map((row, at) => candidate(row, vectorScores[at]!, row.cosine)),
  }
}

function acceptAll(
  accept: ((chunk: number) => boolean) | null,
  matches: ((chunk: number) => boolean) | null,
): ((chunk: number) => boolean) | null {
  if (accept === null || matches === null) return accept ?? matches
  return (chunk) => accept(chunk) && matches(chunk)
}
