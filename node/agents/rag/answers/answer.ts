/** What a question comes back with. */
import type { SearchWarning } from '../query/search-answer.ts'
import type { ChunkReference, MissingPart } from '../search-types.ts'

/** A passage that was read for the answer. */
export interface AnswerSource extends ChunkReference {
  /** What a citation `[n]` names, from 1. */
  readonly number: number
  readonly collection: string
  /** Id of the document, and which of its chunks was read. */
  readonly document: string
  readonly ordinal: number
  readonly title: string | null
  /** Where the document comes from, as it was indexed: `notes/a.md`. */
  readonly source: string
  readonly page: number | null
  readonly headings: readonly string[]
  /** UTF-16 offsets of the passage in the document's text. */
  readonly start: number
  readonly end: number
  readonly text: string
  /** Score of the search, by which passages were ranked. */
  readonly score: number
  /** Peer IDs that answered for it. */
  readonly vouchedBy: readonly string[]
}

export interface AnswerSentence {
  /** Word for word as in the source, line ends as spaces. */
  readonly text: string
  /** Number of its source. */
  readonly citation: number
  /** 0 to 1: how well it fits the question. */
  readonly score: number
  /** UTF-16 offsets in the document's text. */
  readonly start: number
  readonly end: number
}

export interface GeneratedText {
  readonly model: string
  /** With citations `[n]` of known sources only. */
  readonly text: string
  /** Sources that it cites. */
  readonly citations: readonly number[]
  /** Citations that named no source and were taken out. */
  readonly unknownCitations: number
  readonly promptTokens: number
  readonly completionTokens: number
}

export interface AnswerWarning {
  readonly code:
    | SearchWarning['code']
    | 'SENTENCES_NOT_EMBEDDED'
    | 'GENERATION_EXPERIMENTAL'
    | 'GENERATION_SKIPPED'
    | 'GENERATION_FAILED'
    | 'CITATIONS_REMOVED'
  /** For people. */
  readonly message: string
}

export interface Answer {
  readonly question: string
  /** The sentences with their citations, or that nothing was found. */
  readonly text: string
  readonly sentences: readonly AnswerSentence[]
  readonly sources: readonly AnswerSource[]
  /** 0 to 1: how likely the collections hold an answer, as calibrated on judged questions. */
  readonly confidence: number
  /** Below this confidence the answer is that nothing was found. */
  readonly threshold: number
  readonly isFound: boolean
  /** What a language model made of the sources; null where none was asked for, or it failed (see warnings). */
  readonly generated: GeneratedText | null
  readonly missing: readonly MissingPart[]
  readonly warnings: readonly AnswerWarning[]
  readonly tookMs: number
}
