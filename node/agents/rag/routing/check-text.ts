/**
 * The text that a peer returns for a candidate is analyzed again and scored: what it gives must be the candidate's score to the
 * last bit. So a peer cannot put its own text under a good score, nor a score of its own under a text.
 */
import { eachToken } from '../analysis/analyzer.ts'
import { prepareQuery, termScore } from '../lexical/prepare-query.ts'
import type { Candidate, SearchRequest, Statistics, StoredChunk, TextField } from '../search-types.ts'
import type { FailedCheck } from './check-answer.ts'

/** Null when the text is what the candidate says. */
export function checkText(
  candidate: Candidate,
  text: StoredChunk,
  request: SearchRequest,
  statistics: Statistics,
): FailedCheck | null {
  const { segment } = candidate
  const isSame =
    text.segment === segment &&
    text.chunk === candidate.chunk &&
    text.document === candidate.document &&
    text.record.id === candidate.document &&
    text.ordinal === candidate.ordinal
  if (!isSame) return { check: 'text', segment }
  if (request.lexical === null || candidate.lexical === null) return null
  const score = scoreText(text, request, statistics)
  return score === candidate.lexical ? null : { check: 'recomputed-score', segment }
}

/** BM25 of a text by itself: the very number that lexical/score-chunks.ts gives for the chunk in its segment. */
function scoreText(text: StoredChunk, request: SearchRequest, statistics: Statistics): number {
  if (request.lexical === null) return 0
  const { counts, length } = countTerms(text)
  const prepared = prepareQuery(request.lexical, statistics)
  let score = 0
  for (const { term, field, factor } of prepared.terms) {
    const frequency = field === null ? sumOf(counts.get(term)) : (counts.get(term)?.[field] ?? 0)
    if (frequency > 0) score += termScore(prepared, factor, frequency, length)
  }
  return score
}

type FieldCounts = Record<TextField, number>

function countTerms(text: StoredChunk): { counts: Map<string, FieldCounts>; length: number } {
  const counts = new Map<string, FieldCounts>()
  let length = 0
  const count = (words: string, field: TextField) =>
    eachToken(words, text.language, (term) => {
      const known = counts.get(term) ?? { title: 0, heading: 0, body: 0 }
      known[field]++
      counts.set(term, known)
      length++
    })
  count(text.title, 'title')
  for (const heading of text.headings) count(heading, 'heading')
  count(text.text, 'body')
  return { counts, length }
}

function sumOf(counts: FieldCounts | undefined): number {
  return counts === undefined ? 0 : counts.title + counts.heading + counts.body
}
