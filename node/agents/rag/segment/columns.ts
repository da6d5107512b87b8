/**
 * columns.bin: numbers by document and by chunk, one column after the other, all u32 but for the ids:
 *
 *     documents + 1  first chunk of each document; the last is the number of chunks
 *     documents      documents in the order of their ids
 *     documents      ids, 16 bytes each
 *     chunks × 4     ordinal; terms of the title, of the headings, of the body
 */
import { ByteWriter } from './byte-writer.ts'
import type { PagedFile } from './paged-file.ts'
import { corrupt } from './segment-format.ts'

export interface ColumnTotals {
  readonly documents: number
  readonly chunks: number
  readonly totalLength: number
}

/** By chunk: ordinal and terms of title, headings, body; grows as chunks are added. */
export class ChunkColumns {
  #values = new Uint32Array(4_096)
  #count = 0

  get chunks(): number {
    return this.#count
  }

  add(ordinal: number, title: number, heading: number, body: number): void {
    const at = this.#count * 4
    if (at + 4 > this.#values.length) {
      const larger = new Uint32Array(this.#values.length * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[at] = ordinal
    this.#values[at + 1] = title
    this.#values[at + 2] = heading
    this.#values[at + 3] = body
    this.#count++
  }

  column(column: 0 | 1 | 2 | 3): Uint32Array {
    const out = new Uint32Array(this.#count)
    for (let chunk = 0; chunk < this.#count; chunk++) out[chunk] = this.#values[chunk * 4 + column]!
    return out
  }
}

export function encodeColumns(
  firstChunks: readonly number[],
  ids: readonly string[],
  chunks: ChunkColumns,
): Uint8Array {
  const order = ids.map((id, document) => ({ id, document })).sort((a, b) => (a.id < b.id ? -1 : 1))
  const out = new ByteWriter(columnBytes(ids.length, chunks.chunks))
  for (const first of firstChunks) out.uint32(first)
  for (const { document } of order) out.uint32(document)
  for (const id of ids) out.append(Buffer.from(id, 'hex'))
  for (const column of [0, 1, 2, 3] as const) for (const value of chunks.column(column)) out.uint32(value)
  return out.view()
}

function columnBytes(documents: number, chunks: number): number {
  return (documents + 1) * 4 + documents * 20 + chunks * 16
}

export class Columns {
  readonly firstChunks: Uint32Array
  readonly order: Uint32Array
  /** 16 bytes a document. */
  readonly ids: Uint8Array
  readonly ordinals: Uint32Array
  readonly titleLengths: Uint32Array
  readonly headingLengths: Uint32Array
  /** Of all fields. */
  readonly lengths: Uint32Array
  /** By chunk. */
  readonly documentOf: Uint32Array

  /** Reads the whole file: 20 bytes a chunk. Throws SEGMENT_CORRUPT when it does not agree with the header. */
  constructor(file: PagedFile, { documents, chunks, totalLength }: ColumnTotals) {
    if (file.sizeBytes !== columnBytes(documents, chunks))
      throw corrupt('The columns of a segment have a wrong size.')
    const bytes = file.readOnce(0, file.sizeBytes)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    let at = 0
    const column = (count: number): Uint32Array => {
      const values = new Uint32Array(count)
      for (let index = 0; index < count; index++, at += 4) values[index] = view.getUint32(at, true)
      return values
    }
    this.firstChunks = column(documents + 1)
    this.order = column(documents)
    this.ids = bytes.slice(at, at + documents * 16)
    at += documents * 16
    this.ordinals = column(chunks)
    this.titleLengths = column(chunks)
    this.headingLengths = column(chunks)
    this.lengths = column(chunks)
    let total = 0
    for (let chunk = 0; chunk < chunks; chunk++) {
      // Summed as doubles: three u32 can exceed one.
      const length = this.lengths[chunk]! + this.titleLengths[chunk]! + this.headingLengths[chunk]!
      total += length
      this.lengths[chunk] = length
    }
    if (total !== totalLength) throw corrupt('The lengths of chunks do not add up to what the header says.')
    this.documentOf = new Uint32Array(chunks)
    for (let document = 0; document < documents; document++) {
      const first = this.firstChunks[document]!
      const next = this.firstChunks[document + 1]!
      if (next < first || next > chunks || this.order[document]! >= documents)
        throw corrupt('The columns of a segment are damaged.')
      this.documentOf.fill(document, first, next)
    }
    if (this.firstChunks[0] !== 0 || this.firstChunks[documents] !== chunks)
      throw corrupt('The columns of a segment are damaged.')
  }

  id(document: number): string {
    return Buffer.from(this.ids.buffer, this.ids.byteOffset + document * 16, 16).toString('hex')
  }

  find(id: string): number {
    if (!/^[0-9a-f]{32}$/.test(id)) return -1
    let low = 0
    let high = this.order.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      const document = this.order[middle]!
      const found = this.id(document)
      if (found === id) return document
      if (found < id) low = middle + 1
      else high = middle - 1
    }
    return -1
  }
}

/** As their ids in hexadecimal compare. */
export function compareIds(a: Columns, document: number, b: Columns, other: number): number {
  for (let index = 0; index < 16; index++) {
    const difference = a.ids[document * 16 + index]! - b.ids[other * 16 + index]!
    if (difference !== 0) return difference
  }
  return 0
}
