/** BM25, phrases and fields as their definitions say, without an index: what the real search is held against. */
import { analyze } from '../../node/agents/rag/analysis/analyzer.ts'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import type { LexicalQuery, Phrase, Statistics, TextField } from '../../node/agents/rag/search-types.ts'

interface NaiveChunk {
  readonly document: string
  readonly ordinal: number
  readonly fields: Readonly<Record<TextField, readonly string[]>>
  readonly length: number
}

export interface NaiveHit {
  readonly document: string
  readonly ordinal: number
  readonly score: number
}

export function naiveChunks(documents: readonly IndexedDocument[]): NaiveChunk[] {
  return documents.flatMap(({ record, chunks }) =>
    chunks.map((chunk) => {
      const terms = (text: string) => analyze(text, record.language).map((token) => token.term)
      const fields = {
        title: terms(chunk.title),
        heading: chunk.headings.flatMap(terms),
        body: terms(chunk.text),
      }
      const length = fields.title.length + fields.heading.length + fields.body.length
      return { document: record.id, ordinal: chunk.ordinal, fields, length }
    }),
  )
}

export function naiveStatistics(chunks: readonly NaiveChunk[]): Statistics {
  const documentFrequency = new Map<string, number>()
  for (const { fields } of chunks)
    for (const term of new Set(Object.values(fields).flat()))
      documentFrequency.set(term, (documentFrequency.get(term) ?? 0) + 1)
  return {
    chunks: chunks.length,
    totalLength: chunks.reduce((sum, { length }) => sum + length, 0),
    documentFrequency,
  }
}

function fieldsOf(chunk: NaiveChunk, field: TextField | null): (readonly string[])[] {
  return field === null ? Object.values(chunk.fields) : [chunk.fields[field]]
}

function frequency(chunk: NaiveChunk, term: string, field: TextField | null): number {
  return fieldsOf(chunk, field)
    .flat()
    .filter((other) => other === term).length
}

function hasPhrase(chunk: NaiveChunk, { alternatives, field }: Phrase): boolean {
  return fieldsOf(chunk, field).some((terms) =>
    alternatives.some(
      (wanted) =>
        wanted.length > 0 &&
        terms.some((_, start) => wanted.every((term, offset) => terms[start + offset] === term)),
    ),
  )
}

export function naiveScore(chunk: NaiveChunk, query: LexicalQuery, statistics: Statistics): number {
  const average = statistics.totalLength / statistics.chunks
  let score = 0
  for (const { term, weight, field } of query.terms) {
    const df = statistics.documentFrequency.get(term) ?? 0
    const f = frequency(chunk, term, field)
    if (df === 0 || f === 0) continue
    const idf = Math.log(1 + (statistics.chunks - df + 0.5) / (df + 0.5))
    const norm = 1.5 * (1 - 0.75 + (0.75 * chunk.length) / average)
    score += weight * idf * (f / (f + norm))
  }
  return score
}

export function naiveSearch(
  chunks: readonly NaiveChunk[],
  query: LexicalQuery,
  statistics: Statistics,
  limit: number,
): NaiveHit[] {
  return chunks
    .filter((chunk) => query.required.every((phrase) => hasPhrase(chunk, phrase)))
    .filter((chunk) => !query.excluded.some((phrase) => hasPhrase(chunk, phrase)))
    .map((chunk) => ({ ...chunk, score: naiveScore(chunk, query, statistics) }))
    .filter(({ score }) => score > 0 || query.required.length > 0)
    .sort(
      (a, b) =>
        b.score - a.score ||
        (a.document < b.document ? -1 : a.document > b.document ? 1 : a.ordinal - b.ordinal),
    )
    .slice(0, limit)
    .map(({ document, ordinal, score }) => ({ document, ordinal, score }))
}
