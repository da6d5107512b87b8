/** A search backend that keeps everything in memory and tries every chunk: slow, short and hard to get wrong. The oracle of the real one. */
import { createHash } from 'node:crypto'
import { analyze } from '../../node/agents/rag/analysis/analyzer.ts'
import type { Chunk, DocumentRecord } from '../../node/agents/rag/document.ts'
import type {
  Candidate,
  FieldFilter,
  MissingPart,
  Phrase,
  SearchBackend,
  Statistics,
  StoredChunk,
  TextField,
} from '../../node/agents/rag/search-types.ts'

export interface NaiveDocument {
  readonly source: string
  readonly title?: string
  readonly chunks: readonly {
    readonly text: string
    readonly headings?: readonly string[]
    readonly vector?: readonly number[]
  }[]
  readonly language?: string
  readonly fields?: DocumentRecord['fields']
}

export const documentIdOf = (source: string): string =>
  createHash('sha256').update(source).digest('hex').slice(0, 32)

export function recordOf(document: NaiveDocument): DocumentRecord {
  return {
    id: documentIdOf(document.source),
    source: document.source,
    title: document.title ?? null,
    language: document.language ?? 'en',
    mediaType: 'text/plain',
    contentHash: createHash('sha256').update(JSON.stringify(document)).digest('hex'),
    sizeBytes: 1,
    modifiedAtMs: 0,
    fields: document.fields ?? {},
  }
}

export function chunksOf(document: NaiveDocument): Chunk[] {
  let at = 0
  return document.chunks.map(({ text, headings = [] }, ordinal) => {
    const start = at
    at += text.length + 2
    const title = document.title ?? ''
    return {
      document: documentIdOf(document.source),
      ordinal,
      title,
      headings,
      text,
      page: null,
      start,
      end: start + text.length,
    }
  })
}

interface NaiveChunk extends StoredChunk {
  readonly terms: Readonly<Record<TextField, readonly (readonly string[])[]>>
  readonly all: readonly string[]
  readonly vector: Float32Array | null
}

export function createNaiveBackend(
  collections: Readonly<Record<string, readonly NaiveDocument[]>>,
  init: { missing?: readonly MissingPart[] } = {},
): SearchBackend & { calls: string[] } {
  const chunks: NaiveChunk[] = []
  for (const [name, documents] of Object.entries(collections))
    for (const document of documents) {
      const record = recordOf(document)
      for (const [index, chunk] of chunksOf(document).entries()) {
        const terms = (text: string) => analyze(text, record.language).map(({ term }) => term)
        const fields = {
          title: [terms(chunk.title)],
          heading: chunk.headings.map(terms),
          body: [terms(chunk.text)],
        }
        const vector = document.chunks[index]!.vector
        chunks.push({
          ...chunk,
          segment: name,
          chunk: chunks.filter(({ segment }) => segment === name).length,
          language: record.language,
          record,
          terms: fields,
          all: [...fields.title, ...fields.heading, ...fields.body].flat(),
          vector: vector === undefined ? null : Float32Array.from(vector),
        })
      }
    }
  const missing = init.missing ?? []
  const calls: string[] = []
  return {
    calls,
    async statistics(terms) {
      calls.push('statistics')
      const frequencies = terms.map(
        (term) => [term, chunks.filter(({ all }) => all.includes(term)).length] as const,
      )
      return {
        value: {
          chunks: chunks.length,
          totalLength: chunks.reduce((sum, { all }) => sum + all.length, 0),
          documentFrequency: new Map(frequencies.filter(([, count]) => count > 0)),
        },
        missing,
      }
    },
    async search({ lexical, vector, filters, limit }, statistics) {
      calls.push('search')
      const accepted = chunks.filter(
        (chunk) =>
          filters.every((filter) => holds(filter, chunk.record)) &&
          (lexical?.required ?? []).every((phrase) => hasPhrase(chunk, phrase)) &&
          !(lexical?.excluded ?? []).some((phrase) => hasPhrase(chunk, phrase)),
      )
      const candidates = accepted.map((chunk) => ({
        segment: chunk.segment,
        chunk: chunk.chunk,
        document: chunk.document,
        ordinal: chunk.ordinal,
        lexical: lexical === null ? null : bm25(chunk, lexical.terms, statistics),
        cosine: vector === null || chunk.vector === null ? null : dot(vector, chunk.vector),
      }))
      const top = (score: (candidate: Candidate) => number) =>
        [...candidates]
          .sort(
            (a, b) =>
              score(b) - score(a) ||
              (a.document < b.document ? -1 : a.document > b.document ? 1 : a.ordinal - b.ordinal),
          )
          .slice(0, limit)
      return {
        value: {
          lexical: top(({ lexical: score }) => score ?? -1).filter(({ lexical: score }) => (score ?? 0) > 0),
          vectors:
            vector === null ? [] : top(({ cosine }) => cosine ?? -2).filter(({ cosine }) => cosine !== null),
        },
        missing,
      }
    },
    async chunks(references) {
      calls.push('chunks')
      const value = references.map(({ segment, chunk }) => {
        const found = chunks.find((one) => one.segment === segment && one.chunk === chunk)
        if (found === undefined) return null
        const { terms: _terms, all: _all, vector: _vector, ...stored } = found
        return stored
      })
      return { value, missing }
    },
    origin: (segment) => ({ collection: segment, vouchedBy: ['peer'] }),
  }
}

function bm25(
  chunk: NaiveChunk,
  terms: readonly { term: string; weight: number; field: TextField | null }[],
  { chunks, totalLength, documentFrequency }: Statistics,
): number {
  const average = totalLength / chunks
  let score = 0
  for (const { term, weight, field } of terms) {
    const df = documentFrequency.get(term) ?? 0
    const where = field === null ? chunk.all : chunk.terms[field].flat()
    const frequency = where.filter((one) => one === term).length
    if (frequency === 0) continue
    const idf = Math.log(1 + (chunks - df + 0.5) / (df + 0.5))
    const norm = 1.5 * (1 - 0.75 + (0.75 * chunk.all.length) / average)
    score += weight * idf * (frequency / (frequency + norm))
  }
  return score
}

function hasPhrase({ terms }: NaiveChunk, { alternatives, field }: Phrase): boolean {
  const texts = field === null ? [...terms.title, ...terms.heading, ...terms.body] : terms[field]
  return alternatives.some((phrase) =>
    texts.some((text) => text.some((_, at) => phrase.every((term, step) => text[at + step] === term))),
  )
}

function holds({ field, test, value }: FieldFilter, record: DocumentRecord): boolean {
  const known: Record<string, unknown> = { ...record, document: record.id }
  const actual = known[field] ?? record.fields[field]
  if (test === 'equals') return actual === value
  if (test === 'not-equals') return actual !== value
  if (test === 'starts-with') return typeof actual === 'string' && actual.startsWith(String(value))
  if (typeof actual !== typeof value || actual === undefined) return false
  return test === 'below' ? (actual as number) < (value as number) : (actual as number) > (value as number)
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, index) => sum + value * b[index]!, 0)
}
