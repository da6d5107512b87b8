/**
 * A JSON Schema made laxer until a grammar can hold all of it: what is left says which names and types there are. What a model writes by it
 * is checked against the whole schema afterwards. Pure.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'

const MAX_DEPTH = 16
const MAX_ENUM = 256
const MAX_RANGE = 128
/** A client's schema of a kilobyte may stand for millions of parts. */
const MAX_NODES = 4_096
const TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'])
/** Nothing is said of such a value. */
const ANYTHING: JsonObject = {}

interface Walk {
  readonly isClosed: boolean
  nodes: number
}

/**
 * With `isClosed`, objects get no properties but those that are named: a grammar cannot hold others beside them. Of a schema with more
 * parts than are looked at, the rest may be anything.
 */
export function laxSchema(schema: JsonValue | undefined, { isClosed }: { isClosed: boolean }): JsonObject {
  return lax(schema, { isClosed, nodes: 0 }, 0)
}

function lax(schema: JsonValue | undefined, walk: Walk, depth: number): JsonObject {
  if (!isJsonObject(schema) || depth > MAX_DEPTH || walk.nodes >= MAX_NODES) return ANYTHING
  walk.nodes += 1
  const inner = (value: JsonValue | undefined) => lax(value, walk, depth + 1)
  if (schema.const !== undefined) return { const: schema.const }
  if (Array.isArray(schema.enum) && schema.enum.length > 0 && schema.enum.length <= MAX_ENUM)
    return { enum: schema.enum }
  const either = schema.anyOf ?? schema.oneOf
  if (Array.isArray(either) && either.length > 0) return { anyOf: either.map(inner) }
  const named = Array.isArray(schema.type) ? schema.type : [schema.type]
  const types = [...new Set(named)].filter(
    (type): type is string => typeof type === 'string' && TYPES.has(type),
  )
  if (types.length > 1) return { anyOf: types.map((type) => inner({ ...schema, type })) }
  const [type] = types
  if (type === 'object') return objectSchema(schema, walk, inner)
  if (type === 'array') return { type, ...(isJsonObject(schema.items) && { items: inner(schema.items) }) }
  if (type === 'integer') return { type, ...bounds(schema) }
  return type === undefined ? ANYTHING : { type }
}

/** Without them a small model writes digits for as long as it may. A grammar holds ranges of few numbers only. */
function bounds({ minimum, maximum }: JsonObject): JsonObject {
  if (!Number.isSafeInteger(minimum) || !Number.isSafeInteger(maximum)) return {}
  const numbers = (maximum as number) - (minimum as number)
  return numbers >= 0 && numbers < MAX_RANGE ? { minimum: minimum!, maximum: maximum! } : {}
}

function objectSchema(
  schema: JsonObject,
  { isClosed }: Pick<Walk, 'isClosed'>,
  inner: (value: JsonValue | undefined) => JsonObject,
): JsonObject {
  const given = isJsonObject(schema.properties) ? schema.properties : null
  if (given === null) return { type: 'object' }
  const properties = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, inner(value)]))
  const required = Array.isArray(schema.required)
    ? schema.required.filter((name) => typeof name === 'string' && Object.hasOwn(properties, name))
    : []
  return {
    type: 'object',
    properties,
    required,
    ...((isClosed || schema.additionalProperties === false) && { additionalProperties: false }),
  }
}
