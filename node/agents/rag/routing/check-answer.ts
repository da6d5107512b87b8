/**
 * What a peer answers is held against the sketch of the segment, which its owner signed: a peer cannot invent frequencies, raise
 * scores or name chunks that are not there without being found out. Each check returns null or what is wrong.
 */

import { averageLengthOf, impactBound, inverseDocumentFrequency } from '../lexical/bm25.ts'
import type {
  Candidate,
  SearchOutcome,
  SearchRequest,
  SegmentStatistics,
  Statistics,
} from '../search-types.ts'
import { byCosine, byLexical } from './merge-outcomes.ts'
import type { Sketch } from './read-sketch.ts'
import { hashTerm } from './term-hash.ts'

export type AnswerCheck =
  /** Statistics of a segment that was not asked for, twice, or missing. */
  | 'segments'
  /** Chunks or total length are not those of the sketch. */
  | 'totals'
  /** A document frequency is outside the interval of the sketch. */
  | 'frequency'
  /** More frequencies are 0 where the sketch has the term than false matches explain. */
  | 'absent-terms'
  /** More candidates than asked for. */
  | 'count'
  /** A list is not sorted, or a chunk is in it twice. */
  | 'order'
  /** A segment that was not asked for, a chunk that it does not have, or an id or ordinal of no document. */
  | 'reference'
  /** A score that is no number, or is there or not against the request. */
  | 'score'
  /** A lexical score above what the sketch allows. */
  | 'score-bound'
  /** The score of the returned text is another one. */
  | 'recomputed-score'
  /** The returned text is of another document, or another part of it. */
  | 'text'
  /** Fewer candidates than there are (check-omission.ts). */
  | 'omitted'

export interface FailedCheck {
  readonly check: AnswerCheck
  /** Null: of no single segment. */
  readonly segment: string | null
}

/** How improbable it must be that an honest peer has so many zeros: one false accusation in a million answers. */
export const ACCUSATION_LEVEL = 1e-6
/** Of a cosine: vectors are f16, and their length is 1 within rounding. */
const COSINE_SLACK = 0.01
const DOCUMENT_ID = /^[0-9a-f]{32}$/

export function checkStatistics(
  asked: ReadonlyMap<string, Sketch>,
  terms: readonly string[],
  answer: readonly SegmentStatistics[],
): FailedCheck | null {
  const seen = new Set<string>()
  const hashes = [...new Set(terms)].map((term) => ({ term, hash: hashTerm(term) }))
  let zeros = 0
  let expectedZeros = 0
  for (const part of answer) {
    const { segment } = part
    const sketch = asked.get(segment)
    if (sketch === undefined || seen.has(segment)) return { check: 'segments', segment }
    seen.add(segment)
    if (part.chunks !== sketch.chunks || part.totalLength !== sketch.totalLength)
      return { check: 'totals', segment }
    for (const { term, hash } of hashes) {
      const frequency = part.documentFrequency.get(term) ?? 0
      const { dfLow, dfHigh } = sketch.estimateHash(hash)
      expectedZeros += sketch.falseMatchRate
      if (frequency === 0 && dfHigh > 0) zeros++
      else if (!Number.isInteger(frequency) || frequency < dfLow || frequency > dfHigh)
        return { check: 'frequency', segment }
    }
  }
  if (seen.size !== asked.size) return { check: 'segments', segment: null }
  return poissonTail(zeros, expectedZeros) < ACCUSATION_LEVEL
    ? { check: 'absent-terms', segment: null }
    : null
}

export function checkOutcome(
  asked: ReadonlyMap<string, Sketch>,
  request: SearchRequest,
  statistics: Statistics,
  answer: SearchOutcome,
): FailedCheck | null {
  const bounds = new Map<string, number>()
  const boundOf = (segment: string, sketch: Sketch) => {
    const known = bounds.get(segment)
    if (known !== undefined) return known
    const bound = lexicalBound(sketch, request, statistics)
    bounds.set(segment, bound)
    return bound
  }
  for (const [list, order] of [
    [answer.lexical, byLexical],
    [answer.vectors, byCosine],
  ] as const) {
    if (list.length > request.limit) return { check: 'count', segment: null }
    const seen = new Set<string>()
    for (const [at, candidate] of list.entries()) {
      const { segment } = candidate
      const sketch = asked.get(segment)
      if (sketch === undefined || !isReference(candidate, sketch)) return { check: 'reference', segment }
      if (!hasScores(candidate, request) || (list === answer.vectors && candidate.cosine === null))
        return { check: 'score', segment }
      if ((candidate.lexical ?? 0) > boundOf(segment, sketch)) return { check: 'score-bound', segment }
      const key = `${segment}/${candidate.chunk}`
      if (seen.has(key) || (at > 0 && order(list[at - 1]!, candidate) > 0)) return { check: 'order', segment }
      seen.add(key)
    }
  }
  const wrongList = request.lexical === null ? answer.lexical : request.vector === null ? answer.vectors : []
  return wrongList.length > 0 ? { check: 'score', segment: null } : null
}

/** No chunk of the segment can score more. */
export function lexicalBound(sketch: Sketch, request: SearchRequest, statistics: Statistics): number {
  if (request.lexical === null || sketch.chunks === 0) return 0
  const average = averageLengthOf(sketch)
  const overall = averageLengthOf(statistics)
  let bound = 0
  for (const { term, weight } of request.lexical.terms) {
    const { maxImpact } = sketch.estimateHash(hashTerm(term))
    if (maxImpact === 0) continue
    const frequency = statistics.documentFrequency.get(term) ?? 0
    bound +=
      weight *
      inverseDocumentFrequency(statistics.chunks, frequency) *
      impactBound(maxImpact, average, overall)
  }
  // The sum of the score is rounded, and so is this one.
  return bound * (1 + 1e-9)
}

function isReference({ chunk, document, ordinal }: Candidate, sketch: Sketch): boolean {
  return (
    Number.isInteger(chunk) &&
    chunk >= 0 &&
    chunk < sketch.chunks &&
    DOCUMENT_ID.test(document) &&
    Number.isSafeInteger(ordinal) &&
    ordinal >= 0
  )
}

function hasScores({ lexical, cosine }: Candidate, request: SearchRequest): boolean {
  if ((lexical === null) !== (request.lexical === null)) return false
  if (lexical !== null && !(Number.isFinite(lexical) && lexical >= 0)) return false
  if (cosine === null) return true
  return request.vector !== null && Math.abs(cosine) <= 1 + COSINE_SLACK
}

/** Probability of at least `count` where `mean` are expected. */
export function poissonTail(count: number, mean: number): number {
  let below = 0
  let term = Math.exp(-mean)
  for (let k = 0; k < count; k++) {
    below += term
    term *= mean / (k + 1)
  }
  return Math.max(0, 1 - below)
}
