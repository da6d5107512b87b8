/**
 * Ranges of whole numbers in JSON Schemas, in the forms that the grammar library gets right. Of ranges that it is given as they
 * are it lets numbers through that are outside (117 to 119 for 16 to 116), so that they are written as lists of their numbers;
 * only those from 0 or 1 up to any number of nines are left to it.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { unsupported } from './schema-check.ts'

const BOUNDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum']
const MAX_LISTED = 2048
/** Where no upper bound is given: fifteen digits are exact in every JSON reader. */
const MOST = 999_999_999_999_999
const NINES = /^9+$/

function range(schema: JsonObject, path: string): JsonObject {
  const number = (keyword: string, step: number) => {
    const value = schema[keyword]
    return typeof value === 'number' ? value + step : null
  }
  const bounds = (a: string, b: string, step: number) =>
    [number(a, 0), number(b, step)].filter((value) => value !== null)
  const lows = bounds('minimum', 'exclusiveMinimum', 1)
  const highs = bounds('maximum', 'exclusiveMaximum', -1)
  const low = lows.length === 0 ? null : Math.max(...lows)
  const high = highs.length === 0 ? MOST : Math.min(...highs)
  const rest = Object.fromEntries(Object.entries(schema).filter(([keyword]) => !BOUNDS.includes(keyword)))
  if (low !== null && low > high) throw unsupported(`${path} is a range without a number`, path)
  if (low !== null && high - low < MAX_LISTED) {
    const { type: _, ...others } = rest
    return { ...others, enum: Array.from({ length: high - low + 1 }, (__, index) => low + index) }
  }
  if ((low === 0 || low === 1) && NINES.test(`${high}`)) return { ...rest, minimum: low, maximum: high }
  throw unsupported(
    `${path} is a range of whole numbers that is too wide: it may have ${MAX_LISTED} of them, or go from 0 or 1 to 9…9`,
    path,
  )
}

/** A schema that says the same of whole numbers. The schema was checked before. */
export function rewriteIntegerRanges(schema: JsonValue, path = '#'): JsonValue {
  if (!isJsonObject(schema)) return schema
  const out: Record<string, JsonValue> = { ...schema }
  for (const keyword of ['properties', '$defs', 'definitions']) {
    const parts = schema[keyword] ?? null
    if (isJsonObject(parts))
      out[keyword] = Object.fromEntries(
        Object.entries(parts).map(([name, part]) => [
          name,
          rewriteIntegerRanges(part, `${path}/${keyword}/${name}`),
        ]),
      )
  }
  for (const keyword of ['items', 'additionalProperties'])
    if (schema[keyword] !== undefined)
      out[keyword] = rewriteIntegerRanges(schema[keyword], `${path}/${keyword}`)
  for (const keyword of ['prefixItems', 'anyOf', 'allOf']) {
    const parts = schema[keyword]
    if (Array.isArray(parts))
      out[keyword] = parts.map((part, index) => rewriteIntegerRanges(part, `${path}/${keyword}/${index}`))
  }
  return BOUNDS.some((keyword) => schema[keyword] !== undefined) ? range(out, path) : out
}
