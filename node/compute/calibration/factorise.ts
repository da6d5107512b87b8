/** From sums of second moments to what encoders are given. */
import type { MomentsKernels } from '../kernels/moments.ts'
import type { TensorCalibration } from './calibration-directory.ts'
import type { Moments } from './moments-file.ts'

/** Least share of the mean diagonal that is added to the diagonal (GPTQ, section 3.3): also what dead columns get. */
const MIN_DAMPING = 0.01
const MAX_DAMPING = 1

/**
 * Share of the mean diagonal that is added. Moments of few samples for their columns say what these inputs happened to
 * be, not what inputs are; shrinking them towards equal columns by cols / samples is the rate that Ledoit and Wolf (2004)
 * find for it. A layer that saw one row a text is damped strongly, one that saw every token hardly.
 */
export function dampingOf(cols: number, samples: number): number {
  return Math.min(MAX_DAMPING, MIN_DAMPING + cols / samples)
}

/**
 * Diagonal, conditional weights and error feedback of H = mean of x xᵀ + λI, λ the damping times the mean diagonal; both
 * weights with mean 1. The sums are destroyed. An input that was always zero counts like any other and has no feedback.
 *
 * Sums that no activations can have (a part of them was a lie) may not be positive definite: then the diagonal serves
 * alone, so that a peer which was believed can make a calibration worse but never make a job fail.
 */
export function calibrationOf(moments: Moments, kernels: MomentsKernels): TensorCalibration {
  const { cols, full, samples, sums } = moments
  const diagonal = new Float64Array(cols)
  for (let col = 0; col < cols; col++) diagonal[col] = sums[full ? col * cols + col : col]!
  const mean = diagonal.reduce((sum, value) => sum + value, 0) / cols
  // Measured in units of the mean, so that very small and very large activations are alike.
  const scale = mean > 0 ? 1 / mean : 0
  const damping = mean > 0 ? dampingOf(cols, samples) : MAX_DAMPING
  for (let col = 0; col < cols; col++) diagonal[col] = diagonal[col]! * scale + damping
  const plain = { cols, samples, diagonal: withMeanOne(diagonal), conditional: null, feedback: null }
  if (!full) return plain
  for (let row = 0; row < cols; row++) {
    for (let col = row + 1; col < cols; col++) sums[row * cols + col]! *= scale
    sums[row * cols + row] = diagonal[row]!
  }
  const factors = kernels.factorMoments(sums, cols)
  if (factors === null || !factors.feedback.every(Number.isFinite)) return plain
  return { ...plain, conditional: withMeanOne(factors.conditional), feedback: factors.feedback }
}

function withMeanOne(values: Float64Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Float32Array.from(values, (value) => value / mean)
}
