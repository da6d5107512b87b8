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
  /** Energy of the error and of the weights over the calibration's inputs (calibration/energy.ts); absent without one. */
  readonly weightedError?: number
  readonly weightedNorm?: number
}

function shapeOf({ rows, cols }: WeightMatrix): string {
  return `${rows} by ${cols}`
}

/** `energy`: how much a matrix moves the layer's output, where there is a calibration. */
export function measure(
  original: WeightMatrix,
  decoded: WeightMatrix,
  packedBytes: number,
  energy?: (matrix: WeightMatrix) => number,
): EncodeStats {
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
  const stats = { weights: original.data.length, packedBytes, squaredError, squaredNorm, maxAbsError }
  if (energy === undefined) return stats
  const { rows, cols } = original
  const error = { rows, cols, data: original.data.map((weight, i) => weight - decoded.data[i]!) }
  return { ...stats, weightedError: energy(error), weightedNorm: energy(original) }
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
    ...(a.weightedError !== undefined &&
      b.weightedError !== undefined && {
        weightedError: a.weightedError + b.weightedError,
        weightedNorm: a.weightedNorm! + b.weightedNorm!,
      }),
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

/** Share of the layer's output energy that is lost on the calibration's inputs; null without a calibration. */
export function weightedNormalisedError({ weightedError, weightedNorm }: EncodeStats): number | null {
  if (weightedError === undefined || weightedNorm === undefined) return null
  return weightedError === 0 ? 0 : weightedError / weightedNorm
}
