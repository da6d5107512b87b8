/** Cuts what a tool returned to the size that an agent is given, and says so, keeping its form as far as it goes. */
import { isJsonObject, type JsonValue } from '../../json.ts'

const sizeOf = (value: JsonValue): number => Buffer.byteLength(JSON.stringify(value))
const LEAST_UNITS = 16

/** Without half of a surrogate pair at the end. */
function cutText(text: string, units: number): string {
  if (text.length <= units) return text
  const end = /[\uD800-\uDBFF]/.test(text[units - 1] ?? '') ? units - 1 : units
  return `${text.slice(0, end)}…`
}

function shorten(value: JsonValue, units: number, items: number): JsonValue {
  if (typeof value === 'string') return cutText(value, units)
  if (Array.isArray(value)) return value.slice(0, items).map((item: JsonValue) => shorten(item, units, items))
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, Math.max(items, LEAST_UNITS))
      .map(([name, inner]) => [name, shorten(inner, units, items)]),
  )
}

/**
 * The value itself where it is at most `maxBytes` of JSON. Otherwise texts are cut at their ends and lists after their first
 * items, both by halves until it fits; an object gets `cut`, anything else is wrapped as `{ content, cut }`.
 */
export function boundContent(value: JsonValue, maxBytes: number): JsonValue {
  const sizeBytes = sizeOf(value)
  if (sizeBytes <= maxBytes) return value
  const cut = `cut: this is a part of a result of ${sizeBytes} bytes`
  const noted = (part: JsonValue): JsonValue =>
    isJsonObject(part) ? { ...part, cut } : { content: part, cut }
  for (let units = maxBytes; units >= LEAST_UNITS; units = Math.floor(units / 2)) {
    const part = noted(shorten(value, units, Math.max(1, Math.floor(units / LEAST_UNITS))))
    if (sizeOf(part) <= maxBytes) return part
  }
  return { cut: `cut: a result of ${sizeBytes} bytes was too large and of a form that cannot be shortened` }
}
