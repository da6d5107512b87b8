/**
 * Gathers the occurrences of terms while documents pass, as compact as they will be written: each term has a chain of slices in one pool
 * of bytes (as Lucene's indexing buffer has), with numbers of variable length; so 200,000 chunks take some 100 MB.
 */
import { VillageError } from '../../../errors.ts'
import { MAX_CHUNK_TERMS } from './segment-format.ts'

const FIRST_SLICE_BYTES = 16
const LAST_SLICE_BYTES = 8_192
/** At the end of each slice: where the next one begins. */
const LINK_BYTES = 4
const MAX_POOL_BYTES = 0xf000_0000

export class PostingsBuilder {
  readonly #ids = new Map<string, number>()
  readonly #terms: string[] = []
  // By term: its first slice, where it writes, where its slice ends, the size of its slice, its last chunk, its chunks.
  #first = new Uint32Array(4_096)
  #at = new Uint32Array(4_096)
  #end = new Uint32Array(4_096)
  #slice = new Uint32Array(4_096)
  #lastChunk = new Uint32Array(4_096)
  #df = new Uint32Array(4_096)
  /** By term: 1 + its index in the chunk that is being read; 0 if it has not been met there. */
  #local = new Uint32Array(4_096)
  #pool = new Uint8Array(1_048_576)
  #poolBytes = 0
  // Of the chunk that is being read: by token, its term and its position; by distinct term, its term and frequency.
  #tokenTerms = new Uint32Array(1_024)
  #tokenPositions = new Uint32Array(1_024)
  #tokens = 0
  #chunkTerms = new Uint32Array(1_024)
  #starts = new Uint32Array(1_025)
  #grouped = new Uint32Array(1_024)
  #chunk = 0

  /** Distinct terms. */
  get size(): number {
    return this.#terms.length
  }

  /** In the order of positions. */
  add(term: string, position: number): void {
    let id = this.#ids.get(term)
    if (id === undefined) id = this.#newTerm(term)
    const token = this.#tokens++
    if (token >= this.#tokenTerms.length) this.#growTokens()
    this.#tokenTerms[token] = id
    this.#tokenPositions[token] = position
  }

  /** Ends a chunk; the next one's number is one more. */
  endChunk(): void {
    const tokens = this.#tokens
    let distinct = 0
    const counts = this.#starts
    for (let token = 0; token < tokens; token++) {
      const id = this.#tokenTerms[token]!
      let local = this.#local[id]!
      if (local === 0) {
        this.#chunkTerms[distinct] = id
        counts[distinct++] = 0
        local = distinct
        this.#local[id] = local
      }
      counts[local - 1]!++
    }
    let start = 0
    for (let local = 0; local < distinct; local++) {
      const count = counts[local]!
      counts[local] = start
      start += count
    }
    for (let token = 0; token < tokens; token++) {
      const local = this.#local[this.#tokenTerms[token]!]! - 1
      this.#grouped[counts[local]!++] = this.#tokenPositions[token]!
    }
    // Each count now stands where the next term's positions begin.
    for (let local = 0, from = 0; local < distinct; local++) {
      const id = this.#chunkTerms[local]!
      this.#local[id] = 0
      this.#addPosting(id, from, counts[local]!)
      from = counts[local]!
    }
    this.#tokens = 0
    this.#chunk++
  }

  /** Ids in the order of the terms' UTF-16 units, each with its term. */
  sorted(): { term: string; id: number }[] {
    return this.#terms.map((term, id) => ({ term, id })).sort((a, b) => (a.term < b.term ? -1 : 1))
  }

  df(id: number): number {
    return this.#df[id]!
  }

  /** For each chunk with the term: the distance from the one before (from −1 at first), the frequency, then as many positions' distances. */
  read(id: number): () => number {
    const pool = this.#pool
    let at = this.#first[id]!
    let size = FIRST_SLICE_BYTES
    let end = at + size - LINK_BYTES
    return () => {
      let value = 0
      for (let shift = 0; ; shift += 7) {
        if (at === end) {
          at = this.#link(end)
          size = Math.min(size * 2, LAST_SLICE_BYTES)
          end = at + size - LINK_BYTES
        }
        const byte = pool[at++]!
        value |= (byte & 0x7f) << shift
        if (byte < 0x80) return value >>> 0
      }
    }
  }

  #addPosting(id: number, from: number, to: number): void {
    this.#putVarint(id, this.#df[id] === 0 ? this.#chunk + 1 : this.#chunk - this.#lastChunk[id]!)
    this.#putVarint(id, to - from)
    let before = 0
    for (let index = from; index < to; index++) {
      this.#putVarint(id, this.#grouped[index]! - before)
      before = this.#grouped[index]!
    }
    this.#lastChunk[id] = this.#chunk
    this.#df[id]!++
  }

  #putVarint(id: number, value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.#put(id, (rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.#put(id, rest)
  }

  #put(id: number, byte: number): void {
    let at = this.#at[id]!
    if (at === this.#end[id]!) {
      const size = Math.min(this.#slice[id]! * 2, LAST_SLICE_BYTES)
      const next = this.#allocate(size)
      for (let index = 0; index < LINK_BYTES; index++) this.#pool[at + index] = next >>> (8 * index)
      this.#slice[id] = size
      this.#end[id] = next + size - LINK_BYTES
      at = next
    }
    this.#pool[at] = byte
    this.#at[id] = at + 1
  }

  #link(at: number): number {
    const pool = this.#pool
    return (pool[at]! | (pool[at + 1]! << 8) | (pool[at + 2]! << 16) | (pool[at + 3]! << 24)) >>> 0
  }

  #allocate(size: number): number {
    const start = this.#poolBytes
    if (start + size > this.#pool.length) {
      if (start + size > MAX_POOL_BYTES)
        throw new VillageError('INVALID_ARGUMENT', 'The documents are too many for one segment.')
      const larger = new Uint8Array(Math.min(MAX_POOL_BYTES, this.#pool.length * 2))
      larger.set(this.#pool)
      this.#pool = larger
    }
    this.#poolBytes = start + size
    return start
  }

  #newTerm(term: string): number {
    const id = this.#terms.length
    if (id >= this.#first.length) {
      this.#first = grown(this.#first)
      this.#at = grown(this.#at)
      this.#end = grown(this.#end)
      this.#slice = grown(this.#slice)
      this.#lastChunk = grown(this.#lastChunk)
      this.#df = grown(this.#df)
      this.#local = grown(this.#local)
    }
    this.#ids.set(term, id)
    this.#terms.push(term)
    const start = this.#allocate(FIRST_SLICE_BYTES)
    this.#first[id] = start
    this.#at[id] = start
    this.#end[id] = start + FIRST_SLICE_BYTES - LINK_BYTES
    this.#slice[id] = FIRST_SLICE_BYTES
    return id
  }

  #growTokens(): void {
    if (this.#tokens > MAX_CHUNK_TERMS)
      throw new VillageError(
        'INVALID_ARGUMENT',
        'A chunk has too many words; cut the document into smaller chunks.',
      )
    this.#tokenTerms = grown(this.#tokenTerms)
    this.#tokenPositions = grown(this.#tokenPositions)
    this.#chunkTerms = grown(this.#chunkTerms)
    this.#starts = grown(this.#starts)
    this.#grouped = grown(this.#grouped)
  }
}

function grown(array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(array.length * 2)
  larger.set(array)
  return larger
}
