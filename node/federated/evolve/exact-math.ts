/**
 * Functions that ECMAScript leaves to the implementation (Math.exp, Math.pow may differ between engines and versions), made of
 * operations that IEEE 754 rounds alike everywhere: members of a run must agree on every bit of what a strategy computes. The
 * logarithm is in compute/training/normal.ts; sqrt, +, −, ×, ÷ and floor are exact in the language already.
 */
import { logarithm } from '../../compute/training/normal.ts'

/** ln 2 in two parts (fdlibm): the first has 33 bits, so that its product with an exponent is exact. */
const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10
const PER_LN2 = Math.LOG2E
/** |x| ≤ ln 2 / 2: the next term of the series is below 2^-58. */
const SERIES_TERMS = 14
/** Beyond these exp is 0 or infinite in double precision. */
const LARGEST = 709.782712893384
const SMALLEST = -745.1332191019412

/** 2^exponent for whole exponents from −1074 to 1023, exactly. */
function powerOfTwo(exponent: number): number {
  let result = 1
  let base = exponent < 0 ? 0.5 : 2
  for (let left = exponent < 0 ? -exponent : exponent; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result *= base
    base *= base
  }
  return result
}

/** e^x, within 4e-16 of its value relatively. */
export function exponential(x: number): number {
  if (Number.isNaN(x)) return Number.NaN
  if (x > LARGEST) return Number.POSITIVE_INFINITY
  if (x < SMALLEST) return 0
  const exponent = Math.floor(x * PER_LN2 + 0.5)
  const rest = x - exponent * LN2_HIGH - exponent * LN2_LOW
  let sum = 1
  for (let term = SERIES_TERMS; term >= 1; term--) sum = 1 + (sum * rest) / term
  // In two steps: 2^1024 and what is below 2^-1022 are no factors of their own.
  const half = Math.floor(exponent / 2)
  return sum * powerOfTwo(half) * powerOfTwo(exponent - half)
}

/** base^exponent for a base of 0 or more, within (4 + |exponent · ln base|) · 2e-16 relatively. */
export function power(base: number, exponent: number): number {
  if (exponent === 0) return 1
  if (base === 0) return exponent > 0 ? 0 : Number.POSITIVE_INFINITY
  return exponential(exponent * logarithm(base))
}
