/**
 * Normal variates from uniform words by the inverse of the normal distribution (Wichura: "Algorithm AS 241: The Percentage
 * Points of the Normal Distribution", Applied Statistics 37, 1988, PPND16). One word gives one variate, and only operations
 * that IEEE 754 rounds alike everywhere are used (the logarithm is made of them here, for that of the language is not).
 */
import type { CounterRandom } from './philox.ts'

const CENTRE_ABOVE: readonly number[] = [
  2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
  1971.5909503065513, 133.14166789178438, 3.3871328727963665,
]
const CENTRE_BELOW: readonly number[] = [
  5226.495278852854, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751,
  687.1870074920579, 42.31333070160091, 1,
]
const TAIL_ABOVE: readonly number[] = [
  0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
  5.769497221460691, 4.630337846156546, 1.4234371107496835,
]
const TAIL_BELOW: readonly number[] = [
  1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
  1.6763848301838038, 2.053191626637759, 1,
]

const polynomial = (coefficients: readonly number[], x: number): number =>
  coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0)

const { LN2, SQRT2 } = Math
/** (m−1)/(m+1) is at most 0.172: the rest of the series is below 2^-53. */
const SERIES_TERMS = 12

/** Natural logarithm of a normal positive number, as 2·artanh((m−1)/(m+1)) + e·ln 2. */
export function logarithm(value: number): number {
  let exponent = 0
  let mantissa = value
  while (mantissa < SQRT2 / 2) {
    mantissa *= 2
    exponent -= 1
  }
  while (mantissa >= SQRT2) {
    mantissa /= 2
    exponent += 1
  }
  const ratio = (mantissa - 1) / (mantissa + 1)
  const square = ratio * ratio
  let sum = 0
  for (let term = SERIES_TERMS; term >= 0; term--) sum = sum * square + 1 / (2 * term + 1)
  return 2 * ratio * sum + exponent * LN2
}

/** The standard normal variate below which a 32-bit word, as a share of all words, lies. */
export function normalOfWord(word: number): number {
  const share = (word + 0.5) / 2 ** 32
  const fromMiddle = share - 0.5
  if (Math.abs(fromMiddle) <= 0.425) {
    const x = 0.180625 - fromMiddle * fromMiddle
    return (fromMiddle * polynomial(CENTRE_ABOVE, x)) / polynomial(CENTRE_BELOW, x)
  }
  // At most 4.8 for the outermost word: the far tail of the algorithm is never needed.
  const x = Math.sqrt(-logarithm(fromMiddle < 0 ? share : 1 - share)) - 1.6
  const magnitude = polynomial(TAIL_ABOVE, x) / polynomial(TAIL_BELOW, x)
  return fromMiddle < 0 ? -magnitude : magnitude
}

/** Normal variates of a standard deviation, rounded to float32: those at positions `start` and on. */
export function fillNormal(
  random: CounterRandom,
  init: { start: number; deviation: number },
  target: Float32Array,
): void {
  for (let index = 0; index < target.length; index++)
    target[index] = normalOfWord(random.word(init.start + index)) * init.deviation
}
