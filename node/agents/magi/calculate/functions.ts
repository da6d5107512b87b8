/** Functions of the calculator: one row each. Angles are in radians. */
import {
  add,
  type Budget,
  compare,
  divide,
  double,
  exactRoot,
  floor,
  greatestDivisor,
  invalid,
  multiply,
  type Numeric,
  needWhole,
  negate,
  ONE,
  power,
  subtract,
  toDouble,
  tooLarge,
  whole,
  ZERO,
} from './number.ts'

export interface FunctionRow {
  readonly from: number
  readonly to: number
  /** `same`: takes quantities of one kind, and gives one. Otherwise it takes and gives numbers without a unit. */
  readonly units: 'none' | 'same'
  run(given: readonly Numeric[], budget: Budget): Numeric
}

const MAX_ARGUMENTS = 200
const MAX_FACTORIAL = 2000n
const MAX_CHOOSE = 5000n
const MAX_DIGITS = 1000n

const byDouble = (work: (value: number) => number): FunctionRow => ({
  from: 1,
  to: 1,
  units: 'none',
  run: ([a]) => double(work(toDouble(a!))),
})

const ofMany = (
  units: FunctionRow['units'],
  run: (given: readonly Numeric[], budget: Budget) => Numeric,
): FunctionRow => ({ from: 1, to: MAX_ARGUMENTS, units, run })

function root(value: Numeric, degree: bigint, budget: Budget): Numeric {
  if (degree < 1n) invalid('A root has a degree of 1 or more.')
  const exact = exactRoot(value, degree, budget)
  if (exact !== null) return exact
  const number = toDouble(value)
  if (number < 0 && degree % 2n === 0n) invalid('An even root of a number below zero is not a real number.')
  if (degree === 2n) return double(Math.sqrt(number))
  return double(
    degree === 3n ? Math.cbrt(number) : Math.sign(number) * Math.abs(number) ** (1 / Number(degree)),
  )
}

/** The whole exponent that gives exactly this number, or null: `log2(1024)` is 10. */
function exactLog(value: Numeric, base: Numeric, budget: Budget): Numeric | null {
  if (value.kind === 'double' || base.kind === 'double') return null
  const guess = Math.round(logOf(value) / logOf(base))
  if (!Number.isSafeInteger(guess) || Math.abs(guess) > 16_384) return null
  const back = power(base, whole(BigInt(guess)), budget)
  return compare(back, value, budget) === 0 ? whole(BigInt(guess)) : null
}

/** Natural logarithm, also of numbers beyond the range of doubles: of their leading digits, and how many there are. */
function logOf(value: Numeric): number {
  const near = toDouble(value)
  if (value.kind === 'double' || (near > Number.MIN_VALUE * 2 ** 60 && Number.isFinite(near)))
    return Math.log(near)
  const part = (all: bigint) => {
    const digits = all.toString()
    return Math.log(Number(`0.${digits.slice(0, 20)}`)) + digits.length * Math.LN10
  }
  return part(value.top) - part(value.bottom)
}

function logarithm(value: Numeric, base: Numeric, budget: Budget): Numeric {
  if (compare(value, ZERO, budget) <= 0) invalid('Only a number above zero has a logarithm.')
  if (compare(base, ZERO, budget) <= 0 || compare(base, ONE, budget) === 0)
    invalid('The base of a logarithm is above zero and not 1.')
  return exactLog(value, base, budget) ?? double(logOf(value) / logOf(base))
}

export function factorial(value: Numeric, budget: Budget): Numeric {
  const count = needWhole(value, 'What a factorial is taken of')
  if (count < 0n) invalid('A factorial is of a number of 0 or more.')
  if (count > MAX_FACTORIAL) tooLarge(`A factorial is of a number of at most ${MAX_FACTORIAL}.`)
  let result = 1n
  for (let factor = 2n; factor <= count; factor++) result *= factor
  budget.charge(result.toString(16).length * 4)
  return whole(result)
}

function choose(given: readonly Numeric[], budget: Budget): Numeric {
  const all = needWhole(given[0]!, 'A number to choose from')
  const taken = needWhole(given[1]!, 'A number to choose')
  if (all < 0n || taken < 0n) invalid('Choosing takes numbers of 0 or more.')
  if (all > MAX_CHOOSE) tooLarge(`It chooses from at most ${MAX_CHOOSE}.`)
  if (taken > all) return ZERO
  const fewer = 2n * taken < all ? taken : all - taken
  let result = 1n
  for (let step = 1n; step <= fewer; step++) result = (result * (all - fewer + step)) / step
  budget.charge(result.toString(16).length * 4)
  return whole(result)
}

function sum(given: readonly Numeric[], budget: Budget): Numeric {
  return given.reduce((total, one) => add(total, one, budget), ZERO)
}

const pick = (wanted: -1 | 1) =>
  ofMany('same', (given, budget) =>
    given.reduce((best, one) => (compare(one, best, budget) === wanted ? one : best)),
  )

function median(given: readonly Numeric[], budget: Budget): Numeric {
  const sorted = [...given].sort((a, b) => compare(a, b, budget))
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]!
  return sorted.length % 2 === 1 ? upper : divide(add(sorted[middle - 1]!, upper, budget), whole(2n), budget)
}

/** Rounds half away from zero, to so many digits after the point. */
function round(given: readonly Numeric[], budget: Budget): Numeric {
  const digits = given[1] === undefined ? 0n : needWhole(given[1], 'The number of digits')
  if (digits < 0n || digits > MAX_DIGITS) invalid(`It rounds to 0 to ${MAX_DIGITS} digits.`)
  const value = given[0]!
  const scale = whole(10n ** digits)
  const isBelow = compare(value, ZERO, budget) < 0
  const exact = value.kind === 'double' ? asWritten(value.value) : value
  const scaled = multiply(isBelow ? negate(exact) : exact, scale, budget)
  const half = divide(ONE, whole(2n), budget)
  const rounded = divide(floor(add(scaled, half, budget)), scale, budget)
  return isBelow ? negate(rounded) : rounded
}

/** A double as the shortest decimal that stands for it, so that it rounds as it reads. */
function asWritten(value: number): Numeric {
  const [mantissa = '0', exponent = '0'] = value.toString().split('e')
  const [before = '0', after = ''] = mantissa.split('.')
  const places = Number(exponent) - after.length
  const digits = BigInt(before + after)
  return places >= 0
    ? whole(digits * 10n ** BigInt(places))
    : { kind: 'exact', top: digits, bottom: 10n ** BigInt(-places) }
}

function pairwise(work: (a: bigint, b: bigint) => bigint, what: string): FunctionRow {
  return ofMany('none', (given, budget) => {
    let result = needWhole(given[0]!, what)
    for (const one of given.slice(1)) {
      result = work(result, needWhole(one, what))
      budget.charge(result.toString(16).length * 4)
    }
    return whole(result < 0n ? -result : result)
  })
}

const isNegative = (value: Numeric) => (value.kind === 'exact' ? value.top < 0n : value.value < 0)

export const FUNCTIONS: Readonly<Record<string, FunctionRow>> = {
  sqrt: { from: 1, to: 1, units: 'none', run: ([a], budget) => root(a!, 2n, budget) },
  cbrt: { from: 1, to: 1, units: 'none', run: ([a], budget) => root(a!, 3n, budget) },
  root: {
    from: 2,
    to: 2,
    units: 'none',
    run: ([a, degree], budget) => root(a!, needWhole(degree!, 'The degree of a root'), budget),
  },
  ln: {
    from: 1,
    to: 1,
    units: 'none',
    run: ([a], budget) => {
      if (compare(a!, ZERO, budget) <= 0) invalid('Only a number above zero has a logarithm.')
      return compare(a!, ONE, budget) === 0 ? ZERO : double(logOf(a!))
    },
  },
  log2: { from: 1, to: 1, units: 'none', run: ([a], budget) => logarithm(a!, whole(2n), budget) },
  log10: { from: 1, to: 1, units: 'none', run: ([a], budget) => logarithm(a!, whole(10n), budget) },
  log: {
    from: 1,
    to: 2,
    units: 'none',
    run: ([a, base], budget) =>
      base === undefined
        ? invalid('log needs its base: write ln(x), log2(x), log10(x) or log(x, base).')
        : logarithm(a!, base, budget),
  },
  exp: byDouble(Math.exp),
  sin: byDouble(Math.sin),
  cos: byDouble(Math.cos),
  tan: byDouble(Math.tan),
  asin: byDouble(Math.asin),
  acos: byDouble(Math.acos),
  atan: byDouble(Math.atan),
  abs: { from: 1, to: 1, units: 'same', run: ([a]) => (isNegative(a!) ? negate(a!) : a!) },
  floor: { from: 1, to: 1, units: 'none', run: ([a]) => floor(a!) },
  ceil: { from: 1, to: 1, units: 'none', run: ([a]) => negate(floor(negate(a!))) },
  round: { from: 1, to: 2, units: 'none', run: round },
  min: pick(-1),
  max: pick(1),
  sum: ofMany('same', sum),
  mean: ofMany('same', (given, budget) => divide(sum(given, budget), whole(BigInt(given.length)), budget)),
  median: ofMany('same', median),
  gcd: pairwise(greatestDivisor, 'What gcd takes'),
  lcm: pairwise((a, b) => (a === 0n || b === 0n ? 0n : (a / greatestDivisor(a, b)) * b), 'What lcm takes'),
  factorial: { from: 1, to: 1, units: 'none', run: ([a], budget) => factorial(a!, budget) },
  choose: { from: 2, to: 2, units: 'none', run: choose },
  hypot: {
    from: 2,
    to: 2,
    units: 'none',
    run: ([a, b], budget) =>
      root(add(multiply(a!, a!, budget), multiply(b!, b!, budget), budget), 2n, budget),
  },
  pow: { from: 2, to: 2, units: 'none', run: ([a, b], budget) => power(a!, b!, budget) },
  diff: { from: 2, to: 2, units: 'same', run: ([a, b], budget) => subtract(a!, b!, budget) },
}

/** Other names people write. */
export const ALIASES: Readonly<Record<string, string>> = {
  avg: 'mean',
  average: 'mean',
  ceiling: 'ceil',
  ncr: 'choose',
  comb: 'choose',
  lb: 'log2',
  lg: 'log10',
  squareroot: 'sqrt',
}

export const CONSTANTS: Readonly<Record<string, number>> = {
  pi: Math.PI,
  π: Math.PI,
  e: Math.E,
}
