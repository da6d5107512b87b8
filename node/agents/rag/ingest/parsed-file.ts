/** What goes into ingest and what comes out of it. */
import type { Chunk, DocumentFields } from '../document.ts'

/** A regular file that is to be read. */
export interface SourceFile {
  /** Absolute; links are resolved. */
  readonly path: string
  /** How the collection names it: relative to the indexed root, with `/` between names. */
  readonly source: string
  readonly sizeBytes: number
  /** Whole milliseconds. */
  readonly modifiedAtMs: number
}

/** A chunk whose document has no id yet: `{ document: id, ...draft }` makes it one. */
export type ChunkDraft = Omit<Chunk, 'document'>

/** A document, cut into chunks. A file is one of them, or many: a line of a .jsonl, a part of a very long text. */
export interface ParsedFile {
  /** `source` of its file. */
  readonly file: string
  /** The same, or with `#42` behind it for line or part 42. */
  readonly source: string
  /** SHA-256 of its bytes (of the line or part, where a file holds several), hexadecimal. */
  readonly contentHash: string
  /** Of the file, line or part. */
  readonly sizeBytes: number
  /** Of the file. */
  readonly modifiedAtMs: number
  readonly title: string | null
  /** ISO 639-1, or null where it could not be told. */
  readonly language: string | null
  readonly mediaType: string
  readonly fields: DocumentFields
  /** At least one. */
  readonly chunks: readonly ChunkDraft[]
  /** For near-duplicates (near-duplicates.ts); null of a text that is too short for it. */
  readonly signature: Uint16Array | null
  /** For people: what was left out or guessed. */
  readonly warnings: readonly string[]
}

/** Why a file, or a line or part of it, is not indexed. Never fatal. */
export interface IngestProblem {
  readonly source: string
  /** A code of the table in node/errors.ts. */
  readonly code: string
  readonly message: string
}

export type ParseEvent =
  | { readonly kind: 'document'; readonly document: ParsedFile }
  | { readonly kind: 'problem'; readonly problem: IngestProblem }
  /**
   * Nothing more comes of this file: what else the collection holds of it is gone. `isComplete` false: it could not be read
   * to its end (an earlier problem says why), so that its absence proves nothing.
   */
  | {
      readonly kind: 'done'
      readonly file: SourceFile
      readonly documents: number
      readonly isComplete: boolean
    }

/** What the walk left out without naming each. */
export interface WalkSummary {
  readonly files: number
  /** Names that begin with a dot, and folders such as node_modules: neither they nor what is in them was counted. */
  readonly hidden: number
  /** By a .gitignore, or by include and exclude. */
  readonly excluded: number
  /** Links to what the walk comes by anyway. */
  readonly linked: number
  /** Of formats that are not read, by extension (`.png`), most frequent first; at most 32 rows, the rest as `other`. */
  readonly unsupported: readonly { readonly extension: string; readonly files: number }[]
}

export type WalkEvent =
  | { readonly kind: 'file'; readonly file: SourceFile }
  | { readonly kind: 'problem'; readonly problem: IngestProblem }
  /** The last one. `isComplete` false: some folder could not be read, so that a file's absence proves nothing. */
  | { readonly kind: 'summary'; readonly summary: WalkSummary; readonly isComplete: boolean }
