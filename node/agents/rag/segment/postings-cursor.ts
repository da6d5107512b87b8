/**
 * Walks the chunks of a term in rising order, by blocks (encode-postings.ts has their layout). `skipTo` moves to the block where a chunk would be
 * without reading it, so that its bound can rule it out first. A search reads the arrays of the block directly. Every
 * number is checked as it is decoded: chunks rise and stay within the segment, so that no list can lead a reader astray.
 */
import { ByteReader, uint32At } from './byte-reader.ts'
import { SKIP_ROW_BYTES } from './encode-postings.ts'
import { decodeBlock, type PostingsBlock, type PostingsFile } from './postings-block.ts'
import { BLOCK_SIZE, corrupt } from './segment-format.ts'
import type { TermEntry } from './term-dictionary.ts'

/** A cursor's `chunk` behind its last one: larger than any chunk. */
export const NO_MORE = 0xffff_ffff

const MAX_POSITION = 0x7fff_ffff
const NOTHING = new Uint8Array(0)
const NO_POSTINGS: PostingsBlock = { chunks: new Uint32Array(0), frequencies: new Uint32Array(0) }

export class PostingsCursor {
  readonly term: string
  /** Chunks that have it. */
  readonly df: number
  readonly blocks: number
  /** Of the block that was loaded last; shared with other cursors, so not to be written to. */
  chunks = NO_POSTINGS.chunks
  frequencies = NO_POSTINGS.frequencies
  count = 0
  /** In that block. */
  index = 0
  /** The block that the cursor is at, loaded or not; `blocks` behind the last one. */
  block = 0
  #loaded = -1
  readonly #postings: PostingsFile
  readonly #entry: TermEntry
  /** Empty for a list of a single block. */
  readonly #skips: Uint8Array
  #positionsOf = -1
  #positions = new Uint32Array(0)
  readonly #positionStarts = new Uint32Array(BLOCK_SIZE + 1)

  constructor(postings: PostingsFile, entry: TermEntry) {
    this.#postings = postings
    this.#entry = entry
    this.term = entry.term
    this.df = entry.df
    this.blocks = Math.ceil(entry.df / BLOCK_SIZE)
    const skipBytes = this.blocks > 1 ? this.blocks * SKIP_ROW_BYTES : 0
    if (skipBytes > entry.listBytes) throw corrupt('A list of postings is too short.')
    this.#skips = skipBytes === 0 ? NOTHING : postings.file.read(entry.listAt, skipBytes)
  }

  /** Where it stands; NO_MORE at the end. Loads the block. */
  get chunk(): number {
    if (this.block >= this.blocks) return NO_MORE
    if (this.#loaded !== this.block) this.load()
    return this.chunks[this.index]!
  }

  /** Of the term in `chunk`. */
  get frequency(): number {
    return this.frequencies[this.index]!
  }

  /** The posting of largest impact in the list, by the segment's average length. */
  get peak(): { frequency: number; length: number } {
    return { frequency: this.#entry.peakFrequency, length: this.#entry.peakLength }
  }

  /** No chunk of this block is before this one; known without loading it. */
  get earliest(): number {
    if (this.block >= this.blocks) return NO_MORE
    if (this.#loaded === this.block) return this.chunks[this.index]!
    return this.block === 0 ? 0 : this.lastOf(this.block - 1) + 1
  }

  /** Last chunk of a block; of a list's only block, the last chunk of the segment. */
  lastOf(block: number): number {
    return this.#skips.length === 0
      ? this.#postings.chunks - 1
      : uint32At(this.#skips, block * SKIP_ROW_BYTES)
  }

  /** The posting of largest impact of a block, by the segment's average length. */
  peakFrequencyOf(block: number): number {
    return this.#skips.length === 0
      ? this.#entry.peakFrequency
      : uint32At(this.#skips, block * SKIP_ROW_BYTES + 12)
  }

  peakLengthOf(block: number): number {
    return this.#skips.length === 0
      ? this.#entry.peakLength
      : uint32At(this.#skips, block * SKIP_ROW_BYTES + 16)
  }

  /** To the next chunk with the term. */
  next(): number {
    if (this.chunk === NO_MORE) return NO_MORE
    this.moveTo(this.index + 1)
    return this.chunk
  }

  /** To an index of the loaded block, or behind its last one. */
  moveTo(index: number): void {
    this.index = index
    if (index >= this.count) {
      this.block++
      this.index = 0
    }
  }

  /** To the first chunk with the term that is not before `chunk`; stays if it is there already. */
  seek(chunk: number): number {
    this.skipTo(chunk)
    if (this.block >= this.blocks) return NO_MORE
    if (this.#loaded !== this.block) this.load()
    if (this.chunks[this.count - 1]! < chunk) {
      // Only the single block of a short list ends before its bound.
      this.block = this.blocks
      return NO_MORE
    }
    this.#seekInBlock(chunk)
    return this.chunks[this.index]!
  }

  /** The last chunk of the block is not before `chunk`. */
  #seekInBlock(chunk: number): void {
    const { chunks } = this
    let low = this.index
    if (chunks[low]! >= chunk) return
    // Steps that double until they pass the chunk, then halves: near ones are the commonest.
    let step = 1
    while (low + step < this.count && chunks[low + step]! < chunk) {
      low += step
      step *= 2
    }
    let high = Math.min(low + step, this.count - 1)
    low++
    while (low < high) {
      const middle = (low + high) >>> 1
      if (chunks[middle]! < chunk) low = middle + 1
      else high = middle
    }
    this.index = low
  }

  /** To the block in which `chunk` would stand, never backwards. */
  skipTo(chunk: number): void {
    if (this.block >= this.blocks || this.lastOf(this.block) >= chunk) return
    let low = this.block + 1
    let step = 1
    while (low + step < this.blocks && this.lastOf(low + step) < chunk) {
      low += step + 1
      step *= 2
    }
    let high = Math.min(low + step, this.blocks)
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.lastOf(middle) < chunk) low = middle + 1
      else high = middle
    }
    this.block = low
    this.index = 0
  }

  /** Reads the block that it is at, and stands at its first chunk. */
  load(): void {
    const { block } = this
    const offset = this.#entry.listAt + this.#blockAt(block)
    let postings = this.#postings.remembered.get(offset)
    if (postings === undefined) {
      postings = this.#decode(block)
      if (postings.chunks.length === BLOCK_SIZE) this.#postings.remember(offset, postings)
    }
    if (this.#skips.length > 0 && postings.chunks[postings.chunks.length - 1] !== this.lastOf(block))
      throw corrupt('A list of postings does not agree with its table.')
    this.chunks = postings.chunks
    this.frequencies = postings.frequencies
    this.count = postings.chunks.length
    this.index = 0
    this.#loaded = block
  }

  /** Positions in the chunk at `index`, rising; valid until another block is loaded. */
  positions(): Uint32Array {
    if (this.#positionsOf !== this.#loaded) this.#loadPositions()
    return this.#positions.subarray(this.#positionStarts[this.index]!, this.#positionStarts[this.index + 1]!)
  }

  #decode(block: number): PostingsBlock {
    const count = block === this.blocks - 1 ? this.df - block * BLOCK_SIZE : BLOCK_SIZE
    const before = block === 0 ? -1 : this.lastOf(block - 1)
    return decodeBlock(this.#blockReader(block), count, before, this.#postings.chunks)
  }

  /** Offset in the list; 0 for a list of a single block. */
  #blockAt(block: number): number {
    return this.#skips.length === 0 ? 0 : uint32At(this.#skips, block * SKIP_ROW_BYTES + 4)
  }

  #blockReader(block: number): ByteReader {
    const { listAt, listBytes } = this.#entry
    if (this.#skips.length === 0) {
      const reader = new ByteReader(this.#postings.file.read(listAt, listBytes))
      const size = reader.varint()
      return new ByteReader(reader.bytes, reader.at, reader.at + size)
    }
    const start = this.#blockAt(block)
    const end = block + 1 < this.blocks ? this.#blockAt(block + 1) : uint32At(this.#skips, 8)
    if (end < start || end > listBytes) throw corrupt('A block of postings lies outside its list.')
    return new ByteReader(this.#postings.file.read(listAt + start, end - start))
  }

  #positionReader(block: number): ByteReader {
    const { listAt, listBytes } = this.#entry
    if (this.#skips.length === 0) {
      const reader = new ByteReader(this.#postings.file.read(listAt, listBytes))
      const size = reader.varint()
      reader.skip(size)
      return reader
    }
    const start = uint32At(this.#skips, block * SKIP_ROW_BYTES + 8)
    const end = block + 1 < this.blocks ? uint32At(this.#skips, (block + 1) * SKIP_ROW_BYTES + 8) : listBytes
    if (end < start || end > listBytes) throw corrupt('Positions lie outside their list.')
    return new ByteReader(this.#postings.file.read(listAt + start, end - start))
  }

  #loadPositions(): void {
    const reader = this.#positionReader(this.#loaded)
    let total = 0
    for (let index = 0; index < this.count; index++) {
      this.#positionStarts[index] = total
      total += this.frequencies[index]!
      // A position takes a byte at least, so a false frequency can ask for no more memory than the file is long.
      if (total > reader.left) throw corrupt('Positions are fewer than the frequencies say.')
    }
    this.#positionStarts[this.count] = total
    if (this.#positions.length < total) this.#positions = new Uint32Array(total * 2)
    for (let index = 0, at = 0; index < this.count; index++) {
      let position = -1
      for (const end = this.#positionStarts[index + 1]!; at < end; at++) {
        position += reader.varint() + 1
        if (position > MAX_POSITION) throw corrupt('A position is too large.')
        this.#positions[at] = position
      }
    }
    this.#positionsOf = this.#loaded
  }
}
