/**
 * Walks the chunks of a term in rising order, by blocks. `skipTo` moves to the block where a chunk would be without reading it,
 * so that its bound can rule it out first. A search reads the arrays of the block directly.
 */
import type { PostingsList } from './postings-list.ts'
import { corrupt } from './segment-format.ts'

/** A cursor's `chunk` behind its last one: larger than any chunk. */
export const NO_MORE = 0xffff_ffff

const MAX_POSITION = 0x7fff_ffff
const NONE = new Uint32Array(0)

export class PostingsCursor {
  readonly list: PostingsList
  readonly term: string
  /** Chunks that have it. */
  readonly df: number
  readonly blocks: number
  /** Of the block that was loaded last; shared with other cursors, so not to be written to. */
  chunks: Uint32Array = NONE
  frequencies: Uint32Array = NONE
  count = 0
  /** In that block. */
  index = 0
  /** The block that the cursor is at, loaded or not; `blocks` behind the last one. */
  block = 0
  /** Postings and positions that were read so far. */
  work = 0
  readonly #lasts: Uint32Array
  #loaded = -1
  #positionsOf = -1
  #positions: Uint32Array = NONE
  /** By chunk of the block, where its positions begin; one more number ends the last. */
  #positionStarts: Uint32Array = NONE

  constructor(list: PostingsList) {
    this.list = list
    this.term = list.entry.term
    this.df = list.entry.df
    this.blocks = list.blocks
    this.#lasts = list.lasts
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

  /** No chunk of this block is before this one; known without loading it. */
  get earliest(): number {
    if (this.block >= this.blocks) return NO_MORE
    if (this.#loaded === this.block) return this.chunks[this.index]!
    return this.block === 0 ? 0 : this.#lasts[this.block - 1]! + 1
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

  /** To the block in which `chunk` would stand, never backwards. */
  skipTo(chunk: number): void {
    const lasts = this.#lasts
    if (this.block >= this.blocks || lasts[this.block]! >= chunk) return
    let low = this.block + 1
    let step = 1
    while (low + step < this.blocks && lasts[low + step]! < chunk) {
      low += step + 1
      step *= 2
    }
    let high = Math.min(low + step, this.blocks)
    while (low < high) {
      const middle = (low + high) >>> 1
      if (lasts[middle]! < chunk) low = middle + 1
      else high = middle
    }
    this.block = low
    this.index = 0
  }

  /** Reads the block that it is at, and stands at its first chunk. */
  load(): void {
    const { chunks, frequencies } = this.list.block(this.block)
    this.chunks = chunks
    this.frequencies = frequencies
    this.count = chunks.length
    this.work += chunks.length
    this.index = 0
    this.#loaded = this.block
  }

  /** Positions in the chunk at `index`, rising; valid until another block is loaded. */
  positions(): Uint32Array {
    if (this.#positionsOf !== this.#loaded) this.#loadPositions()
    return this.#positions.subarray(this.#positionStarts[this.index]!, this.#positionStarts[this.index + 1]!)
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

  #loadPositions(): void {
    const reader = this.list.positionReader(this.#loaded)
    const starts = new Uint32Array(this.count + 1)
    let total = 0
    for (let index = 0; index < this.count; index++) {
      starts[index] = total
      total += this.frequencies[index]!
      // A position takes a byte at least, so a false frequency can ask for no more memory than the file is long.
      if (total > reader.left) throw corrupt('Positions are fewer than the frequencies say.')
    }
    starts[this.count] = total
    this.work += total
    const positions = new Uint32Array(total)
    for (let index = 0, at = 0; index < this.count; index++) {
      let position = -1
      for (const end = starts[index + 1]!; at < end; at++) {
        position += reader.varint() + 1
        if (position > MAX_POSITION) throw corrupt('A position is too large.')
        positions[at] = position
      }
    }
    this.#positionStarts = starts
    this.#positions = positions
    this.#positionsOf = this.#loaded
  }
}
