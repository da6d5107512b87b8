/**
 * The list of a term, and a bounded memory of the lists and blocks that were read: those of common words are read by every
 * query, and decoding them would be a third of a search.
 */
import { impactOf } from '../lexical/bm25.ts'
import { ByteReader, uint32At } from './byte-reader.ts'
import { SKIP_ROW_BYTES } from './encode-postings.ts'
import type { PagedFile } from './paged-file.ts'
import { decodeBlock, type PostingsBlock } from './postings-block.ts'
import { BLOCK_SIZE, corrupt } from './segment-format.ts'
import type { TermEntry } from './term-dictionary.ts'

/** In blocks of 1 KiB; a list counts as one. */
const MAX_REMEMBERED = 24_576

/** The postings of a segment. */
export class PostingsFile {
  readonly file: PagedFile
  /** Chunks of the segment. */
  readonly chunks: number
  /** Terms of a chunk, on average. */
  readonly averageLength: number
  readonly #lists = new Map<number, PostingsList>()

  constructor(file: PagedFile, chunks: number, averageLength: number) {
    this.file = file
    this.chunks = chunks
    this.averageLength = averageLength
    opened.add(this)
  }

  list(entry: TermEntry): PostingsList {
    let list = this.#lists.get(entry.listAt)
    if (list === undefined || list.entry.term !== entry.term) {
      list = new PostingsList(this, entry)
      countOne()
      this.#lists.set(entry.listAt, list)
    }
    return list
  }

  /** A list in use goes on with what it has. */
  forget(): void {
    this.#lists.clear()
  }

  /** The file itself is closed by who opened it. */
  close(): void {
    this.forget()
    opened.delete(this)
  }
}

const opened = new Set<PostingsFile>()
/** Also counts what closed segments had, until the next time that all is forgotten. */
let total = 0

function countOne(): void {
  if (++total <= MAX_REMEMBERED) return
  for (const file of opened) file.forget()
  total = 0
}

export class PostingsList {
  readonly entry: TermEntry
  readonly blocks: number
  /** Last chunk of each block; of a list's only block, the last chunk of the segment. */
  readonly lasts: Uint32Array
  /** The largest impact in each block, by the segment's average length; the last number is that of the whole list. */
  readonly impacts: Float64Array
  readonly #postings: PostingsFile
  /** Empty for a list of a single block. */
  readonly #table: Uint8Array
  readonly #decoded: (PostingsBlock | undefined)[] = []

  /** Throws SEGMENT_CORRUPT when it does not fit its bytes. */
  constructor(postings: PostingsFile, entry: TermEntry) {
    const { averageLength, chunks, file } = postings
    this.#postings = postings
    this.entry = entry
    this.blocks = Math.ceil(entry.df / BLOCK_SIZE)
    const tableBytes = this.blocks > 1 ? this.blocks * SKIP_ROW_BYTES : 0
    if (tableBytes > entry.listBytes) throw corrupt('A list of postings is too short.')
    // Copied: a page in the cache is reused.
    this.#table = file.read(entry.listAt, tableBytes).slice()
    this.lasts = new Uint32Array(this.blocks).fill(chunks - 1)
    this.impacts = new Float64Array(this.blocks + 1)
    const whole = impactOf(entry.peakFrequency, entry.peakLength, averageLength)
    this.impacts.fill(whole)
    for (let row = 0; row * SKIP_ROW_BYTES < tableBytes; row++) {
      const at = row * SKIP_ROW_BYTES
      this.lasts[row] = uint32At(this.#table, at)
      this.impacts[row] = impactOf(
        uint32At(this.#table, at + 12),
        uint32At(this.#table, at + 16),
        averageLength,
      )
    }
  }

  block(block: number): PostingsBlock {
    const known = this.#decoded[block]
    if (known !== undefined) return known
    const count = Math.min(BLOCK_SIZE, this.entry.df - block * BLOCK_SIZE)
    const before = block === 0 ? -1 : this.lasts[block - 1]!
    const decoded = decodeBlock(this.#blockReader(block), count, before, this.#postings.chunks)
    if (this.blocks > 1 && decoded.chunks[count - 1] !== this.lasts[block])
      throw corrupt('A list of postings does not agree with its table.')
    this.#decoded[block] = decoded
    countOne()
    return decoded
  }

  /** Over the positions of a block. */
  positionReader(block: number): ByteReader {
    const { listAt, listBytes } = this.entry
    const { file } = this.#postings
    if (this.blocks === 1) {
      const reader = new ByteReader(file.read(listAt, listBytes))
      reader.skip(reader.varint())
      return reader
    }
    const start = this.#cell(block, 8)
    const end = block + 1 < this.blocks ? this.#cell(block + 1, 8) : listBytes
    if (end < start || end > listBytes) throw corrupt('Positions lie outside their list.')
    return new ByteReader(file.read(listAt + start, end - start))
  }

  #blockReader(block: number): ByteReader {
    const { listAt, listBytes } = this.entry
    const { file } = this.#postings
    if (this.blocks === 1) {
      const reader = new ByteReader(file.read(listAt, listBytes))
      const size = reader.varint()
      return new ByteReader(reader.bytes, reader.at, reader.at + size)
    }
    const start = this.#cell(block, 4)
    const end = block + 1 < this.blocks ? this.#cell(block + 1, 4) : this.#cell(0, 8)
    if (end < start || end > listBytes) throw corrupt('A block of postings lies outside its list.')
    return new ByteReader(file.read(listAt + start, end - start))
  }

  #cell(block: number, column: number): number {
    return uint32At(this.#table, block * SKIP_ROW_BYTES + column)
  }
}
