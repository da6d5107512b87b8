/** Constants of CMA-ES by dimension and weights (Hansen, "The CMA Evolution Strategy: A Tutorial", 2016, arXiv 1604.00772, table 1). */
import { logarithm } from '../../compute/training/normal.ts'

export interface CmaParameters {
  /** By rank, best first; the worse half is negative. */
  readonly weights: readonly number[]
  readonly muEffective: number
  /** Learning rates of the covariance: rank one and rank µ. */
  readonly rankOne: number
  readonly rankMu: number
  /** Decay of the path of the covariance and of the path of the step size, and the damping of the latter. */
  readonly pathDecay: number
  readonly stepDecay: number
  readonly stepDamping: number
  /** Expected length of a standard normal vector. */
  readonly expectedNorm: number
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

/** (Σw)² / Σw² */
const effective = (weights: readonly number[]): number => {
  const squares = sumOf(weights.map((weight) => weight * weight))
  return squares === 0 ? 0 : (sumOf(weights) * sumOf(weights)) / squares
}

/**
 * `count`: candidates of one update, at least 2. With a diagonal covariance the learning rates are (n + 2) / 3 times as large (Ros and
 * Hansen, "A Simple Modification in CMA-ES", 2008, section 3).
 */
export function cmaParameters(dimensions: number, count: number, isDiagonal: boolean): CmaParameters {
  const n = dimensions
  const raw = Array.from({ length: count }, (_, index) => logarithm((count + 1) / 2) - logarithm(index + 1))
  const parents = Math.floor(count / 2)
  const positive = raw.slice(0, parents)
  const negative = raw.slice(parents).map((weight) => Math.min(0, weight))
  const muEffective = effective(positive)
  const faster = isDiagonal ? (n + 2) / 3 : 1
  const rankOne = Math.min(0.5, (faster * 2) / ((n + 1.3) * (n + 1.3) + muEffective))
  const rankMu = Math.min(
    1 - rankOne,
    (faster * 2 * (0.25 + muEffective + 1 / muEffective - 2)) / ((n + 2) * (n + 2) + muEffective),
  )
  // Equations 50 to 52: how much the negative weights may sum to so that the matrix stays positive definite.
  const most =
    rankMu === 0
      ? 0
      : Math.min(
          1 + rankOne / rankMu,
          1 + (2 * effective(negative)) / (muEffective + 2),
          (1 - rankOne - rankMu) / (n * rankMu),
        )
  const [total, negativeTotal] = [sumOf(positive), -sumOf(negative)]
  const stepDecay = (muEffective + 2) / (n + muEffective + 5)
  return {
    weights: [
      ...positive.map((weight) => weight / total),
      ...negative.map((weight) => (negativeTotal === 0 ? 0 : (weight * most) / negativeTotal)),
    ],
    muEffective,
    rankOne,
    rankMu,
    pathDecay: (4 + muEffective / n) / (n + 4 + (2 * muEffective) / n),
    stepDecay,
    stepDamping: 1 + 2 * Math.max(0, Math.sqrt((muEffective - 1) / (n + 1)) - 1) + stepDecay,
    expectedNorm: Math.sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n)),
  }
}
