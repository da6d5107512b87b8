/**
 * Intrinsic dimension by the two nearest neighbours: Facco, d'Errico, Rodriguez and Laio, "Estimating the intrinsic
 * dimension of datasets by a minimal neighborhood information", Scientific Reports 7, 2017. Where the density hardly changes
 * as far as the second neighbour, μ = r₂/r₁ follows the Pareto law P(μ) = d μ^−(d+1), whatever the density is.
 */
import { counterRandom } from '../../compute/training/philox.ts'
import { type NearestPairs, nearestPairs, type Points, pickPoints } from './nearest-neighbours.ts'
import { trueDimension } from './two-nn-bias.ts'

/** Share of the largest μ that the fit leaves out, as the paper does: they are of points far from all others. */
const DISCARDED = 0.1
/** Neighbours nearer than this share of the median second distance are one point seen twice. */
const DUPLICATE_SHARE = 1e-5
/** With fewer different points nothing is said: the standard error would be above a fifth. */
export const MIN_POINTS = 25
/** Sets of half, a quarter and an eighth of the points; no smaller ones than MIN_POINTS. */
const HALVINGS = 3

export interface IntrinsicDimension {
  /**
   * The maximum-likelihood estimate with its known bias undone (two-nn-bias.ts). Null above what the correction knows
   * (about 80): then only `maximumLikelihood` says something, and the true dimension is higher.
   */
  readonly dimension: number | null
  /** (N − 1)/Σ ln μ: the unbiased form of the maximum-likelihood estimate. */
  readonly maximumLikelihood: number
  /** Slope of −ln(1 − F(μ)) over ln μ through the origin, without the largest tenth (the paper's own estimate). */
  readonly fit: number
  /** Of `maximumLikelihood`, by the asymptotic variance d²/N. */
  readonly standardError: number
  /** Different points that were used, and what was left out as seen before. */
  readonly points: number
  readonly duplicates: number
  /**
   * The estimate on thinned sets (mean over all parts of a random split), coarser from row to row: equal values say that
   * the dimension does not depend on the scale, falling ones that the finest scale is noise (the paper's figure 3).
   */
  readonly scales: readonly { readonly points: number; readonly maximumLikelihood: number }[]
}

/** (N − 1)/Σ ln μ. */
export function maximumLikelihood(ratios: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < ratios.length; at++) sum += Math.log(ratios[at]!)
  return (ratios.length - 1) / sum
}

/** Least squares through the origin on the empirical distribution, as in the paper's algorithm, steps 4 and 5. */
export function pareto(ratios: ArrayLike<number>): number {
  const logarithms = Float64Array.from(ratios as ArrayLike<number>, Math.log).sort()
  const kept = Math.floor(logarithms.length * (1 - DISCARDED))
  let above = 0
  let below = 0
  for (let at = 0; at < kept; at++) {
    above += logarithms[at]! * -Math.log(1 - (at + 1) / logarithms.length)
    below += logarithms[at]! ** 2
  }
  return above / below
}

function ratiosOf({ first, second }: NearestPairs): Float64Array {
  return second.map((distance, at) => distance / first[at]!)
}

/**
 * Needs MIN_POINTS different points, null where there are fewer. `seed` fixes the split of the scale analysis, which may be left
 * out. The time is that of the pairs: N²·dims/2 operations, 0.9 times that again for the scales.
 */
export function intrinsicDimension(
  given: Points,
  seed: number,
  init: { scales?: boolean } = {},
): IntrinsicDimension | null {
  const { points, pairs } = withoutDuplicates(given)
  if (points.count < MIN_POINTS) return null
  const ratios = ratiosOf(pairs)
  const estimate = maximumLikelihood(ratios)
  return {
    dimension: trueDimension(estimate, points.count),
    maximumLikelihood: estimate,
    fit: pareto(ratios),
    standardError: estimate / Math.sqrt(points.count),
    points: points.count,
    duplicates: given.count - points.count,
    scales: init.scales === false ? [] : scalesOf(points, seed),
  }
}

/** The sets stay one behind the other, so that every part is a random one. */
function scalesOf(points: Points, seed: number): IntrinsicDimension['scales'] {
  const order = shuffled(points.count, seed)
  const scales: { points: number; maximumLikelihood: number }[] = []
  for (let halving = 1; halving <= HALVINGS; halving++) {
    const parts = 2 ** halving
    const size = Math.floor(points.count / parts)
    if (size < MIN_POINTS) break
    let sum = 0
    for (let part = 0; part < parts; part++)
      sum += maximumLikelihood(
        ratiosOf(nearestPairs(pickPoints(points, order.subarray(part * size, (part + 1) * size)))),
      )
    scales.push({ points: size, maximumLikelihood: sum / parts })
  }
  return scales
}

/** A permutation of 0 … count − 1 (Fisher and Yates). */
export function shuffled(count: number, seed: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, at) => at)
  const random = counterRandom(seed, 0)
  for (let at = count - 1; at > 0; at--) {
    const other = Math.floor((random.word(at) / 2 ** 32) * (at + 1))
    const value = order[at]!
    order[at] = order[other]!
    order[other] = value
  }
  return order
}

/** Of points that are the same up to rounding, the first. */
function withoutDuplicates(points: Points): { points: Points; pairs: NearestPairs } {
  const pairs = nearestPairs(points)
  if (points.count < 3) return { points, pairs }
  const { first, second } = pairs
  const median = Float64Array.from(second).sort()[points.count >> 1]!
  const limit = median * DUPLICATE_SHARE
  const near = [...first.keys()].filter((at) => first[at]! <= limit)
  if (near.length === 0) return { points, pairs }
  const dropped = new Set<number>()
  const kept: number[] = []
  for (const at of near)
    if (kept.some((other) => distance(points, at, other) <= limit)) dropped.add(at)
    else kept.push(at)
  const rows = Uint32Array.from({ length: points.count }, (_, at) => at).filter((at) => !dropped.has(at))
  const different = pickPoints(points, rows)
  return { points: different, pairs: nearestPairs(different) }
}

function distance({ values, dims }: Points, a: number, b: number): number {
  let square = 0
  for (let at = 0; at < dims; at++) square += (values[a * dims + at]! - values[b * dims + at]!) ** 2
  return Math.sqrt(square)
}
