/** What ingest makes of a file, and what the index keeps of it. */

/** Values by which a document can be filtered: from front matter, from the fields of a JSON line, from a PDF's properties. */
export type DocumentFields = Readonly<Record<string, string | number | boolean>>

/** Of source code in whatever language. */
export const CODE_MEDIA_TYPE = 'text/x-source'

export type BlockKind = 'heading' | 'text' | 'code' | 'table' | 'list'

/** A piece of a document that a chunk does not have to cut. */
export interface Block {
  readonly kind: BlockKind
  /** 1 (the highest) to 6 of a heading; null of everything else. */
  readonly level: number | null
  /** Counted from 1; null where the format has no pages. */
  readonly page: number | null
  readonly text: string
}

export interface ParsedDocument {
  readonly title: string | null
  /** ISO 639-1 (`en`), or null where it could not be told. */
  readonly language: string | null
  readonly mediaType: string
  readonly fields: DocumentFields
  readonly blocks: readonly Block[]
  /** For people: what was left out, and why. */
  readonly warnings: readonly string[]
}

/** What is found, ranked and cited. Its document's text is the texts of all blocks, joined by an empty line. */
export interface Chunk {
  /** Id of its document. */
  readonly document: string
  /** Counted from 0 within the document. */
  readonly ordinal: number
  /** Title of the document, or an empty text; searched with the chunk as the field `title`. */
  readonly title: string
  /** All headings that stand above some part of it, in the order of the text, outermost first; searched as the field `heading`. */
  readonly headings: readonly string[]
  /** Searched as the field `body`. */
  readonly text: string
  /** Of its first character. */
  readonly page: number | null
  /**
   * Two or more parts with other pages or headings, rising, the first at 0; absent where all of it is on one page and under all of
   * its headings. See chunk-sections.ts.
   */
  readonly sections?: readonly ChunkSection[]
  /** UTF-16 offsets of the chunk in the document's text. */
  readonly start: number
  readonly end: number
}

/** A part of a chunk that lies on one page and under the same headings. */
export interface ChunkSection {
  /** UTF-16 offset in the chunk's text. */
  readonly start: number
  readonly page: number | null
  /** Which of the chunk's headings stand above it, outermost first. */
  readonly headings: readonly number[]
}

export interface DocumentRecord {
  /** 32 hexadecimal digits: of the hash of collection and source, so that a changed file replaces itself. */
  readonly id: string
  /** Where it comes from, relative to the indexed root: `notes/a.md`, or `papers.jsonl#42` for a line. */
  readonly source: string
  readonly title: string | null
  readonly language: string | null
  readonly mediaType: string
  /** SHA-256 of the bytes, hexadecimal. */
  readonly contentHash: string
  readonly sizeBytes: number
  readonly modifiedAtMs: number
  readonly fields: DocumentFields
}

/** A document on its way into an index. */
export interface IndexedDocument {
  readonly record: DocumentRecord
  readonly chunks: readonly Chunk[]
  /** Chunks × dims, row-major, each of length 1; null without an encoder. */
  readonly vectors: Float32Array | null
}
