/** One search over open segments: both rankers, and of each chunk that one of them found both scores. */

import { type FoundPhrases, findPhrases } from '../lexical/match-phrases.ts'
import { scoreInSteps } from '../lexical/score-chunks.ts'
import { searchInSteps } from '../lexical/search-lexical.ts'
import type { Candidate, SearchOutcome, SearchRequest, Statistics } from '../search-types.ts'
import type { SearchWork, Steps } from '../search-work.ts'
import { cosinesOf } from '../vectors/exact-search.ts'
import { createNearest, type RowOrder } from '../vectors/nearest.ts'
import { GRAPH_MIN_CHUNKS, searchVectors } from '../vectors/search-vectors.ts'
import type { LiveSegment } from './live-segment.ts'
import { type Bits, countBits, hasBit } from './tombstones.ts'

/** A segment with what the query may find in it. */
interface SearchedPart {
  readonly live: LiveSegment
  readonly accept: ((chunk: number) => boolean) | null
  /** About; chunks of deleted documents that a filter rules out are counted twice. */
  readonly accepted: number
  /** What the query's phrases let through; both rankers ask. */
  readonly phrases: FoundPhrases | null
}

/** Numbers of a row of vectors that are read and multiplied in the time of a posting. */
const NUMBERS_BY_UNIT = 32

interface Found {
  readonly segment: number
  readonly chunk: number
}

/** Null where nothing can be found in it. */
function* partOf(
  live: LiveSegment,
  { filters, lexical }: SearchRequest,
  work: SearchWork,
): Steps<SearchedPart | null> {
  const { deleted, entry } = live
  const chunks = live.segment.header.chunks
  const filtered = yield* live.filter.accepted(filters, work)
  const passed = filtered === null ? chunks : countBits(filtered)
  if (filtered === null ? chunks === entry.deletedChunks : passed === 0) return null
  const phrases = lexical === null ? null : yield* findPhrases(live.segment, lexical, work)
  const accepted = Math.max(0, passed - entry.deletedChunks)
  if (filtered !== null) return { live, accept: acceptBoth(filtered, deleted), accepted, phrases }
  const accept = deleted === null ? null : (chunk: number) => !hasBit(deleted, chunk)
  return { live, accept, accepted, phrases }
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
 * whose nearest neighbours are approximate (their cosines are not). Throws SEGMENT_CORRUPT, and what `work` throws.
 */
export function* searchSegments(
  segments: readonly LiveSegment[],
  request: SearchRequest,
  statistics: Statistics,
  work: SearchWork,
): Steps<SearchOutcome> {
  const { lexical: query, vector, limit } = request
  const parts: SearchedPart[] = []
  for (const live of segments) {
    const part = yield* partOf(live, request, work)
    if (part !== null) parts.push(part)
  }
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
      : yield* searchInSteps(
          parts.map(({ live, accept, phrases }) => ({ segment: live.segment, accept, phrases })),
          query,
          statistics,
          limit,
          work,
        )
  const nearest = createNearest(limit, order)
  if (vector !== null && limit > 0)
    for (const [segment, part] of parts.entries()) {
      if (!hasVectors(part)) continue
      const accept = acceptAll(part.accept, part.phrases?.matches ?? null)
      const { chunks, dims } = part.live.vectors!
      const rows = Math.min(chunks, GRAPH_MIN_CHUNKS)
      if (work.spend((rows * dims) / NUMBERS_BY_UNIT)) yield
      searchVectors(part.live, vector, { accept, accepted: part.accepted }, segment, limit, nearest)
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

  function* scores(found: readonly Found[]): Steps<(number | null)[]> {
    const all = new Array<number | null>(found.length).fill(null)
    if (query === null) return all
    for (const [segment, group] of bySegment(found)) {
      const chunks = group.map((at) => found[at]!.chunk)
      const values = yield* scoreInSteps(parts[segment]!.live.segment, query, statistics, chunks, work)
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
  const vectorScores = yield* scores(vectorsFound)
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
