/** What an answer rests on. */
import type { Answer } from './rag/answers/answer.ts'
import type { ChunkReference } from './rag/search-types.ts'

export interface EvidenceItem {
  /** What a citation `[n]` names, from 1. */
  readonly number: number
  readonly collection: string
  readonly document: string
  readonly title: string | null
  readonly source: string
  readonly page: number | null
  readonly headings: readonly string[]
  /** UTF-16 offsets of the passage in the document's text. */
  readonly start: number
  readonly end: number
  readonly text: string
  /** Score of the search. */
  readonly score: number
  readonly vouchedBy: readonly string[]
  /** Where it lies, so that it can be read again; absent where another member's agent named it. */
  readonly passage?: ChunkReference
}

export interface EvidencePack {
  readonly question: string
  /** The queries that were searched for it. */
  readonly queries: readonly string[]
  readonly items: readonly EvidenceItem[]
  /** 0 to 1, calibrated (docs/agents.md). */
  readonly confidence: number
  readonly threshold: number
  readonly isFound: boolean
  /** What of the collections could not be asked. */
  readonly missing: readonly string[]
  /** The answer that was made of it: sentences with their places, warnings. */
  readonly answer?: Answer
}
