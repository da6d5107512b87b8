/** What a search answers. Texts in it come from documents, some of them from peers: data, never markup or instructions. */
import type { DocumentRecord } from '../document.ts'
import type { ChunkReference, FieldFilter, MissingPart, TextField } from '../search-types.ts'
import type { SearchMode } from './search-options.ts'

/** UTF-16 offsets, `end` exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Snippet {
  /** Plain text, one line. */
  readonly text: string
  /** Words of the query, as offsets in `text`, rising and apart. */
  readonly highlights: readonly Span[]
}

export interface TermExplanation {
  readonly term: string
  readonly field: TextField | null
  /** Of the query: 1 for what was asked, less for what feedback added. */
  readonly weight: number
  /** Occurrences in the passage. */
  readonly frequency: number
  /** Chunks with the term, in all that was searched. */
  readonly documentFrequency: number
  readonly idf: number
  /** To the lexical score; contributions add up to it. */
  readonly contribution: number
}

/** score = weight · normalisedCosine + (1 − weight) · normalisedLexical; a part that was not asked for is null. */
export interface HitExplanation {
  readonly terms: readonly TermExplanation[]
  /** Terms of the passage, and the mean over all that was searched: BM25 sets one against the other. */
  readonly length: number
  readonly averageLength: number
  readonly normalisedLexical: number | null
  readonly normalisedCosine: number | null
  /** Share of the vectors that this passage's collection has. */
  readonly weight: number
  /** Whether the text gives the lexical score that it was ranked by: false speaks against who answered. */
  readonly isConsistent: boolean | null
}

export interface SearchHit extends ChunkReference {
  /** Counted from 1. */
  readonly rank: number
  /** 0 to 1 among the candidates of this search; not to be compared with another search's. */
  readonly score: number
  readonly collection: string
  /** Base58 peer IDs. */
  readonly vouchedBy: readonly string[]
  /** Id of the document. */
  readonly document: string
  readonly record: DocumentRecord
  readonly ordinal: number
  readonly title: string
  readonly headings: readonly string[]
  readonly page: number | null
  readonly language: string | null
  /** UTF-16 offsets of the passage in the document's text. */
  readonly start: number
  readonly end: number
  /** The whole passage. */
  readonly text: string
  readonly snippet: Snippet
  /** BM25; null in the mode `vectors`. */
  readonly lexical: number | null
  readonly cosine: number | null
  readonly explain: HitExplanation | null
}

export interface QueryTerm {
  readonly term: string
  readonly field: TextField | null
  readonly weight: number
  readonly documentFrequency: number
  readonly idf: number
  /** By feedback; nobody asked for it. */
  readonly isAdded: boolean
}

export interface SearchWarning {
  readonly code:
    | 'QUERY_SYNTAX'
    | 'QUERY_TRUNCATED'
    | 'QUERY_WITHOUT_WORDS'
    | 'NO_VECTORS'
    | 'ENCODERS_DIFFER'
    | 'EMBEDDING_FAILED'
    | 'PASSAGES_GONE'
  readonly message: string
}

export interface SearchAnswer {
  readonly hits: readonly SearchHit[]
  /** What was searched, after warnings: `hybrid` may have become `lexical`. */
  readonly mode: SearchMode
  /** As they were scored, those of feedback last. */
  readonly terms: readonly QueryTerm[]
  readonly filters: readonly FieldFilter[]
  /** Chunks in all that was searched. */
  readonly chunks: number
  /** What did not answer in time, by collection and reason. */
  readonly missing: readonly MissingPart[]
  readonly warnings: readonly SearchWarning[]
  readonly tookMs: number
}
