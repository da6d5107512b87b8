/**
 * The items of stored.bin and documents.bin. A chunk is a byte of flags (1: it has a page; 2: its title is not its document's; 4: it
 * has sections), the title if it is its own, varint number of headings and the headings, varint page if it has one, varint start,
 * varint length, text, and if it has sections varint of their number and of each: varint start less the start before, varint
 * page + 1 (0: none), varint number of headings and varint index of each. Texts are a varint of bytes and UTF-8. A record is its JSON, keys in the order of `RECORD_KEYS`, fields sorted.
 */
import { VillageError } from '../../../errors.ts'
import { readSections } from '../chunk-sections.ts'
import type { Chunk, ChunkSection, DocumentFields, DocumentRecord } from '../document.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'
import { corrupt } from './segment-format.ts'

const HAS_PAGE = 1
const HAS_OWN_TITLE = 2
const HAS_SECTIONS = 4

export function writeChunk(out: ByteWriter, chunk: Chunk, record: DocumentRecord): void {
  const isOwnTitle = chunk.title !== (record.title ?? '')
  const { sections } = chunk
  out.uint8(
    (chunk.page === null ? 0 : HAS_PAGE) |
      (isOwnTitle ? HAS_OWN_TITLE : 0) |
      (sections === undefined ? 0 : HAS_SECTIONS),
  )
  if (isOwnTitle) out.text(chunk.title)
  out.varint(chunk.headings.length)
  for (const heading of chunk.headings) out.text(heading)
  if (chunk.page !== null) out.varint(chunk.page)
  out.varint(chunk.start)
  out.varint(chunk.end - chunk.start)
  out.text(chunk.text)
  if (sections === undefined) return
  out.varint(sections.length)
  let before = 0
  for (const { start, page, headings } of sections) {
    out.varint(start - before)
    out.varint(page === null ? 0 : page + 1)
    out.varint(headings.length)
    for (const index of headings) out.varint(index)
    before = start
  }
}

export function readChunk(reader: ByteReader, record: DocumentRecord, ordinal: number): Chunk {
  const flags = reader.uint8()
  if (flags > 7) throw corrupt('A stored chunk is damaged.')
  const title = (flags & HAS_OWN_TITLE) === 0 ? (record.title ?? '') : reader.text()
  const headings: string[] = []
  for (let count = reader.varint(); count > 0; count--) headings.push(reader.text())
  const page = (flags & HAS_PAGE) === 0 ? null : reader.varint()
  const start = reader.varint()
  const end = start + reader.varint()
  const text = reader.text()
  const sections =
    (flags & HAS_SECTIONS) === 0 ? undefined : readSections(storedSections(reader), { headings, text })
  if (reader.left !== 0 || sections === null) throw corrupt('A stored chunk is damaged.')
  const chunk = { document: record.id, ordinal, title, headings, text, page, start, end }
  return sections === undefined ? chunk : { ...chunk, sections }
}

/** Not yet checked against the chunk. Every number takes a byte, so that the item's size bounds what is made here. */
function storedSections(reader: ByteReader): ChunkSection[] {
  const sections: ChunkSection[] = []
  let start = 0
  for (let count = reader.varint(); count > 0; count--) {
    start += reader.varint()
    const page = reader.varint()
    const headings: number[] = []
    for (let above = reader.varint(); above > 0; above--) headings.push(reader.varint())
    sections.push({ start, page: page === 0 ? null : page - 1, headings })
  }
  return sections
}

export function encodeRecord(record: DocumentRecord): Uint8Array {
  const fields: Record<string, string | number | boolean> = {}
  for (const name of Object.keys(record.fields).sort()) {
    const value = record.fields[name]!
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new VillageError('INVALID_ARGUMENT', 'A field of a document is a number that cannot be stored.')
    // A field named __proto__ is data like any other.
    Object.defineProperty(fields, name, { value, enumerable: true })
  }
  const { id, source, title, language, mediaType, contentHash, sizeBytes, modifiedAtMs } = record
  return Buffer.from(
    JSON.stringify({ id, source, title, language, mediaType, contentHash, sizeBytes, modifiedAtMs, fields }),
    'utf8',
  )
}

export function decodeRecord(reader: ByteReader, id: string): DocumentRecord {
  const value = parse(reader)
  const { source, title, language, mediaType, contentHash, sizeBytes, modifiedAtMs } = value
  if (
    value.id !== id ||
    typeof source !== 'string' ||
    !isTextOrNull(title) ||
    !isTextOrNull(language) ||
    typeof mediaType !== 'string' ||
    typeof contentHash !== 'string' ||
    !isSize(sizeBytes) ||
    typeof modifiedAtMs !== 'number'
  )
    throw corrupt('The record of a document is damaged.')
  const fields = fieldsOf(value.fields)
  return { id, source, title, language, mediaType, contentHash, sizeBytes, modifiedAtMs, fields }
}

function parse(reader: ByteReader): Record<string, unknown> {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(
      reader.bytes.subarray(reader.at, reader.end),
    )
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch (error) {
    throw corrupt('The record of a document is damaged.', error)
  }
  throw corrupt('The record of a document is damaged.')
}

function fieldsOf(value: unknown): DocumentFields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw corrupt('The fields of a document are damaged.')
  for (const field of Object.values(value))
    if (!['string', 'number', 'boolean'].includes(typeof field))
      throw corrupt('The fields of a document are damaged.')
  return value as DocumentFields
}

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === 'string'
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
