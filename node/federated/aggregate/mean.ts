/** The weighted mean, as it is and with bounded norms. */
import type { AggregationRule, RuleContext, RuleOutcome } from './rule.ts'
import { NOBODY } from './rule.ts'
import { chunks, screenUpdates, type UpdateSource } from './update-source.ts'

/** The value in the middle; of an even number, the mean of the two. Sorts a copy. */
export function medianOf(values: Iterable<number>): number {
  const sorted = Float64Array.from(values).sort()
  const upper = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[upper]! : (sorted[upper - 1]! + sorted[upper]!) / 2
}

/** Writes the sum of the updates, each times its factor; sums in float64, in the order of the clients. */
export function weightedSum(source: UpdateSource, factors: readonly number[], target: Float32Array): void {
  for (const { start, length, rows } of chunks(source))
    for (let at = 0; at < length; at++) {
      let sum = 0
      for (let client = 0; client < rows.length; client++) sum += factors[client]! * rows[client]![at]!
      target[start + at] = sum
    }
}

/** The share of each client by its weight, where no weight counts for more than `maxRatio` times the median one (null: no bound). */
function shares(weights: readonly number[], maxRatio: number | null): number[] {
  const cap = maxRatio === null ? Number.POSITIVE_INFINITY : maxRatio * medianOf(weights)
  const capped = weights.map((weight) => Math.min(weight, cap))
  const total = capped.reduce((sum, weight) => sum + weight, 0)
  // A median of 0 (most clients claim no data) caps everything to 0: then all count alike.
  return total > 0 ? capped.map((weight) => weight / total) : weights.map(() => 1 / weights.length)
}

const MAX_WEIGHT_RATIO = {
  default: null,
  minimum: 1,
  maximum: 1e9,
  integer: false,
  doc: 'a weight counts for at most so many times the median weight (weights are what clients claim); null: no bound',
} as const

export const meanRule: AggregationRule = {
  name: 'mean',
  title: 'mean, weighted by tokens or examples',
  source: 'McMahan et al. 2017, arXiv 1602.05629, algorithm 1',
  needs: 'sum',
  isWeighted: true,
  isRobust: false,
  options: { maxWeightRatio: MAX_WEIGHT_RATIO },
  minimumClients: (adversaries) => (adversaries === 0 ? 1 : Number.POSITIVE_INFINITY),
  aggregate(source, { weights, options }, target) {
    weightedSum(source, shares(weights, options.maxWeightRatio ?? null), target)
    return NOBODY
  },
}

function boundNorms(source: UpdateSource, context: RuleContext, target: Float32Array): RuleOutcome {
  const { norms } = screenUpdates(source, null)
  const bound = context.options.bound ?? medianOf(norms)
  const byWeight = shares(context.weights, context.options.maxWeightRatio ?? null)
  const clipped: number[] = []
  const factors = byWeight.map((share, client) => {
    if (norms[client]! <= bound) return share
    clipped.push(client)
    return (share * bound) / norms[client]!
  })
  weightedSum(source, factors, target)
  return { excluded: [], clipped }
}

export const normBoundRule: AggregationRule = {
  name: 'norm-bound',
  title: 'weighted mean of updates scaled down to a norm',
  source: 'Sun et al. 2019, arXiv 1911.07963, section 4',
  needs: 'bounded-sum',
  isWeighted: true,
  // One adversary moves it by at most its share of twice the bound: limits scaled updates, not the direction of many small ones.
  isRobust: false,
  options: {
    bound: {
      default: null,
      minimum: 1e-12,
      maximum: 1e12,
      integer: false,
      doc: 'largest Euclidean norm of an update; null: the median norm of the round',
    },
    maxWeightRatio: { ...MAX_WEIGHT_RATIO, default: 10 },
  },
  minimumClients: (adversaries) => 2 * adversaries + 1,
  aggregate: boundNorms,
}
