/** What a format is. One row each in table.ts; parsers are loaded when the first file of theirs comes. */
import type { DocumentFields, ParsedDocument } from '../../document.ts'

/** What the parsers of this folder make; the language is told from the text unless the document says it. */
export type ParsedBody = Omit<ParsedDocument, 'mediaType'>

/** Reads a file that is held in memory as a whole. Throws VillageError; what else it throws is PARSE_FAILED. */
export type ParseWhole = (bytes: Buffer, context: ParseContext) => ParsedBody | Promise<ParsedBody>

/** Reads a file piece by piece, so that its size does not matter. */
export type ParsePieces = (parts: AsyncIterable<Buffer>, context: ParseContext) => AsyncIterable<ParsedPiece>

export interface ParseContext {
  /** Lower case, with its dot; the whole name where there is none. */
  readonly extension: string
  /** Without folders and extension: a title of last resort. */
  readonly stem: string
  readonly limits: ParseLimits
}

export interface ParseLimits {
  /** A packed document may not unpack to more. */
  readonly maxUnpackedBytes: number
  /** A long text is cut into documents of about this size; also the longest line of a .jsonl. */
  readonly partBytes: number
}

export const DEFAULT_PARSE_LIMITS: ParseLimits = { maxUnpackedBytes: 128 * 2 ** 20, partBytes: 2 * 2 ** 20 }

export type ParsedPiece =
  | {
      readonly kind: 'document'
      /** Number of the line or part, counted from 1; null where the document is the whole file. */
      readonly number: number | null
      /** Of these very bytes, SHA-256. */
      readonly contentHash: string
      readonly sizeBytes: number
      readonly body: ParsedBody
    }
  | {
      readonly kind: 'problem'
      readonly number: number | null
      readonly code: string
      readonly message: string
    }

export interface Format {
  readonly name: string
  readonly mediaType: string
  readonly extensions: readonly string[]
  /** Whole file names in lower case, of files that have no extension. */
  readonly fileNames: readonly string[]
  /** What the first bytes have to be: text in some encoding, or a signature. */
  readonly content: 'text' | 'zip' | 'pdf'
  readonly parser:
    | { readonly kind: 'whole'; load(): Promise<ParseWhole> }
    | { readonly kind: 'pieces'; load(): Promise<ParsePieces> }
}

const MAX_FIELDS = 32
const MAX_FIELD_NAME = 64
const MAX_FIELD_TEXT = 512

/**
 * The scalar values of an object as fields of a document: at most 32, names of at most 64 characters, texts of at most 512;
 * a list of scalars becomes a text. Whatever does not fit is left out.
 */
export function toFields(object: Readonly<Record<string, unknown>>): DocumentFields {
  const fields: Record<string, string | number | boolean> = {}
  let count = 0
  for (const [name, value] of Object.entries(object)) {
    if (count >= MAX_FIELDS) break
    if (name === '' || name === '__proto__' || name.length > MAX_FIELD_NAME) continue
    const field = toField(value)
    if (field === null) continue
    fields[name] = field
    count++
  }
  return fields
}

function toField(value: unknown): string | number | boolean | null {
  if (typeof value === 'string') return value.length <= MAX_FIELD_TEXT ? value : null
  if (typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_FIELDS) return null
  const isPlain = value.every((item) => typeof item === 'string' || typeof item === 'number')
  const text = isPlain ? value.join(', ') : ''
  return text !== '' && text.length <= MAX_FIELD_TEXT ? text : null
}

const MAX_TITLE = 300

/** One line of at most 300 characters, or null where nothing is left. */
export function toTitle(text: string | null | undefined): string | null {
  const line = (text ?? '').replace(/\s+/g, ' ').trim()
  return line === '' ? null : line.slice(0, MAX_TITLE).toWellFormed()
}
