/** Whether a winner is better than what there is on the same items: one-sided paired tests. Pure. */

import { seededRandom } from '../../compute/evaluate/seeded-random.ts'
import { bootstrapMean, mcnemar } from '../../compute/evaluate/statistics.ts'
import type { JsonObject } from '../../json.ts'

export interface SuperiorityInput {
  /** Scores by item, 0 to 1, of the same items in the same order. */
  readonly present: readonly number[]
  readonly winner: readonly number[]
  /** Items are right or wrong: McNemar's exact test; else signs are flipped. */
  readonly isBinary: boolean
  /** p has to be told apart from this. */
  readonly alpha: number
  readonly seed: number
}

export interface Superiority extends JsonObject {
  readonly items: number
  /** Mean of winner − present, with its 95% bootstrap interval. */
  readonly difference: { readonly value: number; readonly low: number; readonly high: number }
  readonly better: number
  readonly equal: number
  readonly worse: number
  readonly test: 'mcnemar' | 'sign-flip'
  /** One-sided: the chance of so much better, were both alike. */
  readonly p: number
}

const MIN_FLIPS = 9_999
/** A p-value at the threshold rests on so many flips. */
const FLIPS_AT_ALPHA = 50
/** Of random signs altogether: a few seconds of a worker thread. */
const MAX_SIGNS = 200_000_000

function flipsFor(alpha: number, moved: number): number {
  const wanted = Math.max(MIN_FLIPS, Math.ceil(FLIPS_AT_ALPHA / alpha))
  return Math.max(MIN_FLIPS, Math.min(wanted, Math.floor(MAX_SIGNS / Math.max(1, moved))))
}

/**
 * As signFlipTest() of evolve/paired-test.ts, but one-sided: of random choices of signs, how many give a sum as high; the given one counts
 * too (Phipson and Smyth, 2010, equation 2), so that too few flips can only keep what there is.
 */
function signFlipAbove(differences: readonly number[], alpha: number, seed: number): number {
  const moved = Float64Array.from(differences.filter((difference) => difference !== 0))
  const observed = moved.reduce((sum, difference) => sum + difference, 0)
  const least = observed - Math.abs(observed) * 1e-12
  const flips = flipsFor(alpha, moved.length)
  const random = seededRandom(seed)
  let asHigh = 0
  for (let flip = 0; flip < flips; flip++) {
    let sum = 0
    for (const difference of moved) sum += random() < 0.5 ? difference : -difference
    if (sum >= least) asHigh += 1
  }
  return (asHigh + 1) / (flips + 1)
}

/** mcnemar() doubles the tail on the side of the fewer. */
function mcnemarAbove(worse: number, better: number): number {
  return better > worse ? mcnemar(worse, better).p / 2 : 1
}

/** The p-value alone: the chance of so much better, were both alike. */
export function superiorityP({ present, winner, isBinary, alpha, seed }: SuperiorityInput): number {
  const differences = winner.map((score, item) => score - present[item]!)
  const count = (test: (difference: number) => boolean) => differences.filter(test).length
  return isBinary
    ? mcnemarAbove(
        count((one) => one < 0),
        count((one) => one > 0),
      )
    : signFlipAbove(differences, alpha, seed)
}

export function testSuperiority(input: SuperiorityInput): Superiority {
  const { present, winner, isBinary, seed } = input
  const differences = winner.map((score, item) => score - present[item]!)
  const better = differences.filter((one) => one > 0).length
  const worse = differences.filter((one) => one < 0).length
  return {
    items: differences.length,
    difference: { ...bootstrapMean(differences, seed) },
    better,
    equal: differences.length - better - worse,
    worse,
    test: isBinary ? 'mcnemar' : 'sign-flip',
    p: superiorityP(input),
  }
}
