/**
 * Screening by a surrogate: of several proposals for a slot, the one of which a cheap model of all scores so far expects most is
 * scored for real. The model is a Gaussian process (Rasmussen and Williams, 2006, chapter 2, algorithm 2.1) with a squared
 * exponential kernel over the genes, whose length is chosen by leave-one-out error (section 5.4.2); or the k nearest
 * neighbours. What it expects is never taken for a score.
 */
import type { JsonObject } from '../../json.ts'
import { cholesky, solveLower, solveUpper } from './cholesky.ts'
import { exponential } from './exact-math.ts'
import type { OptionFields } from './option-fields.ts'

export const SCREENING_FIELDS = {
  screening: {
    type: 'choice',
    default: 'none',
    values: ['none', 'gaussian-process', 'neighbours'],
    doc: 'A cheap model of the scores so far, which chooses among several proposals for each slot.',
  },
  proposals: {
    type: 'integer',
    default: 6,
    min: 2,
    max: 64,
    doc: 'Proposals for a slot that screening chooses from.',
  },
  screened: {
    type: 'number',
    default: 0.75,
    min: 0,
    max: 1,
    doc: 'Share of the slots that are screened; the others stay free of what the model believes.',
  },
} satisfies OptionFields

export interface ScreeningOptions extends JsonObject {
  readonly screening: 'none' | 'gaussian-process' | 'neighbours'
  readonly proposals: number
  readonly screened: number
}

export interface Observation extends JsonObject {
  readonly genes: readonly number[]
  readonly value: number
}

/** The newest are kept: a Gaussian process over more takes longer than it tells. */
const MAX_OBSERVATIONS = 160
/** Below this a model knows less than chance. */
const LEAST_OBSERVATIONS = 8
const NEIGHBOURS = 5
/** Shares of the diagonal of the unit cube; the one with the least leave-one-out error is taken. */
const LENGTHS = [0.1, 0.25, 0.6]
/** Of the variance: scores of few items are noisy. */
const NOISE = 1e-2

/** Expected value by genes; null while too little is known. */
export type Expectation = (genes: readonly number[]) => number

function squaredDistance(a: readonly number[], b: readonly number[]): number {
  let sum = 0
  for (let gene = 0; gene < a.length; gene++) {
    const difference = a[gene]! - b[gene]!
    sum += difference * difference
  }
  return sum
}

function gaussianProcess(observations: readonly Observation[]): Expectation {
  const size = observations.length
  const mean = observations.reduce((sum, { value }) => sum + value, 0) / size
  const dimensions = observations[0]!.genes.length
  const distances = observations.map(({ genes }) =>
    observations.map((other) => squaredDistance(genes, other.genes)),
  )
  let best: { error: number; weights: number[]; scale: number } | null = null
  for (const length of LENGTHS) {
    const scale = 2 * length * length * dimensions
    const kernel = distances.map((row, i) =>
      row.map((distance, j) => exponential(-distance / scale) + (i === j ? NOISE : 0)),
    )
    const factor = cholesky(kernel)
    if (factor === null) continue
    const weights = solveUpper(
      factor,
      solveLower(
        factor,
        observations.map(({ value }) => value - mean),
      ),
    )
    // Leave-one-out residual: weight over the diagonal of the inverse (equation 5.12).
    let error = 0
    for (let index = 0; index < size; index++) {
      const column = solveLower(
        factor,
        weights.map((_, row) => (row === index ? 1 : 0)),
      )
      const residual = weights[index]! / column.reduce((sum, value) => sum + value * value, 0)
      error += residual * residual
    }
    if (best === null || error < best.error) best = { error, weights, scale }
  }
  if (best === null) return () => mean
  const { weights, scale } = best
  return (genes) => {
    let sum = mean
    for (let index = 0; index < size; index++)
      sum += weights[index]! * exponential(-squaredDistance(genes, observations[index]!.genes) / scale)
    return sum
  }
}

/** Mean of the nearest ones, by inverse squared distance. */
const neighbours =
  (observations: readonly Observation[]): Expectation =>
  (genes) => {
    const near = observations
      .map((observation) => ({
        distance: squaredDistance(genes, observation.genes),
        value: observation.value,
      }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, NEIGHBOURS)
    let [sum, total] = [0, 0]
    for (const { distance, value } of near) {
      const weight = 1 / (distance + 1e-9)
      sum += weight * value
      total += weight
    }
    return sum / total
  }

export function expectation(
  name: ScreeningOptions['screening'],
  observations: readonly Observation[],
): Expectation | null {
  if (name === 'none' || observations.length < LEAST_OBSERVATIONS) return null
  return name === 'neighbours' ? neighbours(observations) : gaussianProcess(observations)
}

export const observe = (
  known: readonly Observation[],
  added: readonly Observation[],
): readonly Observation[] => [...known, ...added].slice(-MAX_OBSERVATIONS)
