/** Which rows of the training data a micro-batch has: shuffled anew in every epoch, without anything kept in memory. */
import { layRow, type Row } from './packing.ts'
import { counterRandom } from './philox.ts'
import { IGNORED_LABEL, type TrainingBatch } from './trainer.ts'

/** What the loop reads from. Rows are of fixed length. */
export interface BatchSource {
  /** Rows of the training part. */
  readonly rows: number
  /** Rows `at` to `at + batch − 1` of the endless sequence of shuffled epochs: the same for the same `at`, always. */
  batch(at: number): TrainingBatch
  /** Micro-batches of the held-out part; 0 where nothing is held out. */
  readonly heldOutBatches: number
  heldOut(index: number): TrainingBatch
}

const ROUNDS = 6

/**
 * The row at a place of the endless sequence of shuffled epochs: a permutation of each epoch by a Feistel network over the
 * next power of four, walked until it is inside (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002, section 3).
 */
export function shuffledRow(at: number, rows: number, seed: number): number {
  const epoch = Math.floor(at / rows)
  const halfBits = Math.max(1, Math.ceil(Math.log2(Math.max(2, rows)) / 2))
  const half = 2 ** halfBits
  const random = counterRandom(seed, epoch)
  let place = at % rows
  do {
    let left = Math.floor(place / half)
    let right = place % half
    for (let round = 0; round < ROUNDS; round++) {
      // One word by round and right half; halves are below 2^27, so that the position stays exact.
      const mixed = random.word(round * half + right) % half
      const next = (left + mixed) % half
      left = right
      right = next
    }
    place = left * half + right
  } while (place >= rows)
  return place
}

export interface RowSource {
  readonly rows: number
  readonly heldOutRows: number
  row(part: 'train' | 'heldOut', index: number): Row
}

export interface BatchInit {
  /** Rows of a micro-batch, and tokens of a row. */
  readonly batch: number
  readonly length: number
  readonly seed: number
  /** Most micro-batches of the held-out part that are looked at each time. */
  readonly maxHeldOutBatches: number
}

/** The same rows of the held-out part every time: a sample, where it has more than are looked at. */
export function createBatches(source: RowSource, init: BatchInit): BatchSource {
  const { batch, length, seed } = init
  const { rows, heldOutRows } = source
  const empty = () => ({
    tokens: new Int32Array(batch * length),
    labels: new Int32Array(batch * length).fill(IGNORED_LABEL),
  })
  return {
    rows,
    batch(at) {
      const made = empty()
      for (let index = 0; index < batch; index++)
        layRow(source.row('train', shuffledRow(at + index, rows, seed)), made, index * length)
      return made
    },
    heldOutBatches: Math.min(init.maxHeldOutBatches, Math.ceil(heldOutRows / batch)),
    heldOut(number) {
      const made = empty()
      for (let index = 0; index < batch && number * batch + index < heldOutRows; index++) {
        const row = shuffledRow(number * batch + index, heldOutRows, seed)
        layRow(source.row('heldOut', row), made, index * length)
      }
      return made
    },
  }
}

/** Rows that are in memory, for small data. */
export function rowsInMemory(train: readonly Row[], heldOut: readonly Row[]): RowSource {
  const parts = { train, heldOut }
  return {
    rows: train.length,
    heldOutRows: heldOut.length,
    row: (part, index) => parts[part][index]!,
  }
}
