/** Whether one candidate is better than another on the same items, and what is left of that after several comparisons. Pure. */
import type { Interval } from '../../compute/evaluate/scores.ts'
import { seededRandom } from '../../compute/evaluate/seeded-random.ts'
import { bootstrapMean, mcnemar } from '../../compute/evaluate/statistics.ts'

export interface PairedComparison {
  readonly items: number
  /** Mean of second − first by item, with its 95% bootstrap interval. */
  readonly difference: Interval
  /** Items where the second did better, the same, worse. */
  readonly better: number
  readonly equal: number
  readonly worse: number
  /** `mcnemar` for items that are right or wrong, `sign-flip` for shares. */
  readonly test: 'mcnemar' | 'sign-flip'
  /** Two-sided. */
  readonly p: number
}

const FLIPS = 9_999

/**
 * Permutation test of paired differences (Fisher, 1935, section 21): were both alike, each difference could as well have the other
 * sign. Of so many random choices of signs, how many give a mean as far from 0; the given one counts too, so that p is never 0
 * (Phipson and Smyth, 2010, equation 2).
 */
export function signFlipTest(differences: readonly number[], seed: number): number {
  const moved = Float64Array.from(differences.filter((difference) => difference !== 0))
  const random = seededRandom(seed)
  const observed = Math.abs(moved.reduce((sum, difference) => sum + difference, 0))
  // Sums of the same numbers in another order differ by rounding: what is equal but for that counts as equal.
  const least = observed * (1 - 1e-12)
  let asFar = 0
  for (let flip = 0; flip < FLIPS; flip++) {
    let sum = 0
    for (const difference of moved) sum += random() < 0.5 ? difference : -difference
    if (Math.abs(sum) >= least) asFar += 1
  }
  return (asFar + 1) / (FLIPS + 1)
}

/** Scores of the same items in the same order. */
export function comparePaired(
  first: readonly number[],
  second: readonly number[],
  init: { isBinary: boolean; seed: number },
): PairedComparison {
  const differences = second.map((score, item) => score - first[item]!)
  const count = (test: (difference: number) => boolean) => differences.filter(test).length
  const [better, worse] = [count((one) => one > 0), count((one) => one < 0)]
  return {
    items: differences.length,
    difference: bootstrapMean(differences, init.seed),
    better,
    equal: differences.length - better - worse,
    worse,
    test: init.isBinary ? 'mcnemar' : 'sign-flip',
    p: init.isBinary ? mcnemar(worse, better).p : signFlipTest(differences, init.seed),
  }
}

/**
 * p-values adjusted for being several (Holm: "A Simple Sequentially Rejective Multiple Test Procedure", 1979, Scandinavian Journal of
 * Statistics 6): the smallest times n, the next times n − 1, and none below the one before it. In the order given.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = pValues.map((_, index) => index).sort((a, b) => pValues[a]! - pValues[b]!)
  const adjusted = pValues.map(() => 1)
  let least = 0
  for (const [place, index] of order.entries()) {
    least = Math.min(1, Math.max(least, pValues[index]! * (pValues.length - place)))
    adjusted[index] = least
  }
  return adjusted
}
