/**
 * Power-law tails: Clauset, Shalizi and Newman, "Power-law distributions in empirical data", SIAM Review 51, 2009. The
 * exponent α is the maximum-likelihood one above x_min (equation 3.1), x_min the value whose tail is nearest to its fit by the
 * Kolmogorov-Smirnov distance (section 3.3), and the goodness of fit p the share of synthetic sets whose own fit is worse
 * (section 4.1). Spectra of trained weights have such tails; α of 2 to 4 goes with models that generalise, larger ones with
 * weights that learned little (Martin and Mahoney, "Implicit Self-Regularization in Deep Neural Networks", JMLR 22, 2021).
 */
import { type CounterRandom, counterRandom } from '../../compute/training/philox.ts'

/** A tail of fewer values fits anything. */
export const MIN_TAIL = 10
/** Values for x_min that are tried: all of a small set, evenly spread ranks of a larger one. */
const MAX_CANDIDATES = 128

export interface PowerLaw {
  /** Exponent of the density p(x) ∝ x^−α. */
  readonly alpha: number
  /** (α − 1)/√tail. */
  readonly standardError: number
  readonly xMin: number
  /** Values at or above xMin, and all positive ones. */
  readonly tail: number
  readonly values: number
  /** Largest difference of the two distributions above xMin. */
  readonly distance: number
}

export interface GoodFit extends PowerLaw {
  /** Above 0.1 a power law is plausible, below it is not; its standard error is at most 1/(2·√sets). Null without sets. */
  readonly p: number | null
  readonly sets: number
}

/** `logarithms` ascending. */
function fitSorted(logarithms: Float64Array): { slope: number; from: number; distance: number } | null {
  const count = logarithms.length
  const last = count - MIN_TAIL
  if (last < 0) return null
  /** Sums of the logarithms from a place on. */
  const sums = new Float64Array(count + 1)
  for (let at = count - 1; at >= 0; at--) sums[at] = sums[at + 1]! + logarithms[at]!
  const stride = Math.max(1, (last + 1) / MAX_CANDIDATES)
  let best: { slope: number; from: number; distance: number } | null = null
  for (let candidate = 0; candidate <= last; candidate += stride) {
    const from = Math.floor(candidate)
    if (from > 0 && logarithms[from] === logarithms[from - 1]) continue
    const found = tailOf(logarithms, sums, from, best?.distance ?? 2)
    if (found !== null) best = found
  }
  return best
}

/** The fit above a place, or null where it is not nearer than `limit`. */
function tailOf(
  logarithms: Float64Array,
  sums: Float64Array,
  from: number,
  limit: number,
): { slope: number; from: number; distance: number } | null {
  const count = logarithms.length
  const tail = count - from
  const low = logarithms[from]!
  const excess = sums[from]! - tail * low
  if (!(excess > 0)) return null
  const slope = tail / excess
  let distance = 0
  for (let at = from; at < count && distance < limit; at++) {
    const fitted = 1 - Math.exp(-slope * (logarithms[at]! - low))
    const below = Math.abs(fitted - (at - from) / tail)
    const above = Math.abs(fitted - (at - from + 1) / tail)
    distance = Math.max(distance, below, above)
  }
  return distance < limit ? { slope, from, distance } : null
}

const sortedLogarithms = (values: ArrayLike<number>): Float64Array =>
  Float64Array.from(
    Array.from(values).filter((value) => value > 0 && Number.isFinite(value)),
    Math.log,
  ).sort()

/** The fit alone; null with fewer than MIN_TAIL different positive values. */
export function fitPowerLaw(values: ArrayLike<number>): PowerLaw | null {
  const logarithms = sortedLogarithms(values)
  const found = fitSorted(logarithms)
  if (found === null) return null
  const tail = logarithms.length - found.from
  return {
    alpha: 1 + found.slope,
    standardError: found.slope / Math.sqrt(tail),
    xMin: Math.exp(logarithms[found.from]!),
    tail,
    values: logarithms.length,
    distance: found.distance,
  }
}

/**
 * The fit with its goodness. Each of `sets` synthetic sets has as many values: each comes from the fitted tail with the share
 * that the tail has of all, and else from the values below x_min, and gets a fit of its own, x_min included.
 */
export async function fitWithGoodness(
  values: ArrayLike<number>,
  init: { sets: number; seed: number },
  pause: () => Promise<void>,
): Promise<GoodFit | null> {
  const fit = fitPowerLaw(values)
  if (fit === null) return null
  const { sets, seed } = init
  if (sets === 0) return { ...fit, p: null, sets }
  const logarithms = sortedLogarithms(values)
  let worse = 0
  for (let set = 0; set < sets; set++) {
    await pause()
    const made = synthetic(logarithms, fit, counterRandom(seed, set))
    const own = fitSorted(made)
    if (own !== null && own.distance >= fit.distance) worse++
  }
  return { ...fit, p: worse / sets, sets }
}

function synthetic(logarithms: Float64Array, { alpha, tail }: PowerLaw, random: CounterRandom): Float64Array {
  const count = logarithms.length
  const body = count - tail
  const low = logarithms[body]!
  const uniform = (at: number) => (random.word(at) + 0.5) / 2 ** 32
  return logarithms
    .map((_, at) =>
      uniform(2 * at) < tail / count
        ? low - Math.log(uniform(2 * at + 1)) / (alpha - 1)
        : logarithms[Math.floor(uniform(2 * at + 1) * body)]!,
    )
    .sort()
}
