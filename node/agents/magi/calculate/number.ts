/**
 * Numbers of the calculator: fractions of whole numbers of any size, exact, or doubles where a function has no exact value.
 * Every operation is charged to a budget before it is done, so that no expression takes long or holds much.
 */
import { VillageError } from '../../../errors.ts'

export type Numeric =
  /** `top / bottom`, in lowest terms, `bottom` above zero. */
  | { readonly kind: 'exact'; readonly top: bigint; readonly bottom: bigint }
  /** Good to about 15 digits. */
  | { readonly kind: 'double'; readonly value: number }

/** About 4,900 decimal digits. */
export const MAX_BITS = 16_384
/** Words of 64 bits multiplied with each other, over the whole expression: some 100 ms at worst. */
const MAX_WORK = 600_000
const WORD_BITS = 64

export interface Budget {
  /** Throws CALCULATION_TOO_LARGE where a number of so many bits is too large, or the work is used up. */
  charge(bits: number): void
}

export function tooLarge(message: string): never {
  throw new VillageError('CALCULATION_TOO_LARGE', message)
}

export function invalid(message: string): never {
  throw new VillageError('CALCULATION_INVALID', message)
}

export function createBudget(): Budget {
  let work = 0
  return {
    charge(bits) {
      if (!(bits <= MAX_BITS)) tooLarge('A number of the calculation has more than 4,900 digits.')
      work += 1 + (bits / WORD_BITS) ** 2
      if (work > MAX_WORK) tooLarge('The calculation takes too long.')
    },
  }
}

const magnitude = (value: bigint) => (value < 0n ? -value : value)
export const bitsOf = (value: bigint): number => magnitude(value).toString(16).length * 4

export function greatestDivisor(a: bigint, b: bigint): bigint {
  let [x, y] = [magnitude(a), magnitude(b)]
  while (y !== 0n) [x, y] = [y, x % y]
  return x
}

export function fraction(top: bigint, bottom: bigint, budget: Budget): Numeric {
  if (bottom === 0n) invalid('It divides by zero.')
  budget.charge(Math.max(bitsOf(top), bitsOf(bottom)))
  if (bottom === 1n) return { kind: 'exact', top, bottom }
  const divisor = greatestDivisor(top, bottom) * (bottom < 0n ? -1n : 1n)
  return { kind: 'exact', top: top / divisor, bottom: bottom / divisor }
}

export const whole = (value: bigint): Numeric => ({ kind: 'exact', top: value, bottom: 1n })
export const ZERO = whole(0n)
export const ONE = whole(1n)

export function double(value: number): Numeric {
  if (Number.isNaN(value)) invalid('It has no value among the real numbers.')
  if (!Number.isFinite(value)) tooLarge('A number of the calculation is larger than a double can hold.')
  return { kind: 'double', value }
}

/** The nearest double (ties to even), also of a fraction whose parts are far larger than one. */
export function toDouble(number: Numeric): number {
  if (number.kind === 'double') return number.value
  const { top, bottom } = number
  if (bottom === 1n) return Number(top)
  // 64 bits of the quotient or a few more, the last of them set where something is left: then it rounds once, as the whole would.
  const places = bitsOf(bottom) - bitsOf(top) + WORD_BITS + 4
  const [up, down] = places >= 0 ? [top << BigInt(places), bottom] : [top, bottom << BigInt(-places)]
  const quotient = up / down
  const sticky = up % down === 0n ? quotient : top < 0n ? -(-quotient | 1n) : quotient | 1n
  return scaled(Number(sticky), -places)
}

/** `value` times a power of two that may itself be no double. */
function scaled(value: number, exponent: number): number {
  const half = Math.trunc(exponent / 2)
  return value * 2 ** half * 2 ** (exponent - half)
}

/** Both exact: by `exactly`. Otherwise by doubles. */
function combine(
  a: Numeric,
  b: Numeric,
  exactly: (a: Numeric & { kind: 'exact' }, b: Numeric & { kind: 'exact' }) => Numeric,
  roughly: (a: number, b: number) => number,
): Numeric {
  return a.kind === 'exact' && b.kind === 'exact' ? exactly(a, b) : double(roughly(toDouble(a), toDouble(b)))
}

export function add(a: Numeric, b: Numeric, budget: Budget): Numeric {
  return combine(
    a,
    b,
    (x, y) => {
      budget.charge(bitsOf(x.top) + bitsOf(y.bottom))
      budget.charge(bitsOf(y.top) + bitsOf(x.bottom))
      return fraction(x.top * y.bottom + y.top * x.bottom, x.bottom * y.bottom, budget)
    },
    (x, y) => x + y,
  )
}

export const negate = (a: Numeric): Numeric =>
  a.kind === 'exact' ? { ...a, top: -a.top } : { ...a, value: -a.value }

export const subtract = (a: Numeric, b: Numeric, budget: Budget): Numeric => add(a, negate(b), budget)

export function multiply(a: Numeric, b: Numeric, budget: Budget): Numeric {
  return combine(
    a,
    b,
    (x, y) => {
      budget.charge(bitsOf(x.top) + bitsOf(y.top))
      return fraction(x.top * y.top, x.bottom * y.bottom, budget)
    },
    (x, y) => x * y,
  )
}

export function isZero(a: Numeric): boolean {
  return a.kind === 'exact' ? a.top === 0n : a.value === 0
}

export function divide(a: Numeric, b: Numeric, budget: Budget): Numeric {
  if (isZero(b)) invalid('It divides by zero.')
  return combine(
    a,
    b,
    (x, y) => {
      budget.charge(bitsOf(x.top) + bitsOf(y.bottom))
      return fraction(x.top * y.bottom, x.bottom * y.top, budget)
    },
    (x, y) => x / y,
  )
}

/** -1, 0 or 1. */
export function compare(a: Numeric, b: Numeric, budget: Budget): number {
  const difference = subtract(a, b, budget)
  return difference.kind === 'exact'
    ? Number(difference.top > 0n) - Number(difference.top < 0n)
    : Math.sign(difference.value)
}

/** The largest whole number that is not above it. */
export function floor(a: Numeric): Numeric {
  if (a.kind === 'double') return double(Math.floor(a.value))
  const quotient = a.top / a.bottom
  return whole(a.top % a.bottom < 0n ? quotient - 1n : quotient)
}

/** The remainder with the sign of the divisor: `-7 mod 3` is 2. */
export function modulo(a: Numeric, b: Numeric, budget: Budget): Numeric {
  return subtract(a, multiply(b, floor(divide(a, b, budget)), budget), budget)
}

/** A whole number, or CALCULATION_INVALID with `what` in the message. */
export function needWhole(a: Numeric, what: string): bigint {
  if (a.kind === 'exact' && a.bottom === 1n) return a.top
  return invalid(`${what} must be a whole number.`)
}

/** `a` to a power: exact for whole exponents, and for roots of numbers that have exact ones. */
export function power(a: Numeric, exponent: Numeric, budget: Budget): Numeric {
  if (a.kind === 'double' || exponent.kind === 'double') return double(toDouble(a) ** toDouble(exponent))
  if (exponent.bottom !== 1n) {
    if (bitsOf(exponent.bottom) > WORD_BITS) return double(toDouble(a) ** toDouble(exponent))
    const root = exactRoot(a, exponent.bottom, budget)
    return root === null
      ? double(toDouble(a) ** toDouble(exponent))
      : power(root, whole(exponent.top), budget)
  }
  const times = magnitude(exponent.top)
  if (a.top === 0n && exponent.top < 0n) invalid('It divides by zero.')
  const widest = Math.max(bitsOf(a.top), bitsOf(a.bottom))
  const isUnit = magnitude(a.top) <= 1n && a.bottom === 1n
  // Checked before it is computed: 10^10^10 would never end.
  if (!isUnit)
    budget.charge(times > BigInt(MAX_BITS) ? Number.POSITIVE_INFINITY : (widest - 3) * Number(times))
  if (isUnit) return whole(a.top === -1n && times % 2n === 0n ? 1n : times === 0n ? 1n : a.top)
  const [top, bottom] = [a.top ** times, a.bottom ** times]
  return exponent.top < 0n ? fraction(bottom, top, budget) : fraction(top, bottom, budget)
}

/** The whole `degree`-th root of a whole number, rounded down, by Newton's iteration. */
export function wholeRoot(value: bigint, degree: bigint): bigint {
  if (value < 2n) return value
  const bits = BigInt(value.toString(2).length)
  // Not below the root: from above the iteration falls until it is there.
  let guess = 1n << (bits / degree + 1n)
  for (;;) {
    const next = ((degree - 1n) * guess + value / guess ** (degree - 1n)) / degree
    if (next >= guess) return guess
    guess = next
  }
}

/** The root where it is a fraction; null where it is not, and of what has none. */
export function exactRoot(a: Numeric, degree: bigint, budget: Budget): Numeric | null {
  if (a.kind === 'double' || degree < 1n) return null
  if (a.top < 0n) {
    if (degree % 2n === 0n) return invalid('An even root of a number below zero is not a real number.')
    const positive = exactRoot(negate(a), degree, budget)
    return positive === null ? null : negate(positive)
  }
  const widest = Math.max(bitsOf(a.top), bitsOf(a.bottom))
  if (degree > BigInt(widest)) return a.top === a.bottom || a.top === 0n ? a : null
  // Some ten steps, each a power and a division of numbers of this size.
  for (let step = 0; step < 10; step++) budget.charge(widest)
  const [top, bottom] = [wholeRoot(a.top, degree), wholeRoot(a.bottom, degree)]
  return top ** degree === a.top && bottom ** degree === a.bottom ? { kind: 'exact', top, bottom } : null
}
