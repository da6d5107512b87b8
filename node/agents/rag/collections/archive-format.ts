/**
 * A collection as one file: a tar archive (ustar, POSIX.1-1988) that any tar lists and unpacks. Its first entry `collection.json`
 * names all that follows with sizes and SHA-256; the others are the files of the segments, in that order and nothing else.
 */
import { VillageError } from '../../../errors.ts'
import { isJsonObject, type JsonValue } from '../../../json.ts'
import { MAX_SEGMENT_CHUNKS, MIN_SEGMENT_CHUNKS } from './collection.ts'

export interface ArchiveFile {
  readonly name: string
  readonly sizeBytes: number
  readonly sha256: string
}

export interface ArchiveSegment {
  /** SHA-256 of its header file. */
  readonly id: string
  readonly files: readonly ArchiveFile[]
}

export interface ArchiveHeader {
  readonly format: 'village-collection'
  readonly version: 1
  readonly name: string
  /** CID of the model that made its vectors, or null. */
  readonly encoder: string | null
  readonly dims: number | null
  readonly segmentChunks: number
  readonly languages: readonly string[]
  readonly weight: number
  /** With what the ids of its documents were made. */
  readonly documentBase: string
  readonly segments: readonly ArchiveSegment[]
}

export const HEADER_NAME = 'collection.json'
export const BLOCK_BYTES = 512
export const MAX_HEADER_BYTES = 16 * 2 ** 20
const MAX_SEGMENTS = 65_536
const MAX_FILES = 16
/** What eleven octal digits hold. */
const MAX_FILE_BYTES = 8 ** 11 - 1
const FORMAT = 'village-collection'

export const archiveInvalid = (reason: string, cause?: unknown): VillageError =>
  new VillageError('COLLECTION_ARCHIVE_INVALID', `The archive cannot be imported: ${reason}`, { cause })

export const entryName = (segment: string, file: string): string => `index/${segment}/${file}`
export const paddedBytes = (sizeBytes: number): number => Math.ceil(sizeBytes / BLOCK_BYTES) * BLOCK_BYTES

const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`
const CHECKSUM_AT = 148
const CHECKSUM_BYTES = 8

function checksumOf(block: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < BLOCK_BYTES; at++)
    sum += at >= CHECKSUM_AT && at < CHECKSUM_AT + CHECKSUM_BYTES ? 0x20 : block[at]!
  return sum
}

/** The block before an entry. Owner, group and time are those of nobody: the same collection gives the same bytes. */
export function encodeEntry(name: string, sizeBytes: number): Buffer {
  if (Buffer.byteLength(name) > 100 || sizeBytes > MAX_FILE_BYTES)
    throw new VillageError('INTERNAL', 'A file of the index does not fit into an archive')
  const block = Buffer.alloc(BLOCK_BYTES)
  block.write(name, 0)
  block.write(octal(0o600, 7), 100)
  block.write(octal(0, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(sizeBytes, 11), 124)
  block.write(octal(0, 11), 136)
  block.write('0', 156)
  block.write('ustar\x0000', 257)
  block.write(`${octal(checksumOf(block), 6)} `, CHECKSUM_AT)
  return block
}

/** Throws COLLECTION_ARCHIVE_INVALID for what encodeEntry() would not have written. */
export function decodeEntry(block: Buffer): { name: string; sizeBytes: number } {
  const name = block.toString('latin1', 0, 100).replace(/\0.*$/s, '')
  const digits = /^([0-7]{11})\0$/.exec(block.toString('latin1', 124, 136))?.[1]
  if (digits === undefined || !/^[\x20-\x7e]+$/.test(name)) throw archiveInvalid('an entry is malformed')
  const sizeBytes = Number.parseInt(digits, 8)
  if (!encodeEntry(name, sizeBytes).equals(block)) throw archiveInvalid('an entry is malformed')
  return { name, sizeBytes }
}

const HEX_64 = /^[0-9a-f]{64}$/
const HEX_32 = /^[0-9a-f]{32}$/
const FILE_NAME = /^[a-z][a-z0-9-]{0,31}\.(json|bin)$/
const LANGUAGE = /^[a-z]{2,3}$/
const isText = (value: unknown): value is string => typeof value === 'string'
const isCount = (value: unknown, most: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most

function fileOf(value: JsonValue): ArchiveFile | null {
  if (!isJsonObject(value)) return null
  const { name, sizeBytes, sha256 } = value
  if (!isText(name) || !FILE_NAME.test(name) || !isText(sha256) || !HEX_64.test(sha256)) return null
  return isCount(sizeBytes, MAX_FILE_BYTES) ? { name, sizeBytes, sha256 } : null
}

function segmentOf(value: JsonValue): ArchiveSegment | null {
  if (!isJsonObject(value)) return null
  const { id, files } = value
  if (!isText(id) || !HEX_64.test(id) || !Array.isArray(files) || files.length > MAX_FILES) return null
  const read = (files as readonly JsonValue[]).map(fileOf).filter((file) => file !== null)
  if (read.length !== files.length || new Set(read.map(({ name }) => name)).size !== read.length) return null
  return { id, files: read }
}

export const encodeHeader = (header: ArchiveHeader): Buffer =>
  Buffer.from(`${JSON.stringify(header, null, 1)}\n`)

/** Throws COLLECTION_ARCHIVE_INVALID. */
export function decodeHeader(bytes: Buffer): ArchiveHeader {
  let value: JsonValue
  try {
    value = JSON.parse(bytes.toString('utf8')) as JsonValue
  } catch (error) {
    throw archiveInvalid('its header is not JSON', error)
  }
  if (!isJsonObject(value) || value.format !== FORMAT) throw archiveInvalid('it is not of a collection')
  if (value.version !== 1) throw archiveInvalid('it was written by a newer version')
  const { name, encoder, dims, segmentChunks, languages, weight, documentBase, segments } = value
  const isHeader =
    isText(name) &&
    (encoder === null || (isText(encoder) && /^[a-z0-9]{1,128}$/i.test(encoder))) &&
    (dims === null || isCount(dims, 8192)) &&
    (encoder === null) === (dims === null) &&
    isCount(segmentChunks, MAX_SEGMENT_CHUNKS) &&
    segmentChunks >= MIN_SEGMENT_CHUNKS &&
    Array.isArray(languages) &&
    languages.every((language) => isText(language) && LANGUAGE.test(language)) &&
    typeof weight === 'number' &&
    weight >= 0 &&
    weight <= 1 &&
    isText(documentBase) &&
    HEX_32.test(documentBase) &&
    Array.isArray(segments) &&
    segments.length <= MAX_SEGMENTS
  if (!isHeader) throw archiveInvalid('a field of its header is missing or wrong')
  const read = (segments as readonly JsonValue[]).map(segmentOf).filter((segment) => segment !== null)
  if (read.length !== segments.length || new Set(read.map(({ id }) => id)).size !== read.length)
    throw archiveInvalid('a segment is malformed, or named twice')
  return {
    ...{ format: FORMAT, version: 1, name, encoder, dims, segmentChunks, weight, documentBase },
    languages: languages as readonly string[],
    segments: read,
  }
}

/** Bytes of the whole archive. */
export function archiveBytes(header: ArchiveHeader): number {
  const files = header.segments.flatMap((segment) => segment.files)
  const sizes = [encodeHeader(header).byteLength, ...files.map((file) => file.sizeBytes)]
  return sizes.reduce((sum, sizeBytes) => sum + BLOCK_BYTES + paddedBytes(sizeBytes), 2 * BLOCK_BYTES)
}
