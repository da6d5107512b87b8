/** The words that query, index, routing and the protocol share. Ranking is the same wherever the chunks lie. */
import type { Chunk, DocumentRecord } from './document.ts'

export type TextField = 'title' | 'heading' | 'body'

/** A term as the analyzer writes it. */
export interface WeightedTerm {
  readonly term: string
  /** 1 for what was asked; less for what feedback added. */
  readonly weight: number
  /** Only occurrences in this field count; null: anywhere. */
  readonly field: TextField | null
}

/** Terms one after the other; one that has a single term is a word that must (not) occur. */
export interface Phrase {
  /** Any of them will do: the stems of several languages. */
  readonly alternatives: readonly (readonly string[])[]
  readonly field: TextField | null
}

export interface LexicalQuery {
  /** What is scored, in the order in which scores are added up. */
  readonly terms: readonly WeightedTerm[]
  readonly required: readonly Phrase[]
  readonly excluded: readonly Phrase[]
}

/** `field` is `language`, `mediaType`, `source`, `title`, `modifiedAtMs`, `document`, or one of the document's own fields. */
export interface FieldFilter {
  readonly field: string
  readonly test: 'equals' | 'not-equals' | 'below' | 'above' | 'starts-with'
  readonly value: string | number | boolean
}

export interface SearchRequest {
  readonly lexical: LexicalQuery | null
  /** Of length 1. */
  readonly vector: Float32Array | null
  /** The model that made it: a collection with another one is searched by its terms alone. */
  readonly encoder?: string
  /** All must hold. */
  readonly filters: readonly FieldFilter[]
  /** Most candidates of each ranker. */
  readonly limit: number
}

/** What BM25 needs to know of all that is searched. Deleted chunks count until they are compacted away. */
export interface Statistics {
  readonly chunks: number
  /** Terms in all chunks. */
  readonly totalLength: number
  /** Chunks with the term; a term that is not in it occurs nowhere. */
  readonly documentFrequency: ReadonlyMap<string, number>
}

export interface SegmentStatistics extends Statistics {
  readonly segment: string
}

export interface ChunkReference {
  /** Id of the segment. */
  readonly segment: string
  /** Index within the segment. */
  readonly chunk: number
}

/** Both scores are exact where the request asked for both, whichever ranker found the chunk. */
export interface Candidate extends ChunkReference {
  readonly document: string
  readonly ordinal: number
  /** BM25 by the given statistics, 0 where no term occurs; null where the request has no lexical part. */
  readonly lexical: number | null
  /** -1 to 1; null where the request has no vector or the chunk has none. */
  readonly cosine: number | null
}

/** Each list is sorted by its score, falling, then by document id and ordinal, and holds at most `limit`. */
export interface SearchOutcome {
  readonly lexical: readonly Candidate[]
  readonly vectors: readonly Candidate[]
}

export interface StoredChunk extends Chunk, ChunkReference {
  /** Named by `reference.segment` where it lies. */
  readonly language: string | null
  readonly record: DocumentRecord
}

/**
 * Where a search runs: this node's indexes, or the village. A part that does not answer is named in `missing`, never an error;
 * the error is that nothing answers.
 */
export interface SearchBackend {
  statistics(terms: readonly string[], signal: AbortSignal): Promise<BackendAnswer<Statistics>>
  search(
    request: SearchRequest,
    statistics: Statistics,
    signal: AbortSignal,
  ): Promise<BackendAnswer<SearchOutcome>>
  /** In the order of the references; null for what is gone. */
  chunks(
    references: readonly ChunkReference[],
    signal: AbortSignal,
  ): Promise<BackendAnswer<readonly (StoredChunk | null)[]>>
  /** Which collection and which peers stand behind a segment. */
  origin(segment: string): SegmentOrigin
}

export interface BackendAnswer<T> {
  readonly value: T
  readonly missing: readonly MissingPart[]
}

export interface SegmentOrigin {
  /** `name` of an own collection, `name@peer` of another's. */
  readonly collection: string
  /** Base58 peer IDs that answered for it; this node's own for a local segment. */
  readonly vouchedBy: readonly string[]
}

export interface MissingPart {
  readonly collection: string
  readonly segments: number
  readonly chunks: number
  /** An error code. */
  readonly reason: string
}
