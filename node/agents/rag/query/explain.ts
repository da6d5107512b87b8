import { analyze } from '../analysis/analyzer.ts'
import { averageLengthOf, impactOf, inverseDocumentFrequency } from '../lexical/bm25.ts'
import type { LexicalQuery, Statistics, StoredChunk, TextField } from '../search-types.ts'
import type { FusedCandidate } from './fuse.ts'
import type { HitExplanation, TermExplanation } from './search-answer.ts'

/** Scores are sums of doubles in one order everywhere; this much is for a text that was stored otherwise than it was sent. */
const TOLERANCE = 1e-6

/**
 * How a score came about, worked out anew from the text of the passage: what another peer answered can be checked by it.
 * Contributions are weight · idf · f/(f + K) (lexical/bm25.ts), in the order of the query.
 */
export function explainHit(
  passage: StoredChunk,
  candidate: FusedCandidate,
  query: Pick<LexicalQuery, 'terms'>,
  statistics: Statistics,
): HitExplanation {
  const fields = countTerms(passage)
  const length = fields.title.length + fields.heading.length + fields.body.length
  const averageLength = averageLengthOf(statistics)
  const terms = query.terms.map(({ term, field, weight }): TermExplanation => {
    const frequency =
      field === null
        ? fields.title.of(term) + fields.heading.of(term) + fields.body.of(term)
        : fields[field].of(term)
    const documentFrequency = statistics.documentFrequency.get(term) ?? 0
    const idf = inverseDocumentFrequency(statistics.chunks, documentFrequency)
    const contribution = frequency === 0 ? 0 : weight * idf * impactOf(frequency, length, averageLength)
    return { term, field, weight, frequency, documentFrequency, idf, contribution }
  })
  const lexical = terms.reduce((sum, { contribution }) => sum + contribution, 0)
  return {
    terms,
    length,
    averageLength,
    normalisedLexical: candidate.normalisedLexical,
    normalisedCosine: candidate.normalisedCosine,
    weight: candidate.weight,
    isConsistent:
      candidate.normalisedLexical === null || candidate.lexical === null
        ? null
        : Math.abs(lexical - candidate.lexical) <= TOLERANCE * Math.max(1, lexical),
  }
}

export interface FieldTerms {
  readonly length: number
  of(term: string): number
}

export function countTerms({
  title,
  headings,
  text,
  language,
}: Pick<StoredChunk, 'title' | 'headings' | 'text' | 'language'>): Record<TextField, FieldTerms> {
  const count = (texts: readonly string[]): FieldTerms => {
    const counts = new Map<string, number>()
    let length = 0
    for (const one of texts)
      for (const { term } of analyze(one, language)) {
        length++
        counts.set(term, (counts.get(term) ?? 0) + 1)
      }
    return { length, of: (term) => counts.get(term) ?? 0 }
  }
  return { title: count([title]), heading: count(headings), body: count([text]) }
}
