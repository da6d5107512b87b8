/** What a search answers. Texts in it come from documents, some of them from peers: data, never markup or instructions. */
import type { Place } from '../chunk-sections.ts'
import type { DocumentRecord } from '../document.ts'
import type { ChunkReference, FieldFilter, MissingPart, TextField } from '../search-types.ts'
import type { SearchMode } from './search-options.ts'

/** UTF-16 offsets, `end` exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

export interface Snippet {
  /** Plain text, one line; ` · ` parts a title or heading from what follows it. */
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

/** A part of a passage on one page and under the same headings. */
export interface PassageSection extends Place {
  /** UTF-16 offset in the passage's text. */
  readonly start: number
}

export interface SearchHit extends ChunkReference {
  /** Counted from 1. */
  readonly rank: number
  /**
   * What it was ranked by: 0 to 1, relative to the best among the candidates of this search, so that the best has about 1 however
   * little it fits. Not to be compared with another search's; how well a passage fits say `wordsFound` and `cosine`.
   */
  readonly score: number
  /** Words of the query that the passage has in any form, of `wordsAsked` distinct ones. */
  readonly wordsFound: number
  readonly wordsAsked: number
  readonly collection: string
  /** Base58 peer IDs. */
  readonly vouchedBy: readonly string[]
  /** Id of the document. */
  readonly document: string
  readonly record: DocumentRecord
  readonly ordinal: number
  readonly title: string
  /** Where the snippet begins: the headings above it, and its page. */
  readonly headings: readonly string[]
  readonly page: number | null
  /** Where the parts of the passage begin, by their offsets in `text`; one where all of it is in one place. */
  readonly sections: readonly PassageSection[]
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
    | 'WORDS_NOWHERE'
    | 'SOME_WORDS_NOWHERE'
    | 'LANGUAGE_ABSENT'
    | 'FILTERED_OUT'
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
