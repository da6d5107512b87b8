/**
 * BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, eq. 3.15), without the constant
 * factor k1 + 1, which changes no order. Every node computes a score by these functions in this order of operations, from
 * statistics that it was given, so that the numbers are the same to the last bit wherever a chunk lies.
 */
import type { Statistics } from '../search-types.ts'

export const BM25_K1 = 1.5
export const BM25_B = 0.75

/** ln(1 + (N − df + 0.5)/(df + 0.5)); a frequency that others misstate is at most N, so that no weight is negative. */
export function inverseDocumentFrequency(chunks: number, documentFrequency: number): number {
  const df = Math.min(documentFrequency, chunks)
  return Math.log(1 + (chunks - df + 0.5) / (df + 0.5))
}

/** At least 1, as where nothing is indexed. */
export function averageLengthOf({ chunks, totalLength }: Pick<Statistics, 'chunks' | 'totalLength'>): number {
  return chunks > 0 ? Math.max(1, totalLength / chunks) : 1
}

/** K in f/(f + K): k1·(1 − b + b·length/average). */
export function lengthNorm(length: number, averageLength: number): number {
  return BM25_K1 * (1 - BM25_B + (BM25_B * length) / averageLength)
}

/** The part of a score that the chunk decides, between 0 and 1. */
export function impactOf(frequency: number, length: number, averageLength: number): number {
  return frequency / (frequency + lengthNorm(length, averageLength))
}

/**
 * What an impact taken with `averageLength` can at most be under another average. With a larger average A' the norm K shrinks,
 * but not below K·A/A', so that 1/s' − 1 ≥ (A/A')·(1/s − 1); with a smaller one the impact only falls.
 */
export function impactBound(impact: number, averageLength: number, otherAverage: number): number {
  if (impact <= 0) return 0
  if (otherAverage <= averageLength) return impact
  return 1 / (1 + (averageLength / otherAverage) * (1 / impact - 1))
}
