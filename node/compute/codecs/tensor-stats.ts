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
}

export const EMPTY_STATS: TensorStats = { weights: 0, sumAbs: 0, maxAbs: 0, minNonZeroAbs: Infinity }

/** The most weights of one slice or one join of slices: 1 GiB as float32. */
export const MAX_SLICE_WEIGHTS = 2 ** 28

/**
 * Adds the next rows of a tensor. Chunks given in order give the same result whatever their sizes.
 * `firstRow` is the tensor's row of the first one, for the message of CODEC_NON_FINITE.
 */
export function addToStats(stats: TensorStats, matrix: WeightMatrix, firstRow = 0): TensorStats {
  checkMatrix(matrix)
  let { sumAbs, maxAbs, minNonZeroAbs } = stats
  const { data, cols } = matrix
  for (let i = 0; i < data.length; i++) {
    const magnitude = Math.abs(data[i]!)
    // False for NaN as well.
    if (!(magnitude < Infinity)) throw nonFinite(data[i]!, firstRow + Math.floor(i / cols), i % cols)
    sumAbs += magnitude
    if (magnitude > maxAbs) maxAbs = magnitude
    if (magnitude < minNonZeroAbs && magnitude > 0) minNonZeroAbs = magnitude
  }
  return { weights: stats.weights + data.length, sumAbs, maxAbs, minNonZeroAbs }
}

/** Statistics of one matrix alone. Throws INVALID_ARGUMENT for its shape, CODEC_NON_FINITE for its values. */
export function statsOf(matrix: WeightMatrix): TensorStats {
  return addToStats(EMPTY_STATS, matrix)
}

/** True where every weight is -s, 0 or s for one s. */
export function isTernary(stats: TensorStats): boolean {
  return stats.minNonZeroAbs === stats.maxAbs || stats.maxAbs === 0
}

function nonFinite(value: number, row: number, col: number): VillageError {
  return new VillageError('CODEC_NON_FINITE', `The weight at row ${row}, column ${col} is ${value}.`, {
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
