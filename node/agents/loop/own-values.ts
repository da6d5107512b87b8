/**
 * Values that this node itself made in a request, such as the id of a model that it wrote: what a later call may name although the
 * asker could not know it. Only results with the trust `own` add to them.
 */
import { isJsonObject, type JsonValue } from '../../json.ts'

const MAX_VALUES = 10_000
const MAX_UNITS = 4_096

export interface OwnValues {
  add(value: JsonValue): void
  has(value: JsonValue): boolean
}

const keyOf = (value: JsonValue) => `${typeof value}:${String(value)}`

export function createOwnValues(): OwnValues {
  const known = new Set<string>()
  function add(value: JsonValue): void {
    if (Array.isArray(value)) value.forEach(add)
    else if (isJsonObject(value)) Object.values(value).forEach(add)
    else if (value === null || typeof value === 'boolean') return
    else if (known.size < MAX_VALUES && String(value).length <= MAX_UNITS) known.add(keyOf(value))
  }
  return { add, has: (value) => typeof value !== 'object' && known.has(keyOf(value)) }
}
