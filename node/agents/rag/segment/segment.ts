/** What an open segment gives. Every read is checked: a segment may be another member's, and throws SEGMENT_CORRUPT. */
import type { DocumentRecord, IndexedDocument } from '../document.ts'
import type { StoredChunk } from '../search-types.ts'
import type { PostingsCursor } from './postings-cursor.ts'
import type { SegmentHeader } from './segment-format.ts'

export interface SegmentTerm {
  readonly term: string
  /** Chunks that have it. */
  readonly df: number
  /**
   * Frequency and chunk length of the posting with the largest impact (lexical/bm25.ts) under the segment's own average
   * length: no chunk here gives the term a larger one.
   */
  readonly maxFrequency: number
  readonly minLength: number
}

export interface FieldLengths {
  readonly title: number
  readonly heading: number
  readonly body: number
}

export interface Segment {
  readonly id: string
  readonly header: SegmentHeader
  /** 0 for a term that no chunk has. */
  df(term: string): number
  /** All, in the order of their UTF-16 units. */
  terms(): Iterable<SegmentTerm>
  /** Null for a term that no chunk has. */
  postings(term: string): PostingsCursor | null

  /** Terms of a chunk, all fields. */
  chunkLength(chunk: number): number
  /** By chunk; not to be written to. */
  chunkLengths(): Uint32Array
  fieldLengths(chunk: number): FieldLengths
  ordinal(chunk: number): number
  chunk(chunk: number): StoredChunk
  /** Index of the chunk's document. */
  documentOf(chunk: number): number

  document(document: number): DocumentRecord
  documents(): Iterable<DocumentRecord>
  /** 32 hexadecimal digits, without reading the record. */
  documentId(document: number): string
  /** Orders two documents, of two segments or one, as their ids are ordered. */
  compareDocuments(document: number, other: Segment, otherDocument: number): number
  /** Index of the document with this id, or -1. */
  findDocument(id: string): number
  /** The chunks of a document are `firstChunk(d)` up to, not including, `firstChunk(d + 1)`. */
  firstChunk(document: number): number
  /** A document as it was given to writeSegment (vectors by way of half precision), to write it into another segment. */
  indexedDocument(document: number): IndexedDocument

  close(): void
}
