/** Hits of a search, and an answer around them, for tests of what stands above the search. */
import type { DocumentRecord } from '../../node/agents/rag/document.ts'
import type { QueryTerm, SearchAnswer, SearchHit } from '../../node/agents/rag/query/search-answer.ts'

export function documentRecord(over: Partial<DocumentRecord> = {}): DocumentRecord {
  return {
    id: '0'.repeat(32),
    source: 'notes/a.md',
    title: null,
    language: 'en',
    mediaType: 'text/markdown',
    contentHash: 'a'.repeat(64),
    sizeBytes: 100,
    modifiedAtMs: 1_760_000_000_000,
    fields: {},
    ...over,
  }
}

export function searchHit(text: string, over: Partial<SearchHit> = {}): SearchHit {
  return {
    rank: 1,
    score: 1,
    wordsFound: 1,
    wordsAsked: 1,
    segment: 'b'.repeat(64),
    chunk: 0,
    collection: 'notes',
    vouchedBy: [],
    document: '0'.repeat(32),
    record: documentRecord(),
    ordinal: 0,
    title: '',
    headings: [],
    page: null,
    sections: [{ start: 0, page: over.page ?? null, headings: over.headings ?? [] }],
    language: 'en',
    start: 0,
    end: text.length,
    text,
    snippet: { text, highlights: [] },
    lexical: 1,
    cosine: null,
    explain: null,
    ...over,
  }
}

export function queryTerm(term: string, idf: number): QueryTerm {
  return { term, field: null, weight: 1, documentFrequency: 1, idf, isAdded: false }
}

export function searchAnswer(over: Partial<SearchAnswer> = {}): SearchAnswer {
  return {
    hits: [],
    mode: 'lexical',
    terms: [],
    filters: [],
    chunks: 100,
    missing: [],
    warnings: [],
    tookMs: 1,
    ...over,
  }
}
