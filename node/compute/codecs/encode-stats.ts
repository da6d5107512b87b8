/** What a compression cost, measured on the decoded weights. */
import { VillageError } from '../../errors.ts'
import type { WeightMatrix } from './codec.ts'

/** Float64 sums in the order of the weights: everyone who has both matrices finds the same numbers. */
export interface EncodeStats {
  readonly weights: number
  /** Everything that is stored: header, parameters, scales, codes, padding. */
  readonly packedBytes: number
  readonly squaredError: number
  readonly squaredNorm: number
  readonly maxAbsError: number
}

function shapeOf({ rows, cols }: WeightMatrix): string {
  return `${rows} by ${cols}`
}

export function measure(original: WeightMatrix, decoded: WeightMatrix, packedBytes: number): EncodeStats {
  if (original.rows !== decoded.rows || original.cols !== decoded.cols)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The decoded weights are ${shapeOf(decoded)} instead of ${shapeOf(original)}.`,
    )
  let squaredError = 0
  let squaredNorm = 0
  let maxAbsError = 0
  for (let i = 0; i < original.data.length; i++) {
    const weight = original.data[i]!
    const difference = weight - decoded.data[i]!
    squaredError += difference * difference
    squaredNorm += weight * weight
    const error = Math.abs(difference)
    if (error > maxAbsError) maxAbsError = error
  }
  return { weights: original.data.length, packedBytes, squaredError, squaredNorm, maxAbsError }
}

/**
 * Statistics of slices together. Float64 addition: add them in the order of the rows to find the same sums
 * anywhere.
 */
export function addEncodeStats(a: EncodeStats, b: EncodeStats): EncodeStats {
  return {
    weights: a.weights + b.weights,
    packedBytes: a.packedBytes + b.packedBytes,
    squaredError: a.squaredError + b.squaredError,
    squaredNorm: a.squaredNorm + b.squaredNorm,
    maxAbsError: Math.max(a.maxAbsError, b.maxAbsError),
  }
}

export function bitsPerWeight(stats: EncodeStats): number {
  return (stats.packedBytes * 8) / stats.weights
}

/** |w - ŵ|² / |w|²: 0 is lossless, 1 is as good as zeros. */
export function normalisedError(stats: EncodeStats): number {
  return stats.squaredError === 0 ? 0 : stats.squaredError / stats.squaredNorm
}

/** |w - ŵ| / |w|. */
export function relativeError(stats: EncodeStats): number {
  return Math.sqrt(normalisedError(stats))
}
