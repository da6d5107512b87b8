/**
 * The lists of several peers become the lists of one central index: scores were made with the same statistics, so that they
 * compare, and ties go the same way everywhere.
 */
import type { Candidate, SearchOutcome } from '../search-types.ts'

/** Duplicates (one segment answered by two peers) count once, by the outcome that comes first. */
export function mergeOutcomes(outcomes: readonly SearchOutcome[], limit: number): SearchOutcome {
  return {
    lexical: mergeLists(
      outcomes.map(({ lexical }) => lexical),
      byLexical,
      limit,
    ),
    vectors: mergeLists(
      outcomes.map(({ vectors }) => vectors),
      byCosine,
      limit,
    ),
  }
}

export function byLexical(a: Candidate, b: Candidate): number {
  return (b.lexical ?? 0) - (a.lexical ?? 0) || byPlace(a, b)
}

export function byCosine(a: Candidate, b: Candidate): number {
  return (b.cosine ?? -1) - (a.cosine ?? -1) || byPlace(a, b)
}

/** By document id, then ordinal: the order of ties wherever chunks are ranked. */
function byPlace(a: Candidate, b: Candidate): number {
  if (a.document !== b.document) return a.document < b.document ? -1 : 1
  return a.ordinal - b.ordinal
}

function mergeLists(
  lists: readonly (readonly Candidate[])[],
  order: (a: Candidate, b: Candidate) => number,
  limit: number,
): Candidate[] {
  const seen = new Set<string>()
  const distinct: Candidate[] = []
  for (const list of lists)
    for (const candidate of list) {
      const key = `${candidate.segment}/${candidate.chunk}`
      if (seen.has(key)) continue
      seen.add(key)
      distinct.push(candidate)
    }
  return distinct.sort(order).slice(0, limit)
}
