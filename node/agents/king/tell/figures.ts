/** Figures of results as people read them. All pure. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../../json.ts'

/** A field that may be missing: results are plain data, of tools that change. */
export type Field = JsonValue | undefined

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB'] as const
const STEP = 1000
const MAX_WORD_UNITS = 200

export const numberOf = (value: Field): number | null => {
  const inner = isJsonObject(value ?? null) ? (value as JsonObject).value : value
  return typeof inner === 'number' && Number.isFinite(inner) ? inner : null
}

/** On one line and without control characters: a name may have been made by anybody. */
export const wordOf = (value: Field, maxUnits = MAX_WORD_UNITS): string =>
  typeof value === 'string'
    ? value
        .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ')
        .trim()
        .slice(0, maxUnits)
    : ''

export const objectsOf = (value: Field): JsonObject[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]).filter(isJsonObject) : []

export const objectOf = (value: Field): JsonObject =>
  isJsonObject(value ?? null) ? (value as JsonObject) : {}

/** Bytes in powers of 1000, as goals name them: `4.2 MB`. */
export function sizeOf(value: Field): string | null {
  let size = numberOf(value)
  if (size === null) return null
  let unit = 0
  // 999.95 would be shown as 1000.0 of the smaller unit.
  while (Math.abs(size) >= (unit === 0 ? STEP : STEP - 0.05) && unit < UNITS.length - 1) {
    size /= STEP
    unit++
  }
  if (unit === 0) return size === 1 ? '1 byte' : `${size} bytes`
  return `${size.toFixed(1)} ${UNITS[unit]}`
}

/** A share from 0 to 1 as `99.9%`. */
export const percentOf = (value: Field): string | null => {
  const share = numberOf(value)
  return share === null ? null : `${(share * 100).toFixed(1)}%`
}

/** Three digits that count: `0.874`, `1.2e-7`. Whole numbers stay whole. */
export const shortNumber = (value: Field): string | null => {
  const number = numberOf(value)
  if (number === null) return null
  return Number.isInteger(number) ? number.toLocaleString('en-GB') : String(Number(number.toPrecision(3)))
}

const WORDS: readonly (readonly [number, string])[] = [
  [1e12, 'trillion'],
  [1e9, 'billion'],
  [1e6, 'million'],
]

/** `7.0 million parameters`, `1 job`. */
export function countOf(value: Field, noun: string): string | null {
  const count = numberOf(value)
  if (count === null) return null
  const word = WORDS.find(([from]) => count >= from)
  const said =
    word === undefined ? count.toLocaleString('en-GB') : `${(count / word[0]).toFixed(1)} ${word[1]}`
  return `${said} ${noun}${count === 1 ? '' : 's'}`
}

/** An ISO time as `2026-11-23 11:05 UTC`. */
export function timeOf(value: Field): string | null {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(ms) ? null : `${new Date(ms).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** The parts that there are, with commas. */
export const together = (...parts: readonly (string | null | undefined | false)[]): string =>
  parts.filter((part) => typeof part === 'string' && part !== '').join(', ')

const MAX_LINES = 20

/** A sentence, and a line for each of a list. */
export function listed(head: string, lines: readonly string[]): string {
  const shown = lines.slice(0, MAX_LINES).map((line) => `- ${line}`)
  const more = lines.length > MAX_LINES ? [`- … and ${lines.length - MAX_LINES} more`] : []
  return [head, ...shown, ...more].join('\n')
}
