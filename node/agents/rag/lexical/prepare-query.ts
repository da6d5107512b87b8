/** A query and statistics → what each term adds to a score, the same for every segment and every way to score. */
import { VillageError } from '../../../errors.ts'
import type { LexicalQuery, Statistics, TextField } from '../search-types.ts'
import { averageLengthOf, inverseDocumentFrequency, lengthNorm } from './bm25.ts'

/** What is longer was not typed by a person; a search's time grows with it. */
export const MAX_QUERY_TERMS = 256

export interface PreparedTerm {
  readonly term: string
  readonly field: TextField | null
  readonly weight: number
  readonly documentFrequency: number
  readonly inverseDocumentFrequency: number
  /** weight · idf: what a score gets as the impact goes to 1. */
  readonly factor: number
}

export interface PreparedQuery {
  /** In the query's order; without those that occur nowhere or weigh nothing. */
  readonly terms: readonly PreparedTerm[]
  readonly averageLength: number
  /** lengthNorm by chunk length, up to where it is tabled. */
  readonly norms: Float64Array
}

const TABLED_LENGTHS = 4_096
/** Statistics change seldom, so the table of the last average is mostly right. */
let tabled = { averageLength: 0, norms: new Float64Array(0) }

/** Throws INVALID_ARGUMENT for negative weights, and for more than MAX_QUERY_TERMS terms. */
export function prepareQuery(query: Pick<LexicalQuery, 'terms'>, statistics: Statistics): PreparedQuery {
  if (query.terms.length > MAX_QUERY_TERMS)
    throw new VillageError('INVALID_ARGUMENT', `A query has at most ${MAX_QUERY_TERMS} terms.`)
  const terms: PreparedTerm[] = []
  for (const { term, weight, field } of query.terms) {
    if (!(weight >= 0 && weight < Number.POSITIVE_INFINITY))
      throw new VillageError('INVALID_ARGUMENT', 'The weight of a term is negative or no number.')
    const df = statistics.documentFrequency.get(term) ?? 0
    if (!(df > 0) || weight === 0) continue
    const idf = inverseDocumentFrequency(statistics.chunks, df)
    terms.push({
      term,
      field,
      weight,
      documentFrequency: df,
      inverseDocumentFrequency: idf,
      factor: weight * idf,
    })
  }
  const averageLength = averageLengthOf(statistics)
  return { terms, averageLength, norms: normsOf(averageLength) }
}

function normsOf(averageLength: number): Float64Array {
  if (tabled.averageLength !== averageLength) {
    const norms = Float64Array.from({ length: TABLED_LENGTHS }, (_, length) =>
      lengthNorm(length, averageLength),
    )
    tabled = { averageLength, norms }
  }
  return tabled.norms
}

/** What a term adds to the score of a chunk. */
export function termScore(query: PreparedQuery, factor: number, frequency: number, length: number): number {
  const norm = length < TABLED_LENGTHS ? query.norms[length]! : lengthNorm(length, query.averageLength)
  return factor * (frequency / (frequency + norm))
}
