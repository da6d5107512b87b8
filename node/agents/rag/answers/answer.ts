/** What a question comes back with. */
import type { SearchWarning, Snippet } from '../query/search-answer.ts'
import type { ChunkReference, MissingPart } from '../search-types.ts'

/** A passage that was read for the answer; one that is cited in several sections is a source for each. */
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
  /** Of the sentences that cite it; where none does, of the part of the passage that is nearest to the question. */
  readonly page: number | null
  readonly headings: readonly string[]
  /** UTF-16 offsets of the passage in the document's text. */
  readonly start: number
  readonly end: number
  readonly text: string
  /** The part of it that has most words of the question. */
  readonly snippet: Snippet
  /** Score of the search, by which passages were ranked. */
  readonly score: number
  /** Peer IDs that answered for it. */
  readonly vouchedBy: readonly string[]
}

export interface AnswerSentence {
  /** Word for word as in the source, line ends as spaces but in source code. */
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

export interface AnswerPart {
  readonly question: string
  readonly confidence: number
  readonly isFound: boolean
}

export interface AnswerWarning {
  readonly code:
    | SearchWarning['code']
    | 'SENTENCES_NOT_EMBEDDED'
    | 'ANSWER_TYPE_ABSENT'
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
  /**
   * 0 to 1: the evidence that the collections cover the question, from how many of its words the best passages have (confidence.ts);
   * calibrated on whether judged queries had a relevant document there. It is not the probability that the text answers rightly. Of
   * several parts the least.
   */
  readonly confidence: number
  /** Below this confidence the answer is that nothing was found. */
  readonly threshold: number
  readonly isFound: boolean
  /**
   * Words of the question, less function words, that the best sentence does not have, nor its title, headings or the sentence before: what it
   * says may be of something else. Another word for the same counts as missing, too.
   */
  readonly missingWords: readonly string[]
  /** What a language model made of the sources; null where none was asked for, or it failed (see warnings). */
  readonly generated: GeneratedText | null
  /** What was searched, the question first. */
  readonly queries: readonly string[]
  /** Where several questions were asked in one: each with its own evidence, in their order; empty otherwise. */
  readonly parts: readonly AnswerPart[]
  readonly missing: readonly MissingPart[]
  readonly warnings: readonly AnswerWarning[]
  readonly tookMs: number
}
