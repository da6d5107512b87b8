/**
 * What many noisy rounds together give away: Rényi differential privacy of the subsampled Gaussian mechanism, for clients drawn by Poisson sampling
 * (each with probability q, independently) and noise of standard deviation σ times the clipping norm, adjacent meaning one client more or less.
 *
 *   by round   Mironov, Talwar, Zhang 2019, arXiv 1908.10530, section 3.3: integer orders by the binomial sum, others by two series
 *   together   the sum over the rounds (Mironov 2017, arXiv 1702.07476, proposition 1)
 *   to (ε, δ)  Canonne, Kamath, Steinke 2020, arXiv 2004.00010, proposition 12, least over the orders
 *
 * Without sampling (q = 1) it is order / (2σ²). Everything is computed as logarithms, so that small σ overflow nothing.
 */
import { VillageError } from '../../errors.ts'
import { logErfc } from './log-erfc.ts'

export interface PrivateRounds {
  /** q, the probability of each client to be in a round; 1 where clients are not drawn by Poisson sampling. */
  readonly samplingRate: number
  /** σ: standard deviation of the noise on the sum, divided by the clipping norm. */
  readonly noiseMultiplier: number
  readonly rounds: number
}

/** Fine where the best orders of useful settings lie, coarse above. */
export const ORDERS: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 54 }, (_, i) => 11 + i),
  72,
  80,
  96,
  112,
  128,
  160,
  192,
  256,
  320,
  384,
  512,
  768,
  1024,
  2048,
  4096,
]

function logAdd(a: number, b: number): number {
  const high = Math.max(a, b)
  return high === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(Math.min(a, b) - high))
}

/** ln(eᵃ − eᵇ) for a ≥ b. */
function logSubtract(a: number, b: number): number {
  return a === b ? Number.NEGATIVE_INFINITY : a + Math.log(-Math.expm1(b - a))
}

/** ln A for a whole order: Σₖ C(α, k) (1 − q)^(α−k) qᵏ exp((k² − k) / 2σ²). */
function logMomentOfInteger(q: number, sigma: number, order: number): number {
  let sum = Number.NEGATIVE_INFINITY
  let logBinomial = 0
  for (let k = 0; k <= order; k++) {
    const weight = logBinomial + k * Math.log(q) + (order - k) * Math.log1p(-q)
    sum = logAdd(sum, weight + (k * k - k) / (2 * sigma * sigma))
    logBinomial += Math.log((order - k) / (k + 1))
  }
  return sum
}

/**
 * Where a series ends: a term this much below its sum, in logarithms. Terms fall like a power of k and their signs alternate, so that what is left out is
 * less than the last one: 10⁻¹³ of the sum.
 */
const NEGLIGIBLE = -30
const MAX_TERMS = 100_000

/**
 * ln A for an order that is not whole: the expectation is split at the point where both densities of the mixture weigh alike, and
 * each half is a binomial series with normal tail probabilities (section 3.3 of the paper). The signs of the terms alternate from
 * k > α on, so positive and negative terms are summed apart.
 */
function logMomentOfFraction(q: number, sigma: number, order: number): number {
  const split = sigma * sigma * Math.log(1 / q - 1) + 0.5
  const positive = { sum: Number.NEGATIVE_INFINITY }
  const negative = { sum: Number.NEGATIVE_INFINITY }
  let logBinomial = 0
  let sign = 1
  for (let k = 0; k < MAX_TERMS; k++) {
    const rest = order - k
    const tails = [
      [k, (k - split) / (Math.SQRT2 * sigma)],
      [rest, (split - rest) / (Math.SQRT2 * sigma)],
    ] as const
    // First half: (1 − q)^(α−k) qᵏ; second half: qᵅ⁻ᵏ (1 − q)ᵏ. erfc(−x) of the first is the mass below the split.
    const logTerms = tails.map(([power, at], half) => {
      const logWeight = half === 0 ? weightOf(rest, k) : weightOf(k, rest)
      return (
        logBinomial + logWeight + (power * power - power) / (2 * sigma * sigma) + Math.log(0.5) + logErfc(at)
      )
    })
    const term = logAdd(logTerms[0]!, logTerms[1]!)
    const side = sign > 0 ? positive : negative
    side.sum = logAdd(side.sum, term)
    if (k > order && term < Math.max(positive.sum, negative.sum) + NEGLIGIBLE) break
    logBinomial += Math.log(Math.abs(rest) / (k + 1))
    if (rest < 0) sign = -sign
  }
  return logSubtract(positive.sum, negative.sum)

  function weightOf(stays: number, goes: number): number {
    return stays * Math.log1p(-q) + goes * Math.log(q)
  }
}

/** Rényi divergence of one round at an order above 1. */
export function rdpOfRound(samplingRate: number, noiseMultiplier: number, order: number): number {
  if (samplingRate === 0) return 0
  if (samplingRate === 1) return order / (2 * noiseMultiplier * noiseMultiplier)
  const logMoment = Number.isInteger(order)
    ? logMomentOfInteger(samplingRate, noiseMultiplier, order)
    : logMomentOfFraction(samplingRate, noiseMultiplier, order)
  return Math.max(0, logMoment / (order - 1))
}

/** (ε, δ) of a mechanism whose Rényi divergence at `order` is `rdp`. Never below 0. */
export function epsilonOfRdp(rdp: number, order: number, delta: number): number {
  return Math.max(0, rdp + Math.log1p(-1 / order) - (Math.log(delta) + Math.log(order)) / (order - 1))
}

function check({ samplingRate, noiseMultiplier, rounds }: PrivateRounds, delta: number): void {
  const wrong = !(samplingRate >= 0 && samplingRate <= 1)
    ? 'the sampling rate lies between 0 and 1'
    : !(noiseMultiplier > 0 && Number.isFinite(noiseMultiplier))
      ? 'the noise multiplier is above 0'
      : !(Number.isSafeInteger(rounds) && rounds >= 0)
        ? 'rounds are a whole number'
        : !(delta > 0 && delta < 1)
          ? 'δ lies between 0 and 1'
          : null
  if (wrong !== null) throw new VillageError('INVALID_ARGUMENT', `Privacy cannot be accounted for: ${wrong}`)
}

export interface PrivacySpent {
  readonly epsilon: number
  /** The order that gave it. */
  readonly order: number
}

/** What a client risks over all rounds: (ε, δ). Throws INVALID_ARGUMENT. */
export function privacySpent(spent: PrivateRounds, delta: number): PrivacySpent {
  check(spent, delta)
  const { samplingRate, noiseMultiplier, rounds } = spent
  if (rounds === 0 || samplingRate === 0) return { epsilon: 0, order: Number.POSITIVE_INFINITY }
  let best: PrivacySpent = { epsilon: Number.POSITIVE_INFINITY, order: Number.NaN }
  for (const order of ORDERS) {
    const epsilon = epsilonOfRdp(rounds * rdpOfRound(samplingRate, noiseMultiplier, order), order, delta)
    if (epsilon < best.epsilon) best = { epsilon, order }
  }
  return best
}

export function epsilonOf(spent: PrivateRounds & { readonly delta: number }): number {
  return privacySpent(spent, spent.delta).epsilon
}

const LARGEST_MULTIPLIER = 1e6
const SMALLEST_MULTIPLIER = 1e-2
const RELATIVE_STEP = 1e-4

/**
 * The least noise, to a ten-thousandth, with which all rounds together stay within ε. Throws INVALID_ARGUMENT when no noise does.
 */
export function calibrateNoise(wanted: {
  readonly samplingRate: number
  readonly rounds: number
  readonly epsilon: number
  readonly delta: number
}): number {
  const { samplingRate, rounds, epsilon, delta } = wanted
  const isEnough = (noiseMultiplier: number): boolean =>
    epsilonOf({ samplingRate, noiseMultiplier, rounds, delta }) <= epsilon
  if (!(epsilon > 0) || !isEnough(LARGEST_MULTIPLIER))
    throw new VillageError('INVALID_ARGUMENT', `No noise keeps ${rounds} rounds within ε = ${epsilon}`)
  let low = SMALLEST_MULTIPLIER
  let high = LARGEST_MULTIPLIER
  while (high / low > 1 + RELATIVE_STEP) {
    const middle = Math.sqrt(low * high)
    if (isEnough(middle)) high = middle
    else low = middle
  }
  return high
}
