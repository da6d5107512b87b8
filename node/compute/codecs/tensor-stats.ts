/** What codecs must know of a whole tensor before its slices are encoded apart. */
import { VillageError } from '../../errors.ts'
import type { WeightMatrix } from './codec.ts'

export interface TensorStats {
  readonly weights: number
  /** Sum of magnitudes, float64, added in the order of the weights. */
  readonly sumAbs: number
  readonly maxAbs: number
  /** The smallest magnitude that is not zero; Infinity where all are zero. */
  readonly minNonZeroAbs: number
  readonly rows: number
  /** Every row is -s, 0 or s for an s of its own. */
  readonly ternaryRows: boolean
  /** Of every sixteenth row: its squared norm, and the squared error of its plain ternary cast. */
  readonly sampledNorm: number
  readonly sampledCastError: number
}

export const EMPTY_STATS: TensorStats = {
  weights: 0,
  sumAbs: 0,
  maxAbs: 0,
  minNonZeroAbs: Infinity,
  rows: 0,
  ternaryRows: true,
  sampledNorm: 0,
  sampledCastError: 0,
}

const SAMPLED_ROWS = 16
/** With fewer columns a scale by row outweighs the trits that it scales. */
const MIN_TERNARY_ROW = 32

/** The most weights of one slice or one join of slices: 1 GiB as float32. */
export const MAX_SLICE_WEIGHTS = 2 ** 28

/**
 * Adds the next rows of a tensor. Chunks given in order give the same result whatever their sizes.
 * `firstRow` is the tensor's row of the first one, for the message of CODEC_NON_FINITE.
 */
export function addToStats(stats: TensorStats, matrix: WeightMatrix, firstRow = 0): TensorStats {
  checkMatrix(matrix)
  let { sumAbs, maxAbs, minNonZeroAbs, rows, ternaryRows, sampledNorm, sampledCastError } = stats
  const { data, cols } = matrix
  for (let start = 0; start < data.length; start += cols) {
    let rowMax = 0
    let rowMin = Infinity
    const before = sumAbs
    for (let i = start; i < start + cols; i++) {
      const magnitude = Math.abs(data[i]!)
      sumAbs += magnitude
      if (magnitude > rowMax) rowMax = magnitude
      if (magnitude < rowMin && magnitude > 0) rowMin = magnitude
    }
    // A float64 sum of finite float32 values is finite, so that the weights need no look each.
    if (!(sumAbs - before < Infinity)) throwNonFinite(matrix, start, firstRow)
    if (rowMax > maxAbs) maxAbs = rowMax
    if (rowMin < minNonZeroAbs) minNonZeroAbs = rowMin
    ternaryRows &&= rowMin === rowMax || rowMax === 0
    if (rows % SAMPLED_ROWS === 0) {
      const { norm, error } = plainCast(data.subarray(start, start + cols))
      sampledNorm += norm
      sampledCastError += error
    }
    rows++
  }
  return {
    weights: stats.weights + data.length,
    sumAbs,
    maxAbs,
    minNonZeroAbs,
    rows,
    ternaryRows,
    sampledNorm,
    sampledCastError,
  }
}

/** What BitNet's cast (arXiv 2402.17764, equation 1) makes of a row that takes its mean magnitude as the scale. */
function plainCast(row: Float32Array): { norm: number; error: number } {
  let sum = 0
  for (const weight of row) sum += Math.abs(weight)
  const scale = sum / row.length
  let norm = 0
  let error = 0
  for (const weight of row) {
    const magnitude = Math.abs(weight)
    const difference = magnitude > 0.5 * scale ? magnitude - scale : magnitude
    norm += magnitude * magnitude
    error += difference * difference
  }
  return { norm, error }
}

/** Statistics of one matrix alone. Throws INVALID_ARGUMENT for its shape, CODEC_NON_FINITE for its values. */
export function statsOf(matrix: WeightMatrix): TensorStats {
  return addToStats(EMPTY_STATS, matrix)
}

/** True where every row is -s, 0 or s for an s of its own, and is long enough for it to pay. */
export function hasTernaryRows(stats: TensorStats): boolean {
  return stats.ternaryRows && stats.weights >= MIN_TERNARY_ROW * stats.rows
}

/** The normalised error of a plain ternary cast, measured on every sixteenth row. */
export function ternaryCastError(stats: TensorStats): number {
  return stats.sampledCastError === 0 ? 0 : stats.sampledCastError / stats.sampledNorm
}

/** True where `ternary` loses nothing, with a scale of the tensor or of each row. */
export function isNativelyTernary(stats: TensorStats): boolean {
  return isTernary(stats) || hasTernaryRows(stats)
}

/** True where every weight is -s, 0 or s for one s. */
export function isTernary(stats: TensorStats): boolean {
  return stats.minNonZeroAbs === stats.maxAbs || stats.maxAbs === 0
}

/** Throws CODEC_NON_FINITE for the first such weight from `start` on. */
function throwNonFinite({ data, cols }: WeightMatrix, start: number, firstRow: number): never {
  let at = start
  while (Number.isFinite(data[at])) at++
  const row = firstRow + Math.floor(at / cols)
  const col = at % cols
  throw new VillageError('CODEC_NON_FINITE', `The weight at row ${row}, column ${col} is ${data[at]}.`, {
    fields: { row, col },
  })
}

function checkMatrix({ rows, cols, data }: WeightMatrix): void {
  const whole = Number.isSafeInteger(rows) && Number.isSafeInteger(cols) && rows > 0 && cols > 0
  if (!whole || rows * cols > MAX_SLICE_WEIGHTS)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `A slice of ${rows} by ${cols} weights cannot be encoded; it needs 1 to ${MAX_SLICE_WEIGHTS}.`,
      { fields: { argument: 'matrix' } },
    )
  if (data.length !== rows * cols)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The matrix has ${data.length} weights instead of ${rows} by ${cols}.`,
      { fields: { argument: 'matrix' } },
    )
}
