/** Statistics of all that a query could reach: exact where a segment was asked, by its sketch where it was not. */
import type { SegmentStatistics, Statistics } from '../search-types.ts'
import type { Sketch, TermEstimate } from './read-sketch.ts'
import { hashTerm } from './term-hash.ts'

/** Of what members say there can be so much that a sum would not be exact any more, nor fit into a message. */
const MAX_TOTAL = 2 ** 52

/**
 * Adds them up; each segment must come once. Without estimates the result is that of one central index over the same segments.
 * Estimated frequencies make a sum that is no whole number: it is rounded, and at least 1 where any segment may have the term.
 */
export function combineStatistics(
  terms: readonly string[],
  exact: readonly SegmentStatistics[],
  estimated: readonly Sketch[] = [],
): Statistics {
  let chunks = 0
  let totalLength = 0
  for (const part of exact) {
    chunks += part.chunks
    totalLength += part.totalLength
  }
  for (const sketch of estimated) {
    chunks += sketch.chunks
    totalLength += sketch.totalLength
  }
  chunks = Math.min(chunks, MAX_TOTAL)
  totalLength = Math.min(totalLength, MAX_TOTAL)
  const documentFrequency = new Map<string, number>()
  for (const term of new Set(terms)) {
    let sum = 0
    for (const part of exact) sum += part.documentFrequency.get(term) ?? 0
    const hash = hashTerm(term)
    for (const sketch of estimated) sum += expectedFrequency(sketch.estimateHash(hash))
    if (sum > 0) documentFrequency.set(term, Math.min(chunks, Math.max(1, Math.round(sum))))
  }
  return { chunks, totalLength, documentFrequency }
}

/** The middle of the interval, geometrically: frequencies are spread evenly on a logarithmic scale. 0 only where no chunk has the term. */
export function expectedFrequency({ dfLow, dfHigh }: TermEstimate): number {
  return Math.sqrt(Math.max(1, dfLow) * dfHigh)
}
