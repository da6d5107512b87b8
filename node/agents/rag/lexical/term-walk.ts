/** A term of a query on its way through the windows of a segment: its bounds, and its scores in the window at hand. */
import { SEEK_UNITS } from '../search-work.ts'
import type { PostingsCursor } from '../segment/postings-cursor.ts'
import type { Segment } from '../segment/segment.ts'
import { impactBound } from './bm25.ts'
import { frequencyIn } from './field-frequency.ts'
import { type PreparedQuery, type PreparedTerm, termScore } from './prepare-query.ts'

/** Most chunks of a window: few enough for the scores of a dozen terms to stay in a core's cache. */
export const WINDOW = 1_024
/** Searches of a thread run one after the other, so they share what they write scores to: one array a term. */
const scoreArrays: Float64Array[] = []

/** Of WINDOW numbers; the `index`-th of a search. */
export function scoreArray(index: number): Float64Array {
  scoreArrays[index] ??= new Float64Array(WINDOW)
  return scoreArrays[index]
}

const ROUND_UP = 1 + 1e-9

export class TermWalk {
  /** Of its score in any chunk of the segment. */
  readonly bound: number
  /** Of its score in any chunk of the window that was entered last. */
  windowBound = 0
  /** By offset in the window: right for all of it after `walk`, for the given chunks after `lookUp`. */
  readonly scores: Float64Array
  readonly #segment: Segment
  readonly #query: PreparedQuery
  readonly #term: PreparedTerm
  readonly #cursor: PostingsCursor
  readonly #ownAverage: number
  readonly #lengths: Uint32Array
  #sought = 0

  constructor(
    segment: Segment,
    query: PreparedQuery,
    term: PreparedTerm,
    cursor: PostingsCursor,
    ownAverage: number,
    scores: Float64Array,
  ) {
    this.scores = scores
    this.#segment = segment
    this.#query = query
    this.#term = term
    this.#cursor = cursor
    this.#ownAverage = ownAverage
    this.#lengths = segment.chunkLengths()
    this.bound = this.#boundOf(cursor.blocks)
  }

  /** Units of search-work.ts, so far. */
  get work(): number {
    return this.#cursor.work + this.#sought * SEEK_UNITS
  }

  /** No chunk from `low` on that has the term is before this one. */
  earliestFrom(low: number): number {
    this.#cursor.skipTo(low)
    return Math.max(low, this.#cursor.earliest)
  }

  /** Takes the largest bound of the blocks that reach into the window. */
  enter(low: number, high: number): void {
    const cursor = this.#cursor
    this.windowBound = 0
    if (this.earliestFrom(low) >= high) return
    if (cursor.blocks === 1) {
      this.windowBound = this.bound
      return
    }
    const { lasts } = cursor.list
    for (let block = cursor.block; block < cursor.blocks; block++) {
      const bound = this.#boundOf(block)
      if (bound > this.windowBound) this.windowBound = bound
      if (lasts[block]! >= high - 1) return
    }
  }

  /** About how many chunks of the window have the term. */
  chunksIn(high: number): number {
    const cursor = this.#cursor
    let count = 0
    for (let block = cursor.block; block < cursor.blocks; block++) {
      count += Math.min(cursor.df, 128)
      if (cursor.list.lasts[block]! >= high - 1) break
    }
    return count
  }

  /** Scores every chunk of the window, and adds to `sums`. A search spends its time here. */
  walk(low: number, high: number, sums: Float64Array): void {
    const { scores } = this
    scores.fill(0, 0, high - low)
    if (this.windowBound === 0) return
    const { factor, field } = this.#term
    const cursor = this.#cursor
    const query = this.#query
    const lengths = this.#lengths
    for (let chunk = cursor.seek(low); chunk < high; chunk = cursor.chunk) {
      const { chunks, frequencies, count } = cursor
      let at = cursor.index
      for (; at < count; at++) {
        const next = chunks[at]!
        if (next >= high) break
        let frequency = frequencies[at]!
        if (field !== null) {
          cursor.index = at
          frequency = frequencyIn(this.#segment, cursor, field)
          if (frequency === 0) continue
        }
        const score = termScore(query, factor, frequency, lengths[next]!)
        scores[next - low] = score
        sums[next - low]! += score
      }
      cursor.moveTo(at)
    }
  }

  /** As `walk`, for the first `count` of `offsets` alone, which rise. */
  lookUp(low: number, sums: Float64Array, offsets: Uint32Array, count: number): void {
    const { scores } = this
    const { factor, field } = this.#term
    const cursor = this.#cursor
    this.#sought += count
    for (let at = 0; at < count; at++) {
      const offset = offsets[at]!
      const chunk = low + offset
      scores[offset] = 0
      if (this.windowBound === 0 || cursor.seek(chunk) !== chunk) continue
      const frequency = field === null ? cursor.frequency : frequencyIn(this.#segment, cursor, field)
      if (frequency === 0) continue
      const score = termScore(this.#query, factor, frequency, this.#lengths[chunk]!)
      scores[offset] = score
      sums[offset]! += score
    }
  }

  /** Of a block, or of the whole list with the number behind the last block's. */
  #boundOf(block: number): number {
    const impact = this.#cursor.list.impacts[block]!
    return this.#term.factor * impactBound(impact, this.#ownAverage, this.#query.averageLength) * ROUND_UP
  }
}
