/**
 * A file of numbered items (texts of chunks, records of documents) in compressed blocks, so that one is read without the rest:
 *
 *     blocks   each raw DEFLATE (RFC 1951) of: for each item a u32 length, then the items
 *     table    for each block: u32 first item, u32 offset in the file, u32 bytes before compression
 *     footer   u32 items, u32 blocks, u32 offset of the table, "VIB1"
 *
 * fflate compresses in JavaScript: the same bytes on every machine (zlib's depend on the processor), and no native code reads
 * what a peer sent.
 */
import { deflateSync, inflateSync } from 'fflate'
import { VillageError } from '../../../errors.ts'
import { ByteReader, uint32At } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import type { FileWriter } from './file-writer.ts'
import { createInflatedBlocks } from './inflated-blocks.ts'
import type { PagedFile } from './paged-file.ts'
import { corrupt } from './segment-format.ts'

/** Large enough to compress well, small enough that one item is quickly read. */
const BLOCK_BYTES = 16_384
const MAX_ITEM_BYTES = 16_777_216
const MAGIC = 0x31424956
const FOOTER_BYTES = 16
const ROW_BYTES = 12
/** DEFLATE cannot do better than 1,032 to 1. */
const MAX_RATIO = 1_032
/** A block is full with the item that fills it, which may be large; each has four bytes of length, and one of its own at least. */
const MAX_RAW_BYTES = MAX_ITEM_BYTES + BLOCK_BYTES * 5 + 4

export class ItemBlockWriter {
  readonly #file: FileWriter
  readonly #lengths: number[] = []
  readonly #items = new ByteWriter(BLOCK_BYTES * 2)
  readonly #table = new ByteWriter()
  #count = 0
  #blocks = 0

  constructor(file: FileWriter) {
    this.#file = file
  }

  add(item: Uint8Array): void {
    if (item.length > MAX_ITEM_BYTES)
      throw new VillageError('INVALID_ARGUMENT', 'A chunk or record is too long to be stored.', {
        fields: { sizeBytes: item.length, limitBytes: MAX_ITEM_BYTES },
      })
    this.#items.append(item)
    this.#lengths.push(item.length)
    this.#count++
    if (this.#items.length >= BLOCK_BYTES) this.#endBlock()
  }

  finish(): void {
    this.#endBlock()
    const tableAt = this.#file.sizeBytes
    this.#file.write(this.#table.view())
    const footer = new ByteWriter(FOOTER_BYTES)
    for (const value of [this.#count, this.#blocks, tableAt, MAGIC]) footer.uint32(value)
    this.#file.write(footer.view())
  }

  #endBlock(): void {
    const count = this.#lengths.length
    if (count === 0) return
    const raw = new ByteWriter(count * 4 + this.#items.length)
    for (const length of this.#lengths) raw.uint32(length)
    raw.append(this.#items.view())
    for (const value of [this.#count - count, this.#file.sizeBytes, raw.length]) this.#table.uint32(value)
    this.#file.write(deflateSync(raw.view(), { level: 2 }))
    this.#blocks++
    this.#lengths.length = 0
    this.#items.clear()
  }
}

export class ItemBlocks {
  readonly #file: PagedFile
  readonly #count: number
  readonly #blocks: number
  readonly #table: Uint8Array
  readonly #tableAt: number
  readonly #inflated = createInflatedBlocks()

  /** Throws SEGMENT_CORRUPT unless it holds this many items. */
  constructor(file: PagedFile, count: number) {
    const footer = new ByteReader(file.readOnce(Math.max(0, file.sizeBytes - FOOTER_BYTES), FOOTER_BYTES))
    this.#file = file
    this.#count = footer.uint32()
    this.#blocks = footer.uint32()
    this.#tableAt = footer.uint32()
    if (footer.uint32() !== MAGIC || this.#count !== count || this.#blocks > count)
      throw corrupt('A file of stored texts is damaged.')
    if (this.#tableAt + this.#blocks * ROW_BYTES + FOOTER_BYTES !== file.sizeBytes)
      throw corrupt('The table of stored texts is damaged.')
    this.#table = file.readOnce(this.#tableAt, this.#blocks * ROW_BYTES)
  }

  item(index: number): ByteReader {
    if (index < 0 || index >= this.#count) throw corrupt('There is no such stored text.')
    const block = this.#blockOf(index)
    const first = this.#cell(block, 0)
    const next = block + 1 < this.#blocks ? this.#cell(block + 1, 0) : this.#count
    const bytes = this.#load(block)
    const items = next - first
    if (index < first || index >= next || items * 4 > bytes.length)
      throw corrupt('A block of stored texts is damaged.')
    let start = items * 4
    for (let item = 0; item < index - first; item++) start += uint32At(bytes, item * 4)
    return new ByteReader(bytes, start, start + uint32At(bytes, (index - first) * 4))
  }

  /** What it remembers. */
  forget(): void {
    this.#inflated.clear()
  }

  #cell(block: number, column: number): number {
    return uint32At(this.#table, block * ROW_BYTES + column * 4)
  }

  /** The last block whose first item is not after `index`. */
  #blockOf(index: number): number {
    let low = 0
    let high = this.#blocks - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      if (this.#cell(middle, 0) <= index) low = middle
      else high = middle - 1
    }
    return low
  }

  #load(block: number): Uint8Array {
    const known = this.#inflated.get(block)
    if (known !== undefined) return known
    const offset = this.#cell(block, 1)
    const end = block + 1 < this.#blocks ? this.#cell(block + 1, 1) : this.#tableAt
    const rawBytes = this.#cell(block, 2)
    const mostBytes = Math.min(MAX_RAW_BYTES, (end - offset) * MAX_RATIO + 64)
    if (end <= offset || end > this.#tableAt || rawBytes > mostBytes)
      throw corrupt('A block of stored texts lies outside its file.')
    const bytes = inflate(this.#file.readOnce(offset, end - offset), rawBytes)
    this.#inflated.set(block, bytes)
    return bytes
  }
}

function inflate(packed: Uint8Array, rawBytes: number): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = inflateSync(packed, { out: new Uint8Array(rawBytes) })
  } catch (error) {
    throw corrupt('A block of stored texts cannot be decompressed.', error)
  }
  if (bytes.length !== rawBytes) throw corrupt('A block of stored texts has another size than it says.')
  return bytes
}
