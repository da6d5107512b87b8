/** The best chunks of several segments, in a heap whose root is the worst of them. */
import type { Segment } from '../segment/segment.ts'

export interface ScoredChunk {
  /** Index in the list of segments that were searched. */
  readonly segment: number
  readonly chunk: number
  readonly score: number
}

/** In columns, for a search adds thousands. */
export class TopChunks {
  readonly #segments: readonly Segment[]
  readonly #limit: number
  readonly #scores: Float64Array
  readonly #chunks: Uint32Array
  readonly #parts: Uint32Array
  #count = 0

  /** `limit` at least 1. */
  constructor(segments: readonly Segment[], limit: number) {
    this.#segments = segments
    const chunks = segments.reduce((sum, { header }) => sum + header.chunks, 0)
    this.#limit = Math.max(1, Math.min(limit, chunks))
    this.#scores = new Float64Array(this.#limit)
    this.#chunks = new Uint32Array(this.#limit)
    this.#parts = new Uint32Array(this.#limit)
  }

  /** A chunk with a lower score has no place; one with this very score may have, by its id. */
  get threshold(): number {
    return this.#count < this.#limit ? Number.NEGATIVE_INFINITY : this.#scores[0]!
  }

  add(part: number, chunk: number, score: number): void {
    if (this.#count < this.#limit) {
      this.#up(this.#count++, part, chunk, score)
      return
    }
    const worst = this.#scores[0]!
    if (score > worst || (score === worst && this.#isBefore(part, chunk, this.#parts[0]!, this.#chunks[0]!)))
      this.#down(part, chunk, score)
  }

  /** Best first: by score, falling, then by document id, then by ordinal. */
  sorted(): ScoredChunk[] {
    const items = Array.from({ length: this.#count }, (_, at) => ({
      segment: this.#parts[at]!,
      chunk: this.#chunks[at]!,
      score: this.#scores[at]!,
    }))
    return items.sort(
      (a, b) => b.score - a.score || (this.#isBefore(a.segment, a.chunk, b.segment, b.chunk) ? -1 : 1),
    )
  }

  /** Of two chunks of the same score. */
  #isBefore(part: number, chunk: number, otherPart: number, otherChunk: number): boolean {
    const [one, other] = [this.#segments[part]!, this.#segments[otherPart]!]
    const documents = one.compareDocuments(one.documentOf(chunk), other, other.documentOf(otherChunk))
    return documents !== 0 ? documents < 0 : one.ordinal(chunk) < other.ordinal(otherChunk)
  }

  #isWorse(part: number, chunk: number, score: number, at: number): boolean {
    const other = this.#scores[at]!
    if (score !== other) return score < other
    return this.#isBefore(this.#parts[at]!, this.#chunks[at]!, part, chunk)
  }

  #up(start: number, part: number, chunk: number, score: number): void {
    let at = start
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!this.#isWorse(part, chunk, score, parent)) break
      this.#move(parent, at)
      at = parent
    }
    this.#put(at, part, chunk, score)
  }

  /** Takes the place of the root. */
  #down(part: number, chunk: number, score: number): void {
    let at = 0
    while (2 * at + 1 < this.#count) {
      let worse = 2 * at + 1
      const right = worse + 1
      if (
        right < this.#count &&
        this.#isWorse(this.#parts[right]!, this.#chunks[right]!, this.#scores[right]!, worse)
      )
        worse = right
      if (this.#isWorse(part, chunk, score, worse)) break
      this.#move(worse, at)
      at = worse
    }
    this.#put(at, part, chunk, score)
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#parts[from]!, this.#chunks[from]!, this.#scores[from]!)
  }

  #put(at: number, part: number, chunk: number, score: number): void {
    this.#parts[at] = part
    this.#chunks[at] = chunk
    this.#scores[at] = score
  }
}
