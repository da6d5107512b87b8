/**
 * SeedLM (arXiv 2410.10714) in TypeScript: the twin of native/seedlm*.cc, its oracle in tests and the
 * fallback without a compiler. A block of C weights becomes a 16-bit seed, a 4-bit exponent e and P 4-bit
 * coefficients q: weights ≈ scale · 2^e · U(seed) q.
 *
 * A row is one 16-bit seed a block, then the nibbles of its blocks (exponent + 8, then the coefficients + 8),
 * low nibble first, then the columns of its outliers, ascending (2 bytes each where all columns fit, else 4),
 * then their values as halves, in units of the scale.
 */
import { feedBack } from './error-feedback.ts'
import { fromHalfBits, toHalfBits } from './f16.ts'
import { CANDIDATES, type Choice, choose, ROUNDER } from './seedlm-choose.ts'
import { cellList, cellOf, everyList, type Scan } from './seedlm-index.ts'
import { sequence, UNIT } from './seedlm-tables.ts'

export interface SeedlmShape {
  readonly rows: number
  readonly cols: number
  /** C: weights by block. */
  readonly blockWeights: 8 | 12
  /** P: 3 where C is 8, 4 where it is 12. */
  readonly coefficients: 3 | 4
  /** float32, positive: weights are divided by it before the search. */
  readonly scale: number
  /** Weights of a row, at most cols, that are stored as they are, in half precision. */
  readonly outliers: number
}

/** What the encoder may be told; the format does not depend on it. */
export interface SeedlmAids {
  /** Tries every seed for every block, instead of those of the block's cell in the index. */
  readonly exact?: boolean | undefined
  readonly columnWeights?: Float32Array | undefined
  readonly feedback?: Float32Array | undefined
}

/** Weights (after division by the scale) below this quantise to nothing at the smallest exponent. */
const NEGLIGIBLE = 2 ** -12
const LARGEST_HALF = 65504
const f = Math.fround

export interface SeedlmRow {
  readonly blocks: number
  readonly nibblesAt: number
  readonly columnsAt: number
  readonly columnBytes: 2 | 4
  readonly valuesAt: number
  readonly bytes: number
}

export function seedlmRow(shape: SeedlmShape): SeedlmRow {
  const { cols, blockWeights, coefficients, outliers } = shape
  const blocks = Math.ceil(cols / blockWeights)
  const nibblesAt = blocks * 2
  const columnsAt = nibblesAt + Math.ceil((blocks * (coefficients + 1)) / 2)
  const columnBytes = cols <= 65536 ? 2 : 4
  const valuesAt = columnsAt + outliers * columnBytes
  return { blocks, nibblesAt, columnsAt, columnBytes, valuesAt, bytes: valuesAt + outliers * 2 }
}

/** The column of an outlier of the row that begins at byte `at`. */
export function outlierColumn(payload: Uint8Array, at: number, row: SeedlmRow, index: number): number {
  const from = at + row.columnsAt + index * row.columnBytes
  let column = 0
  for (let byte = row.columnBytes - 1; byte >= 0; byte--) column = column * 256 + payload[from + byte]!
  return column
}

/** Feedback of absurd aids may drive a weight beyond all bounds: it stays a number. */
function held(value: number): number {
  if (!(value >= -LARGEST_HALF)) return value < 0 ? -LARGEST_HALF : 0
  return Math.min(value, LARGEST_HALF)
}

/** The largest by weighted magnitude, earlier columns first among equals; ascending. */
function pickOutliers(weights: Float32Array, roots: Float32Array, count: number): Uint32Array {
  const magnitudes = weights.map((weight, col) => Math.abs(weight) * roots[col]!)
  return Uint32Array.from(weights.keys())
    .sort((a, b) => magnitudes[b]! - magnitudes[a]! || a - b)
    .slice(0, count)
    .sort()
}

/**
 * Encodes rows × cols float32 weights (row-major, finite); the last block of a row is padded with zeros that
 * do not count where anything is weighted.
 */
export function seedlmEncode(
  data: Float32Array,
  shape: SeedlmShape,
  aids: SeedlmAids,
  scan: Scan,
): Uint8Array {
  const { rows, cols, blockWeights: C, coefficients: P, scale, outliers } = shape
  const row = seedlmRow(shape)
  const payload = new Uint8Array(rows * row.bytes)
  const roots = aids.columnWeights?.map((weight) => Math.sqrt(weight)) ?? new Float32Array(cols).fill(1)
  const isWeighted = aids.columnWeights !== undefined || outliers > 0
  const scaled = new Float32Array(C)
  const counts = new Float32Array(C)
  const probe = new Int8Array(C)
  const errors = new Float32Array(C)
  const choice: Choice = { position: 0, exponent: 0, coefficients: new Int32Array(P) }
  const { values } = sequence()

  function chooseBlock(weights: Float32Array, isOutlier: Uint8Array, first: number): void {
    let largest = 0
    for (let c = 0; c < C; c++) {
      const col = first + c
      const counted = col < cols && isOutlier[col] === 0
      scaled[c] = counted ? held(f(weights[col]! / scale)) : 0
      counts[c] = counted ? roots[col]! : 0
      largest = Math.max(largest, Math.abs(scaled[c]!))
    }
    let found = 0
    if (largest >= NEGLIGIBLE) {
      const factor = f(UNIT / largest)
      for (let c = 0; c < C; c++) probe[c] = f(f(f(scaled[c]! * factor) + ROUNDER) - ROUNDER)
      const positions = aids.exact === true ? everyList() : cellList(cellOf(probe, C), C, scan)
      const winners = scan.winners(probe, C, positions).sort()
      for (; found < CANDIDATES; found++) {
        const key = winners[winners.length - 1 - found]!
        if (key >>> 16 === 0) break
        candidates[found] = key & 65535
      }
    }
    choose(scaled, isWeighted ? counts : null, C, P, candidates, found, choice)
  }

  /** Weight `c` of the block as the decoder will see it. */
  function decoded(c: number): number {
    const at = choice.position + c * P
    let sum = f(values[at]! * choice.coefficients[0]!)
    for (let p = 1; p < P; p++) sum = f(sum + f(values[at + p]! * choice.coefficients[p]!))
    return f(sum * f(scale * 2 ** choice.exponent))
  }

  const outlierHalf = (weight: number): number => toHalfBits(held(f(weight / scale)))

  for (let r = 0; r < rows; r++) {
    const at = r * row.bytes
    const weights = data.slice(r * cols, (r + 1) * cols)
    const isOutlier = new Uint8Array(cols)
    const columns = outliers > 0 ? pickOutliers(weights, roots, outliers) : new Uint32Array(0)
    columns.forEach((col, i) => {
      isOutlier[col] = 1
      for (let byte = 0; byte < row.columnBytes; byte++)
        payload[at + row.columnsAt + i * row.columnBytes + byte] = col >>> (8 * byte)
    })
    for (let block = 0; block < row.blocks; block++) {
      const first = block * C
      chooseBlock(weights, isOutlier, first)
      writeBlock(payload, at, row, block, choice)
      if (aids.feedback === undefined) continue
      const count = Math.min(C, cols - first)
      for (let c = 0; c < count; c++) {
        const weight = weights[first + c]!
        const seen = isOutlier[first + c] === 1 ? f(fromHalfBits(outlierHalf(weight)) * scale) : decoded(c)
        errors[c] = weight - seen
      }
      feedBack(weights, errors, aids.feedback, { first, count, from: first + count, to: cols })
    }
    columns.forEach((col, i) => {
      const half = outlierHalf(weights[col]!)
      payload[at + row.valuesAt + i * 2] = half & 255
      payload[at + row.valuesAt + i * 2 + 1] = half >>> 8
    })
  }
  return payload
}

const candidates = new Uint16Array(CANDIDATES)

function writeBlock(payload: Uint8Array, at: number, row: SeedlmRow, block: number, choice: Choice): void {
  const seed = sequence().states[choice.position]!
  payload[at + block * 2] = seed & 255
  payload[at + block * 2 + 1] = seed >>> 8
  let index = block * (choice.coefficients.length + 1)
  const write = (value: number): void => {
    const byte = at + row.nibblesAt + (index >>> 1)
    payload[byte] = payload[byte]! | ((value + 8) << ((index & 1) * 4))
    index++
  }
  write(choice.exponent)
  for (const coefficient of choice.coefficients) write(coefficient)
}

/**
 * The weights that a payload of exactly rows × row bytes stands for; the seeds must not be zero, the columns
 * of outliers below cols.
 */
export function seedlmDecode(payload: Uint8Array, shape: SeedlmShape): Float32Array {
  const { rows, cols, blockWeights: C, coefficients: P, scale, outliers } = shape
  const { values, positionOf } = sequence()
  const row = seedlmRow(shape)
  const data = new Float32Array(rows * cols)
  const fields = new Array<number>(P + 1).fill(0)
  for (let r = 0; r < rows; r++) {
    const at = r * row.bytes
    for (let block = 0; block < row.blocks; block++) {
      const start = positionOf[payload[at + block * 2]! | (payload[at + block * 2 + 1]! << 8)]!
      for (let i = 0; i <= P; i++) {
        const index = block * (P + 1) + i
        const byte = payload[at + row.nibblesAt + (index >>> 1)]!
        fields[i] = ((byte >>> ((index & 1) * 4)) & 15) - 8
      }
      const step = f(scale * 2 ** fields[0]!)
      for (let c = 0; c < C && block * C + c < cols; c++) {
        let sum = f(values[start + c * P]! * fields[1]!)
        for (let p = 1; p < P; p++) sum = f(sum + f(values[start + c * P + p]! * fields[p + 1]!))
        data[r * cols + block * C + c] = sum * step
      }
    }
    for (let i = 0; i < outliers; i++) {
      const byte = at + row.valuesAt + i * 2
      const half = payload[byte]! | (payload[byte + 1]! << 8)
      data[r * cols + outlierColumn(payload, at, row, i)] = fromHalfBits(half) * scale
    }
  }
  return data
}
