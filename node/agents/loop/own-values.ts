/**
 * Values that this node itself made in a request, such as the id of a model that it wrote: what a later call may name although the
 * asker could not know it. Only results with the trust `own` add to them: of calls that change something all of it, of looks the names.
 */
import { isJsonObject, type JsonValue } from '../../json.ts'

const MAX_VALUES = 10_000
const MAX_UNITS = 4_096

export interface OwnValues {
  /** With `texts`, numbers are left out. */
  add(value: JsonValue, kinds?: 'texts'): void
  has(value: JsonValue): boolean
}

const keyOf = (value: JsonValue) => `${typeof value}:${String(value)}`

export function createOwnValues(): OwnValues {
  const known = new Set<string>()
  function add(value: JsonValue, kinds?: 'texts'): void {
    if (Array.isArray(value)) for (const one of value) add(one, kinds)
    else if (isJsonObject(value)) for (const one of Object.values(value)) add(one!, kinds)
    else if (value === null || typeof value === 'boolean') return
    else if (kinds === 'texts' && typeof value === 'number') return
    else if (known.size < MAX_VALUES && String(value).length <= MAX_UNITS) known.add(keyOf(value))
  }
  return { add, has: (value) => typeof value !== 'object' && known.has(keyOf(value)) }
}
