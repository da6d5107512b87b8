/** Computes the tree of an expression. */
import { nearest } from '../../../nearest.ts'
import { ALIASES, CONSTANTS, FUNCTIONS, factorial } from './functions.ts'
import {
  add,
  type Budget,
  divide,
  double,
  fraction,
  invalid,
  modulo,
  multiply,
  type Numeric,
  needWhole,
  negate,
  ONE,
  power,
  subtract,
  whole,
} from './number.ts'
import type { Tree, UnitPart } from './parse.ts'
import { type Dimensions, isPlain, nameOf, PLAIN, type Quantity, sameDimensions, type Unit } from './units.ts'

/** In the unit that was asked for: what is shown. */
export interface Converted {
  readonly number: Numeric
  /** Empty for a plain number. */
  readonly unit: string
}

const MAX_DIMENSION = 12
const HUNDRED = whole(100n)

const plain = (number: Numeric): Quantity => ({ number, dimensions: PLAIN })

function readNumber(text: string, budget: Budget): Numeric {
  const [mantissa = '', exponent = '0'] = text.toLowerCase().split('e')
  const [before = '', after = ''] = mantissa.split('.')
  const places = Number(exponent) - after.length
  budget.charge((before.length + after.length + Math.abs(places)) * 3.33)
  const digits = BigInt(before + after)
  return places >= 0
    ? whole(digits * 10n ** BigInt(places))
    : fraction(digits, 10n ** BigInt(-places), budget)
}

function dimensions(bytes: number, seconds: number): Dimensions {
  if (Math.max(Math.abs(bytes), Math.abs(seconds)) > MAX_DIMENSION)
    invalid('The power of a unit is too large.')
  return { bytes, seconds }
}

function needSame(a: Quantity, b: Quantity, what: string): Dimensions {
  // Nothing has every unit: `0 + 5 s`.
  if (sameDimensions(a.dimensions, b.dimensions)) return a.dimensions
  const shown = (quantity: Quantity) =>
    isPlain(quantity.dimensions) ? 'a plain number' : `a quantity in ${nameOf(quantity.dimensions)}`
  return invalid(`It ${what} ${shown(a)} and ${shown(b)}.`)
}

function needPlain(quantity: Quantity, what: string): Numeric {
  return isPlain(quantity.dimensions) ? quantity.number : invalid(`${what} must be a number without a unit.`)
}

const sizeOf = ({ top, bottom }: Unit): Numeric => ({ kind: 'exact', top, bottom })

function scale(quantity: Quantity, unit: Unit, budget: Budget): Quantity {
  if (!isPlain(quantity.dimensions)) invalid('A quantity has two units after each other.')
  const factor = fraction(unit.top, unit.bottom, budget)
  return { number: multiply(quantity.number, factor, budget), dimensions: unit.dimensions }
}

function raise(base: Quantity, exponent: Quantity, budget: Budget): Quantity {
  const times = needPlain(exponent, 'An exponent')
  if (isPlain(base.dimensions)) return plain(power(base.number, times, budget))
  const whole_ = Number(needWhole(times, 'The exponent of a quantity'))
  return {
    number: power(base.number, times, budget),
    dimensions: dimensions(base.dimensions.bytes * whole_, base.dimensions.seconds * whole_),
  }
}

function sumOf(sign: '+' | '-', left: Quantity, right: Quantity, budget: Budget): Quantity {
  if (right.isPercent === true && left.isPercent !== true) {
    const share = (sign === '+' ? add : subtract)(ONE, right.number, budget)
    return { number: multiply(left.number, share, budget), dimensions: left.dimensions }
  }
  const kind = needSame(left, right, sign === '+' ? 'adds' : 'subtracts')
  const number = (sign === '+' ? add : subtract)(left.number, right.number, budget)
  return { number, dimensions: kind, isPercent: left.isPercent === true && right.isPercent === true }
}

function binary(tree: Tree & { left: Tree; right: Tree }, budget: Budget): Quantity {
  const left = quantityOf(tree.left, budget)
  const right = quantityOf(tree.right, budget)
  const [a, b] = [left.dimensions, right.dimensions]
  switch (tree.kind) {
    case '+':
    case '-':
      return sumOf(tree.kind, left, right, budget)
    case '*':
      return {
        number: multiply(left.number, right.number, budget),
        dimensions: dimensions(a.bytes + b.bytes, a.seconds + b.seconds),
      }
    case '/':
      return {
        number: divide(left.number, right.number, budget),
        dimensions: dimensions(a.bytes - b.bytes, a.seconds - b.seconds),
      }
    case 'mod':
      return {
        dimensions: needSame(left, right, 'divides'),
        number: modulo(left.number, right.number, budget),
      }
    default:
      return raise(left, right, budget)
  }
}

function unknown(what: string, name: string, known: readonly string[]): never {
  const near = nearest(name, known)
  return invalid(
    `There is no ${what} ${JSON.stringify(name.slice(0, 40))}${near === null ? '' : `; did you mean ${near}`}.`,
  )
}

function call(tree: Tree & { kind: 'call' }, budget: Budget): Quantity {
  const name = ALIASES[tree.name] ?? tree.name
  const row = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined
  if (row === undefined) return unknown('function', tree.name, Object.keys(FUNCTIONS))
  const count = tree.arguments.length
  if (count < row.from || count > row.to)
    invalid(
      `The function ${name} takes ${row.from === row.to ? row.from : `${row.from} to ${row.to}`} numbers.`,
    )
  const given = tree.arguments.map((argument) => quantityOf(argument, budget))
  const first = given[0]!
  if (row.units === 'none')
    return plain(
      row.run(
        given.map((one) => needPlain(one, `What ${name} takes`)),
        budget,
      ),
    )
  for (const one of given) needSame(first, one, 'compares')
  const numbers = given.map(({ number }) => number)
  return { number: row.run(numbers, budget), dimensions: first.dimensions }
}

function quantityOf(tree: Tree, budget: Budget): Quantity {
  switch (tree.kind) {
    case 'number':
      return plain(readNumber(tree.text, budget))
    case 'name': {
      const constant = Object.hasOwn(CONSTANTS, tree.name) ? CONSTANTS[tree.name] : undefined
      return constant === undefined
        ? unknown('unit or constant', tree.name, Object.keys(CONSTANTS))
        : plain(double(constant))
    }
    case 'call':
      return call(tree, budget)
    case 'negate': {
      const of = quantityOf(tree.of, budget)
      return { ...of, number: negate(of.number) }
    }
    case 'factorial':
      return plain(factorial(needPlain(quantityOf(tree.of, budget), 'What a factorial is taken of'), budget))
    case 'percent': {
      const number = needPlain(quantityOf(tree.of, budget), 'A percentage')
      return { number: divide(number, HUNDRED, budget), dimensions: PLAIN, isPercent: true }
    }
    case 'unit':
      return scale(quantityOf(tree.of, budget), tree.unit, budget)
    case 'convert':
      return invalid('A unit is asked for once, at the end.')
    default:
      return binary(tree, budget)
  }
}

function inUnits(quantity: Quantity, units: readonly UnitPart[], budget: Budget): Converted {
  if (units.length === 0)
    return { number: multiply(needPlain(quantity, 'A percentage'), HUNDRED, budget), unit: '%' }
  let size: Numeric = ONE
  let [bytes, seconds] = [0, 0]
  for (const { unit, times } of units) {
    size = times === 1 ? multiply(size, sizeOf(unit), budget) : divide(size, sizeOf(unit), budget)
    bytes += times * unit.dimensions.bytes
    seconds += times * unit.dimensions.seconds
  }
  const name = units.map(
    ({ unit, times }, index) => `${index === 0 ? '' : times === 1 ? '·' : '/'}${unit.name}`,
  )
  if (!sameDimensions(quantity.dimensions, { bytes, seconds }))
    invalid(
      `A quantity ${isPlain(quantity.dimensions) ? 'without a unit' : `in ${nameOf(quantity.dimensions)}`} cannot be given in ${name.join('')}.`,
    )
  return { number: divide(quantity.number, size, budget), unit: name.join('') }
}

/** Throws CALCULATION_INVALID or CALCULATION_TOO_LARGE. */
export function evaluateTree(tree: Tree, budget: Budget): Converted {
  if (tree.kind === 'convert') return inUnits(quantityOf(tree.of, budget), tree.units, budget)
  const { number, dimensions: kind, isPercent } = quantityOf(tree, budget)
  return isPercent === true
    ? { number: multiply(number, HUNDRED, budget), unit: '%' }
    : { number, unit: nameOf(kind) }
}
