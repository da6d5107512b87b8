/**
 * The files of a segment, a directory named by the SHA-256 of its header `segment.json`:
 *
 *     terms.bin      the dictionary: terms in order, front-coded in blocks
 *     postings.bin   by term: chunks, frequencies, positions, in blocks of 128
 *     columns.bin    numbers by document and by chunk
 *     stored.bin     the chunks' texts, in compressed blocks
 *     documents.bin  the documents' records, in compressed blocks
 *     vectors.bin    chunks × dims half-precision numbers, row by row, little-endian; a row of zeros is no vector
 *
 * All integers are little-endian. The same documents in the same order give the same bytes. Nothing in a segment changes
 * after it is written. A segment may be another member's work: its header names the hash of each file, and whoever reads a
 * file that was never hashed still checks every offset, length and count in it.
 */
import { VillageError } from '../../../errors.ts'

export const SEGMENT_VERSION = 1
export const HEADER_FILE = 'segment.json'
export const TERMS_FILE = 'terms.bin'
export const POSTINGS_FILE = 'postings.bin'
export const COLUMNS_FILE = 'columns.bin'
export const STORED_FILE = 'stored.bin'
export const DOCUMENTS_FILE = 'documents.bin'
export const VECTORS_FILE = 'vectors.bin'

/** In the order in which the header names them. */
export const SEGMENT_FILES = [
  TERMS_FILE,
  POSTINGS_FILE,
  COLUMNS_FILE,
  STORED_FILE,
  DOCUMENTS_FILE,
  VECTORS_FILE,
] as const
export type SegmentFile = (typeof SEGMENT_FILES)[number]

/** What is left of a segment whose chunks lie with other members: enough for `document`, `documents` and `findDocument`. */
export const RECORD_FILES: readonly SegmentFile[] = [COLUMNS_FILE, DOCUMENTS_FILE]

/** Positions of a chunk run on from title to headings to body, this far apart, so that no phrase spans two of them. */
export const FIELD_GAP = 16
/** Chunks in a block of postings. */
export const BLOCK_SIZE = 128

export const MAX_SEGMENT_CHUNKS = 4_194_304
/** Terms of a chunk; ingest makes a few hundred. */
export const MAX_CHUNK_TERMS = 4_194_304
export const MAX_HEADER_BYTES = 65_536
export const MAX_DIMS = 4_096
/** Offsets are 32-bit. */
export const MAX_FILE_BYTES = 0xffff_ffff

export interface FileEntry {
  readonly sizeBytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

export interface SegmentHeader {
  readonly version: number
  /** ANALYZER_VERSION of its terms. */
  readonly analyzer: number
  readonly chunks: number
  readonly documents: number
  /** Terms in all chunks. */
  readonly totalLength: number
  /** Distinct terms. */
  readonly terms: number
  /** Of the documents, sorted; null (first) where a document's is not known. */
  readonly languages: readonly (string | null)[]
  /** Length of a vector; null: no vectors.bin. */
  readonly dims: number | null
  readonly files: Readonly<Partial<Record<SegmentFile, FileEntry>>>
}

export function corrupt(message: string, cause?: unknown): VillageError {
  return new VillageError('SEGMENT_CORRUPT', message, cause === undefined ? {} : { cause })
}

/** The bytes that a segment's id is the SHA-256 of. */
export function encodeHeader(header: SegmentHeader): Uint8Array {
  const files: Record<string, FileEntry> = {}
  for (const name of SEGMENT_FILES) {
    const entry = header.files[name]
    if (entry !== undefined) files[name] = { sizeBytes: entry.sizeBytes, sha256: entry.sha256 }
  }
  const { version, analyzer, chunks, documents, totalLength, terms, languages, dims } = header
  const ordered = { version, analyzer, chunks, documents, totalLength, terms, languages, dims, files }
  return new TextEncoder().encode(`${JSON.stringify(ordered, null, 2)}\n`)
}

/** Throws SEGMENT_CORRUPT, SEGMENT_VERSION_UNSUPPORTED. */
export function decodeHeader(bytes: Uint8Array): SegmentHeader {
  if (bytes.length > MAX_HEADER_BYTES) throw corrupt('The header of a segment is too long.')
  const value = parseObject(bytes)
  if (value.version !== SEGMENT_VERSION)
    throw new VillageError('SEGMENT_VERSION_UNSUPPORTED', undefined, {
      fields: { version: typeof value.version === 'number' ? value.version : null },
    })
  const dims = value.dims === null ? null : integer(value.dims, 'dims', 1, MAX_DIMS)
  const header: SegmentHeader = {
    version: SEGMENT_VERSION,
    analyzer: integer(value.analyzer, 'analyzer', 1, 0xffff),
    chunks: integer(value.chunks, 'chunks', 0, MAX_SEGMENT_CHUNKS),
    documents: integer(value.documents, 'documents', 0, MAX_SEGMENT_CHUNKS),
    totalLength: integer(value.totalLength, 'totalLength', 0, Number.MAX_SAFE_INTEGER),
    terms: integer(value.terms, 'terms', 0, MAX_FILE_BYTES),
    languages: languagesOf(value.languages),
    dims,
    files: filesOf(value.files, dims !== null),
  }
  const vectors = header.files[VECTORS_FILE]
  if (vectors !== undefined && vectors.sizeBytes !== header.chunks * (dims ?? 0) * 2)
    throw corrupt('The vectors of a segment do not have the size that its header says.')
  return header
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw corrupt('The header of a segment is not JSON.', error)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw corrupt('The header of a segment is not an object.')
  return value as Record<string, unknown>
}

function integer(value: unknown, name: string, least: number, most: number): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least || value > most)
    throw corrupt(`The header of a segment has no valid \`${name}\`.`)
  return value
}

function languagesOf(value: unknown): (string | null)[] {
  if (!Array.isArray(value)) throw corrupt('The header of a segment has no valid `languages`.')
  return value.map((language: unknown) => {
    if (language !== null && (typeof language !== 'string' || language.length > 35))
      throw corrupt('The header of a segment names a language that is none.')
    return language
  })
}

function filesOf(value: unknown, hasVectors: boolean): Partial<Record<SegmentFile, FileEntry>> {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  const files: Partial<Record<SegmentFile, FileEntry>> = {}
  for (const name of SEGMENT_FILES) {
    if (name === VECTORS_FILE && !hasVectors) continue
    const entry = given[name] as Partial<FileEntry> | null | undefined
    const sha256 = entry?.sha256
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
      throw corrupt(`The header of a segment does not name \`${name}\`.`)
    files[name] = { sizeBytes: integer(entry?.sizeBytes, `${name}.sizeBytes`, 0, MAX_FILE_BYTES), sha256 }
  }
  if (Object.keys(given).length !== Object.keys(files).length)
    throw corrupt('The header of a segment names files that segments do not have.')
  return files
}
