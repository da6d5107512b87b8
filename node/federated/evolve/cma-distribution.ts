/**
 * The search distribution of CMA-ES and its update (Hansen, "The CMA Evolution Strategy: A Tutorial", 2016, arXiv 1604.00772, section 6 and
 * appendix A). Where the tutorial has the symmetric root of the covariance this has its Cholesky factor, which does the same up to a
 * rotation (Suttorp, Hansen and Igel, 2009, Machine Learning 75) and needs no eigenvectors. Pure, with sums in a fixed order.
 */
import type { JsonObject } from '../../json.ts'
import { cholesky, solveLower, timesLower } from './cholesky.ts'
import { type CmaParameters, cmaParameters } from './cma-parameters.ts'
import { exponential, power } from './exact-math.ts'

export interface Distribution extends JsonObject {
  readonly mean: readonly number[]
  readonly step: number
  /** Rows of the lower triangle; of a separable one, a row of variances. */
  readonly covariance: readonly (readonly number[])[]
  readonly isDiagonal: boolean
  readonly path: readonly number[]
  readonly stepPath: readonly number[]
  readonly updates: number
}

/** Genes are within [0, 1]: beyond this the mirrored samples are as good as uniform. */
const LARGEST_DEVIATION = 0.5

export function startDistribution(mean: readonly number[], step: number, isDiagonal: boolean): Distribution {
  const zeros = mean.map(() => 0)
  return {
    mean,
    step,
    covariance: isDiagonal
      ? [mean.map(() => 1)]
      : mean.map((_, row) => Array.from({ length: row + 1 }, (_, column) => (column === row ? 1 : 0))),
    isDiagonal,
    path: zeros,
    stepPath: zeros,
    updates: 0,
  }
}

interface Root {
  times(x: readonly number[]): number[]
  solve(y: readonly number[]): number[]
}

/** A root A of the covariance: A·Aᵀ = C. */
export function rootOf(distribution: Distribution): Root {
  if (distribution.isDiagonal) {
    const deviations = distribution.covariance[0]!.map((variance) => Math.sqrt(variance))
    return {
      times: (x) => x.map((value, index) => value * deviations[index]!),
      solve: (y) => y.map((value, index) => value / deviations[index]!),
    }
  }
  const factor = cholesky(distribution.covariance)
  // Rounding may make a very flat matrix indefinite: its diagonal alone is still of the right size.
  if (factor === null)
    return rootOf({ ...distribution, covariance: [variancesOf(distribution)], isDiagonal: true })
  return { times: (x) => timesLower(factor, x), solve: (y) => solveLower(factor, y) }
}

const variancesOf = ({ covariance, isDiagonal }: Distribution): number[] =>
  isDiagonal ? [...covariance[0]!] : covariance.map((row, index) => row[index]!)

/** The largest standard deviation of a gene. */
export const largestDeviation = (distribution: Distribution): number =>
  distribution.step * Math.sqrt(Math.max(...variancesOf(distribution)))

const norm = (x: readonly number[]): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0))

/** x with y added `factor` times. */
const plus = (x: readonly number[], factor: number, y: readonly number[]): number[] =>
  x.map((value, index) => value + factor * y[index]!)

/** keep · C + Σ share · v·vᵀ */
function blend(
  { covariance, isDiagonal }: Distribution,
  keep: number,
  added: readonly { share: number; vector: readonly number[] }[],
): number[][] {
  const entry = (value: number, i: number, j: number): number => {
    let sum = keep * value
    for (const { share, vector } of added) sum += share * vector[i]! * vector[j]!
    return sum
  }
  if (isDiagonal) return [covariance[0]!.map((value, i) => Math.max(1e-20, entry(value, i, i)))]
  return covariance.map((row, i) => row.map((value, j) => entry(value, i, j)))
}

export interface RankedSample {
  readonly genes: readonly number[]
  /** Not drawn from this distribution: its length is limited (Hansen, "Injecting External Solutions Into CMA-ES", 2011). */
  readonly isForeign: boolean
}

/** The distribution after a generation; `samples` best first, at least two. */
export function updateDistribution(
  distribution: Distribution,
  samples: readonly RankedSample[],
): Distribution {
  const { mean, step, stepPath, path, isDiagonal } = distribution
  const n = mean.length
  const parameters = cmaParameters(n, samples.length, isDiagonal)
  const root = rootOf(distribution)
  const limit = Math.sqrt(n) + (2 * n) / (n + 2)
  const steps = samples.map(({ genes, isForeign }) => {
    const vector = genes.map((value, gene) => (value - mean[gene]!) / step)
    const white = root.solve(vector)
    const length = norm(white)
    const scale = isForeign && length > limit ? limit / length : 1
    return scale === 1
      ? { vector, white, length }
      : { vector: vector.map((x) => x * scale), white: white.map((x) => x * scale), length: limit }
  })
  let [move, whiteMove] = [mean.map(() => 0), mean.map(() => 0)]
  for (const [rank, { vector, white }] of steps.entries()) {
    const weight = parameters.weights[rank]!
    if (weight <= 0) break
    move = plus(move, weight, vector)
    whiteMove = plus(whiteMove, weight, white)
  }
  return moved(distribution, parameters, { steps, move, whiteMove, path, stepPath })
}

/** Equations 43 to 47 of the tutorial. */
function moved(
  distribution: Distribution,
  parameters: CmaParameters,
  given: {
    steps: readonly { vector: number[]; length: number }[]
    move: number[]
    whiteMove: number[]
    path: readonly number[]
    stepPath: readonly number[]
  },
): Distribution {
  const { weights, muEffective, rankOne, rankMu, pathDecay, stepDecay, stepDamping, expectedNorm } =
    parameters
  const n = given.move.length
  const updates = distribution.updates + 1
  const stepPath = plus(
    given.stepPath.map((value) => (1 - stepDecay) * value),
    Math.sqrt(stepDecay * (2 - stepDecay) * muEffective),
    given.whiteMove,
  )
  const settled = Math.sqrt(1 - power(1 - stepDecay, 2 * updates))
  const isSteady = norm(stepPath) / settled < (1.4 + 2 / (n + 1)) * expectedNorm
  const path = plus(
    given.path.map((value) => (1 - pathDecay) * value),
    isSteady ? Math.sqrt(pathDecay * (2 - pathDecay) * muEffective) : 0,
    given.move,
  )
  const missed = isSteady ? 0 : pathDecay * (2 - pathDecay)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const covariance = blend(distribution, 1 + rankOne * missed - rankOne - rankMu * sum, [
    { share: rankOne, vector: path },
    ...given.steps.map(({ vector, length }, rank) => {
      const weight = weights[rank]!
      // Equation 46: a bad step counts by its direction, not by its length.
      const share = weight >= 0 ? weight : (weight * n) / (length * length + 1e-12)
      return { share: rankMu * share, vector }
    }),
  ])
  const grown =
    distribution.step *
    exponential(Math.min(1, (stepDecay / stepDamping) * (norm(stepPath) / expectedNorm - 1)))
  const next: Distribution = {
    ...distribution,
    mean: plus(distribution.mean, distribution.step, given.move),
    covariance,
    path,
    stepPath,
    step: grown,
    updates,
  }
  const largest = largestDeviation(next)
  return largest > LARGEST_DEVIATION ? { ...next, step: (grown * LARGEST_DEVIATION) / largest } : next
}
