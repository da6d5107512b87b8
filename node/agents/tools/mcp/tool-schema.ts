/**
 * Schemas and descriptions that a server wrote, made safe to use: known keywords alone, no patterns (a regular expression can hold this
 * process for hours), no references to elsewhere, bounded in size and depth. The server checks its arguments itself anyway.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../../../json.ts'

const MAX_SCHEMA_BYTES = 64 * 1024
const MAX_DEPTH = 12
/** Schemas in a schema, each as often as it is referred to: a reference costs what it copies. */
const MAX_NODES = 2_048
const MAX_TEXT_UNITS = 1024

const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']
const isType = (value: JsonValue) => typeof value === 'string' && TYPES.includes(value)
const isUnique = (values: readonly JsonValue[]) => new Set(values).size === values.length
const isCount = (value: JsonValue) => Number.isInteger(value) && (value as number) >= 0

/** Copied as they are where they have the right type. */
const PLAIN: Record<string, (value: JsonValue) => boolean> = {
  type: (value) =>
    isType(value) || (Array.isArray(value) && value.length > 0 && isUnique(value) && value.every(isType)),
  enum: (value) => Array.isArray(value) && value.length > 0,
  const: () => true,
  default: () => true,
  minimum: (value) => typeof value === 'number',
  maximum: (value) => typeof value === 'number',
  exclusiveMinimum: (value) => typeof value === 'number',
  exclusiveMaximum: (value) => typeof value === 'number',
  multipleOf: (value) => typeof value === 'number' && value > 0,
  minLength: isCount,
  maxLength: isCount,
  minItems: isCount,
  maxItems: isCount,
  required: (value) => Array.isArray(value) && isUnique(value) && value.every((it) => typeof it === 'string'),
}

/** Text of a server for people and models: bounded, one line, nothing that a terminal or a prompt reads as more than text. */
export function plainText(text: string, maxUnits = MAX_TEXT_UNITS): string {
  const line = text
    .slice(0, maxUnits * 4)
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
  return line.length <= maxUnits ? line : `${line.slice(0, maxUnits - 1)}…`
}

function resolve(reference: JsonValue | undefined, root: JsonObject): JsonObject | null {
  const match = typeof reference === 'string' ? /^#\/(\$defs|definitions)\/([^/]+)$/.exec(reference) : null
  if (match === null) return null
  const table = root[match[1]!]
  const found = isJsonObject(table) ? table[match[2]!] : undefined
  return isJsonObject(found) ? found : null
}

interface Walk {
  readonly root: JsonObject
  nodesLeft: number
}

/** Null: it is deeper or larger than any honest schema. */
function copy(given: JsonValue | undefined, walk: Walk, depth: number): JsonValue | null {
  walk.nodesLeft -= 1
  if (depth > MAX_DEPTH || walk.nodesLeft < 0) return null
  if (typeof given === 'boolean') return given
  if (!isJsonObject(given)) return {}
  if (given.$ref !== undefined) {
    const found = resolve(given.$ref, walk.root)
    return found === null ? {} : copy(found, walk, depth + 1)
  }
  const kept: Record<string, JsonValue> = {}
  for (const [keyword, value] of Object.entries(given)) {
    if (PLAIN[keyword]?.(value) === true) kept[keyword] = value
    else if ((keyword === 'description' || keyword === 'title') && typeof value === 'string')
      kept[keyword] = plainText(value)
    else if (keyword === 'properties' && isJsonObject(value)) {
      const properties: [string, JsonValue][] = []
      for (const [name, schema] of Object.entries(value)) {
        const child = copy(schema, walk, depth + 1)
        if (child === null) return null
        properties.push([name, child])
      }
      kept.properties = Object.fromEntries(properties)
    } else if (keyword === 'items' || keyword === 'additionalProperties') {
      const child = copy(value, walk, depth + 1)
      if (child === null) return null
      kept[keyword] = child
    } else if (['anyOf', 'oneOf', 'allOf'].includes(keyword) && Array.isArray(value) && value.length > 0) {
      const children: JsonValue[] = []
      for (const item of value as readonly JsonValue[]) {
        const child = copy(item, walk, depth + 1)
        if (child === null) return null
        children.push(child)
      }
      kept[keyword] = children
    }
  }
  return kept
}

/** The schema of a tool's arguments, or null where it cannot be used: not of an object, too large, too deep. */
export function safeSchema(given: unknown): JsonObject | null {
  if (!isJsonObject(given) || given.type !== 'object') return null
  if (Buffer.byteLength(JSON.stringify(given)) > MAX_SCHEMA_BYTES) return null
  const kept = copy(given, { root: given, nodesLeft: MAX_NODES }, 0)
  if (!isJsonObject(kept) || Buffer.byteLength(JSON.stringify(kept)) > MAX_SCHEMA_BYTES) return null
  return { properties: {}, additionalProperties: false, ...kept }
}
