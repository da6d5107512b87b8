/** Confidence intervals and paired tests over per-item scores. Pure: equal inputs and seed give equal figures. */
import type { Interval } from './scores.ts'
import { seededRandom } from './seeded-random.ts'

const RESAMPLES = 2000
/** 97.5% quantile of the standard normal distribution. */
const Z = 1.959963984540054

/** A share of `count` with Wilson's 95% interval (Wilson, 1927, JASA 22). */
export function wilson(successes: number, count: number): Interval {
  if (count === 0) return { value: Number.NaN, low: 0, high: 1 }
  const share = successes / count
  const square = Z ** 2 / count
  const middle = (share + square / 2) / (1 + square)
  const half = (Z / (1 + square)) * Math.sqrt((share * (1 - share)) / count + square / (4 * count))
  // At 0 and 1 one end is the share itself, which rounding would miss.
  const low = successes === 0 ? 0 : Math.max(0, middle - half)
  const high = successes === count ? 1 : Math.min(1, middle + half)
  return { value: share, low, high }
}

/**
 * A statistic of items with its 95% percentile bootstrap (Efron and Tibshirani, 1993, chapter 13): the items are drawn
 * anew with replacement, and the statistic is given how often each was drawn.
 */
export function bootstrap(
  count: number,
  statistic: (times: Uint32Array) => number,
  init: { seed: number; resamples?: number },
): Interval {
  const random = seededRandom(init.seed)
  const times = new Uint32Array(count)
  const value = statistic(times.fill(1))
  const drawn: number[] = []
  for (let i = 0; i < (init.resamples ?? RESAMPLES); i++) {
    times.fill(0)
    for (let item = 0; item < count; item++) times[Math.floor(random() * count)]!++
    const sample = statistic(times)
    if (!Number.isNaN(sample)) drawn.push(sample)
  }
  drawn.sort((a, b) => a - b)
  const at = (share: number) => drawn[Math.min(drawn.length - 1, Math.floor(share * drawn.length))] ?? value
  return { value, low: at(0.025), high: at(0.975) }
}

/** The mean of weighted values, by how often each was drawn. */
export function weightedMean(values: Float64Array, weights: Float64Array | null) {
  return (times: Uint32Array): number => {
    let sum = 0
    let total = 0
    for (const [item, count] of times.entries()) {
      if (count === 0) continue
      const weight = count * (weights === null ? 1 : weights[item]!)
      sum += weight * values[item]!
      total += weight
    }
    return sum / total
  }
}

export const bootstrapMean = (values: readonly number[], seed: number): Interval =>
  bootstrap(values.length, weightedMean(Float64Array.from(values), null), { seed })

export interface McNemar {
  /** Items that only the first got right, and only the second. */
  readonly onlyFirst: number
  readonly onlySecond: number
  /** Two-sided p-value of the exact test: both counts equally likely. */
  readonly p: number
}

/**
 * McNemar's exact test (McNemar, 1947, Psychometrika 12; Fay, 2010, R Journal 2): of the items on which the two differ, as
 * many should go one way as the other. Two-sided binomial, doubled and at most 1.
 */
export function mcnemar(onlyFirst: number, onlySecond: number): McNemar {
  const discordant = onlyFirst + onlySecond
  const less = Math.min(onlyFirst, onlySecond)
  // Terms of the binomial distribution by their logarithms: 2^-discordant alone is below every double from 1075 on.
  let logTerm = -discordant * Math.LN2
  let tail = 0
  for (let k = 0; k <= less; k++) {
    tail += Math.exp(logTerm)
    logTerm += Math.log(discordant - k) - Math.log(k + 1)
  }
  return { onlyFirst, onlySecond, p: Math.min(1, 2 * tail) }
}
