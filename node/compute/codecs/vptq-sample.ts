/** Vectors to train a codebook of `vptq` on: of rows that were sampled from the tensors that will share it. */
import type { Kernels } from '../kernels.ts'
import { vptqScale, vptqScaleCode } from '../reference/vptq-layout.ts'
import type { WeightMatrix } from './codec.ts'
import type { VptqLayout } from './vptq-layouts.ts'
import { type Training, type TrainingVectors, trainCodebook } from './vptq-training.ts'

export interface SampledRows {
  /** Whole groups of rows, but for a tensor that has fewer. */
  readonly matrix: WeightMatrix
  /** As the encoder will have them: positive, with mean 1. Absent: all alike. */
  readonly columnWeights?: Float32Array
}

/** Mean squares of the rows, float64 sums in order. */
function rowPowers({ rows, cols, data }: WeightMatrix): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0
    for (let at = row * cols; at < (row + 1) * cols; at++) sum += data[at]! * data[at]!
    return sum / cols
  })
}

/**
 * Vectors in units of their rows' scales, as the encoder sees them. One counts as much as its column does, and as the
 * squared scale of its rows against that of all sampled rows of its tensor: tensors count by their size alone.
 */
export function trainingVectors(samples: readonly SampledRows[], vector: number): TrainingVectors {
  const groupsOf = ({ rows }: WeightMatrix): number => Math.max(1, Math.floor(rows / vector))
  const count = samples.reduce((sum, { matrix }) => sum + groupsOf(matrix) * matrix.cols, 0)
  const points = new Float32Array(count * vector)
  const weights = new Float32Array(count)
  let at = 0
  for (const { matrix, columnWeights } of samples) {
    const { rows, cols, data } = matrix
    const powers = rowPowers(matrix)
    const mean = powers.reduce((sum, power) => sum + power, 0) / rows
    const inverses = Array.from(powers, (power) => {
      const scale = vptqScale(vptqScaleCode(Math.sqrt(power)))
      return scale === 0 ? 0 : Math.fround(1 / scale)
    })
    for (let group = 0; group < groupsOf(matrix); group++) {
      const from = group * vector
      const height = Math.min(vector, rows - from)
      let power = 0
      for (let d = 0; d < height; d++) power += powers[from + d]!
      const share = mean > 0 ? power / vector / mean : 0
      for (let col = 0; col < cols; col++, at++) {
        for (let d = 0; d < height; d++)
          points[at * vector + d] = data[(from + d) * cols + col]! * inverses[from + d]!
        weights[at] = share * (columnWeights?.[col] ?? 1)
      }
    }
  }
  return { points, weights }
}

/** The codebook for sampled rows. Throws INVALID_ARGUMENT for none. */
export function trainOnRows(
  kernels: Kernels,
  samples: readonly SampledRows[],
  layout: VptqLayout,
  seed: number,
  signal?: AbortSignal,
  progress?: (share: number) => void,
): Promise<Training> {
  return trainCodebook(kernels, trainingVectors(samples, layout.vector), layout, seed, signal, progress)
}
