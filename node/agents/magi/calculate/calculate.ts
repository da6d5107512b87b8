/** The calculator: an expression in, a value out, exact wherever there is an exact value. Pure, bounded, and its own parser (docs/magi.md). */
import { evaluateTree } from './evaluate.ts'
import { bitsOf, createBudget, type Numeric } from './number.ts'
import { parseExpression } from './parse.ts'

export interface Calculation {
  /** In decimal digits; the last one is rounded where not all are shown. */
  readonly value: string
  /** `MB`, `s`, `MB/s`, `%`; empty for a plain number. */
  readonly unit: string
  /** Whether the value is the exact one: no digit is missing and none was rounded. */
  readonly exact: boolean
  /** Of an exact number that has no end in decimal digits: `1/3`. Null otherwise. */
  readonly fraction: string | null
}

export const DEFAULT_DIGITS = 15
export const MAX_DIGITS = 500
/** What a double is good for. */
const DOUBLE_DIGITS = 15
/** From here on a whole number is still shown whole, a fraction no longer. */
const MAX_FRACTION_CHARACTERS = 60
const SCIENTIFIC_FROM = 21
const SCIENTIFIC_BELOW = -7

/** How many digits after the point a fraction in lowest terms has, or null where they never end. */
function decimalPlaces(bottom: bigint): number | null {
  let [rest, twos, fives] = [bottom, 0, 0]
  while (rest % 2n === 0n) [rest, twos] = [rest / 2n, twos + 1]
  while (rest % 5n === 0n) [rest, fives] = [rest / 5n, fives + 1]
  return rest === 1n ? Math.max(twos, fives) : null
}

function withPoint(digits: string, places: number): string {
  if (places === 0) return digits
  const padded = digits.padStart(places + 1, '0')
  return `${padded.slice(0, -places)}.${padded.slice(-places)}`
}

/** `places`: digits after the point of the first digit that counts, from 0: 1.5 has 0, 0.015 has -2. */
function placed(digits: string, place: number): string {
  const trimmed = digits.replace(/0+$/, '') || '0'
  if (place >= SCIENTIFIC_FROM || place < SCIENTIFIC_BELOW) {
    const rest = trimmed.slice(1)
    return `${trimmed[0]}${rest === '' ? '' : `.${rest}`}e${place < 0 ? '-' : '+'}${Math.abs(place)}`
  }
  if (place < 0) return `0.${'0'.repeat(-place - 1)}${trimmed}`
  const whole = digits.padEnd(place + 1, '0').slice(0, place + 1)
  const rest = digits.slice(place + 1).replace(/0+$/, '')
  return rest === '' ? whole : `${whole}.${rest}`
}

/** The first `digits` digits that count of `top / bottom`, rounded to nearest, and where they stand. */
function leadingDigits(top: bigint, bottom: bigint, digits: number): { text: string; place: number } {
  // Off by one at most, and put right below.
  let place = Math.floor((bitsOf(top) - bitsOf(bottom)) * Math.LOG10E * Math.LN2) + 2
  for (;;) {
    const shift = digits - 1 - place
    const scaledTop = shift >= 0 ? top * 10n ** BigInt(shift) : top
    const scaledBottom = shift >= 0 ? bottom : bottom * 10n ** BigInt(-shift)
    const rounded = (2n * scaledTop + scaledBottom) / (2n * scaledBottom)
    const text = rounded.toString()
    if (text.length === digits) return { text, place }
    if (text.length > digits) return { text: text.slice(0, digits), place: place + 1 }
    place -= digits - text.length
  }
}

function showExact(top: bigint, bottom: bigint, digits: number, unit: string): Calculation {
  const sign = top < 0n ? '-' : ''
  const size = top < 0n ? -top : top
  if (bottom === 1n) return { value: `${sign}${size}`, unit, exact: true, fraction: null }
  const places = decimalPlaces(bottom)
  if (places !== null && places <= Math.max(digits, DEFAULT_DIGITS)) {
    const text = ((size * 10n ** BigInt(places)) / bottom).toString()
    return { value: sign + withPoint(text, places), unit, exact: true, fraction: null }
  }
  const { text, place } = leadingDigits(size, bottom, digits)
  const written = `${top}/${bottom}`
  return {
    value: `${sign}${placed(text, place)}`,
    unit,
    exact: false,
    fraction: written.length <= MAX_FRACTION_CHARACTERS ? written : null,
  }
}

function show(number: Numeric, digits: number, unit: string): Calculation {
  if (number.kind === 'exact') return showExact(number.top, number.bottom, digits, unit)
  if (number.value === 0) return { value: '0', unit, exact: false, fraction: null }
  const [mantissa = '', exponent = '0'] = Math.abs(number.value)
    .toExponential(Math.min(digits, DOUBLE_DIGITS) - 1)
    .split('e')
  const value = placed(mantissa.replace('.', ''), Number(exponent))
  return { value: `${number.value < 0 ? '-' : ''}${value}`, unit, exact: false, fraction: null }
}

/**
 * `digits`: how many that count are shown of a value that has no end, 1 to 500 (of functions without an exact value at most 15).
 * Throws CALCULATION_INVALID and CALCULATION_TOO_LARGE.
 */
export function calculate(expression: string, digits: number = DEFAULT_DIGITS): Calculation {
  const { number, unit } = evaluateTree(parseExpression(expression), createBudget())
  return show(number, Math.min(MAX_DIGITS, Math.max(1, digits)), unit)
}

/** For people: `about 0.333333333333333 s (exactly 1/3 s)`. */
export function calculationText({ value, unit, exact, fraction }: Calculation): string {
  const space = unit === '' || unit === '%' ? '' : ' '
  return `${exact ? '' : 'about '}${value}${space}${unit}${fraction === null ? '' : ` (exactly ${fraction}${space}${unit})`}`
}
