/**
 * Whether an answer leaves out what must be there. A list that is shorter than was asked for is complete, so every live chunk that
 * has a word of the query is in it: a segment cannot have fewer candidates than the sketch, which its owner signed, says that it
 * has chunks with one of the words. What a filter, a required or an excluded phrase leaves is not known: such answers pass.
 *
 * A word that the sketch seems to have may be another's (a false match), so that one contradiction proves nothing: the segment is
 * doubted, and another holder is asked for it. So many that false matches do not explain them are proof.
 */
import type { SearchOutcome, SearchRequest, Statistics } from '../search-types.ts'
import { ACCUSATION_LEVEL, type FailedCheck, poissonTail } from './check-answer.ts'
import type { Sketch } from './read-sketch.ts'
import { hashTerm } from './term-hash.ts'

/** What this node knows of a segment before it is answered. */
export interface KnownSegment {
  readonly segment: string
  readonly sketch: Sketch
  /** Chunks that its owner has deleted, as far as it is known here. */
  readonly deletedChunks: number
  /** Whether its chunks have vectors that the vector of the request can be compared with. */
  readonly hasVectors: boolean
  /** Exact frequencies of the terms, where somebody has given them; null: by the sketch. */
  readonly frequencies: ReadonlyMap<string, number> | null
}

export interface OmissionVerdict {
  /** Null: not proven. */
  readonly failed: FailedCheck | null
  /** Segments with fewer candidates than there should be. */
  readonly doubted: readonly string[]
  /** Nothing can be said: what a filter, a required or an excluded phrase leaves is not known. */
  readonly isSilent: boolean
}

/** Passages without words have no vector: so large a share of the live chunks has one. */
const VECTOR_SHARE = 0.5

export function checkOmission(
  asked: readonly KnownSegment[],
  request: SearchRequest,
  statistics: Statistics,
  answer: SearchOutcome,
): OmissionVerdict {
  const { lexical, vector, filters, limit } = request
  const isOpen =
    filters.length === 0 && (lexical === null || lexical.required.length + lexical.excluded.length === 0)
  if (!isOpen) return { failed: null, doubted: [], isSilent: true }
  const doubted = new Set<string>()
  let proven: string | null = null

  if (lexical !== null && answer.lexical.length < limit) {
    const counts = countBySegment(answer.lexical)
    // Only these are scored anywhere: one with a field may be there and not in that field.
    const terms = lexical.terms.filter(
      ({ term, weight, field }) =>
        field === null && weight > 0 && (statistics.documentFrequency.get(term) ?? 0) > 0,
    )
    const hashes = [...new Set(terms.map(({ term }) => term))].map((term) => ({ term, hash: hashTerm(term) }))
    let denied = 0
    let expected = 0
    for (const { segment, sketch, deletedChunks, frequencies } of asked) {
      const found = (counts.get(segment) ?? 0) + deletedChunks
      for (const { term, hash } of hashes) {
        // That it has the term somebody said, and the sketch bears it out. That it has not is nobody's proof.
        const exact = frequencies?.get(term)
        if (exact === undefined) expected += sketch.falseMatchRate
        if (found >= (exact ?? sketch.estimateHash(hash).dfLow)) continue
        doubted.add(segment)
        if (exact === undefined) denied++
        else proven = segment
      }
    }
    if (denied > 0 && poissonTail(denied, expected) < ACCUSATION_LEVEL) proven ??= [...doubted][0]!
  }

  if (vector !== null && answer.vectors.length < limit) {
    const counts = countBySegment(answer.vectors)
    for (const { segment, sketch, deletedChunks, hasVectors } of asked) {
      if (!hasVectors) continue
      const least = Math.floor(Math.max(0, sketch.chunks - deletedChunks) * VECTOR_SHARE)
      if ((counts.get(segment) ?? 0) >= least) continue
      doubted.add(segment)
      proven = segment
    }
  }
  return {
    failed: proven === null ? null : { check: 'omitted', segment: proven },
    doubted: [...doubted],
    isSilent: false,
  }
}

function countBySegment(list: SearchOutcome['lexical']): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { segment } of list) counts.set(segment, (counts.get(segment) ?? 0) + 1)
  return counts
}
