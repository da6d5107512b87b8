/** vectors.bin: half-precision rows. Documents without vectors get rows of zeros, as soon as one with vectors tells their length. */

import { fromHalfBits, toHalfBits } from '../../../compute/reference/f16.ts'
import { VillageError } from '../../../errors.ts'
import type { IndexedDocument } from '../document.ts'
import type { FileWriter } from './file-writer.ts'
import { MAX_DIMS } from './segment-format.ts'

export class VectorRows {
  /** Null as long as no document had vectors. */
  dims: number | null = null
  readonly #open: () => FileWriter
  #file: FileWriter | null = null
  #zeroRows = 0

  /** `open` makes the file, at the first vector. */
  constructor(open: () => FileWriter) {
    this.#open = open
  }

  get file(): FileWriter | null {
    return this.#file
  }

  add({ chunks, vectors }: IndexedDocument): void {
    if (vectors === null) {
      this.#zeroRows += chunks.length
      return
    }
    if (chunks.length === 0) return
    const dims = vectors.length / chunks.length
    this.dims ??= dims
    if (dims !== this.dims || !Number.isInteger(dims) || dims < 1 || dims > MAX_DIMS)
      throw new VillageError(
        'INVALID_ARGUMENT',
        'The vectors of a document do not fit its chunks and those before it.',
      )
    this.#fillZeros()
    const bytes = new Uint8Array(vectors.length * 2)
    for (let index = 0; index < vectors.length; index++) {
      const half = toHalfBits(vectors[index]!)
      bytes[index * 2] = half
      bytes[index * 2 + 1] = half >>> 8
    }
    this.#file!.write(bytes)
  }

  finish(): void {
    if (this.#file !== null) this.#fillZeros()
  }

  #fillZeros(): void {
    this.#file ??= this.#open()
    const row = new Uint8Array(this.dims! * 2)
    for (; this.#zeroRows > 0; this.#zeroRows--) this.#file.write(row)
  }
}

/** Null when all are zero: no vector. */
export function decodeRows(bytes: Uint8Array): Float32Array | null {
  const values = new Float32Array(bytes.length / 2)
  let isEmpty = true
  for (let index = 0; index < values.length; index++) {
    const half = bytes[index * 2]! | (bytes[index * 2 + 1]! << 8)
    if (half !== 0) isEmpty = false
    values[index] = fromHalfBits(half)
  }
  return isEmpty ? null : values
}
