/** The scores of given chunks, to the last bit those of searchLexical: for what vectors found, and to explain a rank. */
import type { LexicalQuery, Statistics, TextField } from '../search-types.ts'
import { finish, SEEK_UNITS, SearchWork, type Steps } from '../search-work.ts'
import type { Segment } from '../segment/segment.ts'
import { frequencyIn } from './field-frequency.ts'
import { prepareQuery, termScore } from './prepare-query.ts'

/**
 * In the order of `chunks`, which may be any; 0 for a chunk without any of the terms. Required and excluded phrases play no
 * part.
 */
export function scoreChunks(
  segment: Segment,
  query: Pick<LexicalQuery, 'terms'>,
  statistics: Statistics,
  chunks: readonly number[],
): Float64Array {
  return finish(scoreInSteps(segment, query, statistics, chunks, new SearchWork()))
}

export function* scoreInSteps(
  segment: Segment,
  query: Pick<LexicalQuery, 'terms'>,
  statistics: Statistics,
  chunks: readonly number[],
  work: SearchWork,
): Steps<Float64Array> {
  const prepared = prepareQuery(query, statistics)
  const scores = new Float64Array(chunks.length)
  const order = Uint32Array.from(chunks.keys()).sort((a, b) => chunks[a]! - chunks[b]!)
  for (const { term, field, factor } of prepared.terms) {
    const cursor = segment.postings(term)
    if (cursor === null) continue
    for (const index of order) {
      const chunk = chunks[index]!
      if (cursor.seek(chunk) !== chunk) continue
      const frequency = frequencyIn(segment, cursor, field)
      if (frequency > 0) scores[index]! += termScore(prepared, factor, frequency, segment.chunkLength(chunk))
    }
    if (work.spend(cursor.work + order.length * SEEK_UNITS)) yield
  }
  return scores
}

export interface TermExplanation {
  readonly term: string
  readonly field: TextField | null
  readonly weight: number
  /** By the statistics; 0: the term occurs nowhere. */
  readonly documentFrequency: number
  readonly inverseDocumentFrequency: number
  /** In the chunk (and field). */
  readonly frequency: number
  readonly score: number
}

export interface ScoreExplanation {
  /** The terms' scores added up in this order: the very number that a search gives. */
  readonly score: number
  /** Terms in the chunk. */
  readonly length: number
  readonly averageLength: number
  readonly terms: readonly TermExplanation[]
}

/** Terms that occur nowhere or weigh nothing are left out. */
export function explainChunk(
  segment: Segment,
  query: Pick<LexicalQuery, 'terms'>,
  statistics: Statistics,
  chunk: number,
): ScoreExplanation {
  const prepared = prepareQuery(query, statistics)
  const length = segment.chunkLength(chunk)
  let score = 0
  const terms = prepared.terms.map(({ factor, ...term }) => {
    const cursor = segment.postings(term.term)
    const isThere = cursor !== null && cursor.seek(chunk) === chunk
    const frequency = isThere ? frequencyIn(segment, cursor, term.field) : 0
    const part = frequency > 0 ? termScore(prepared, factor, frequency, length) : 0
    score += part
    return { ...term, frequency, score: part }
  })
  return { score, length, averageLength: prepared.averageLength, terms }
}
