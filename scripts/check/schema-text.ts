/** JSON schemas as types that people read: `{ id: string, done: integer ≥ 0, result?: object | null }`. */
import type { JsonSchema } from '../../node/api/routes/route.ts'

const INDENT = '  '
/** Objects that fit a line of this many characters are not broken over several. */
const MAX_LINE = 100

interface ObjectSchema {
  readonly properties?: Record<string, JsonSchema>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | JsonSchema
}

function range(minimum: unknown, maximum: unknown): string {
  const low = minimum === undefined ? null : Number(minimum)
  const high = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? null : Number(maximum)
  if (low !== null && high !== null) return ` ${low}…${high}`
  if (low !== null) return ` ≥ ${low}`
  return high === null ? '' : ` ≤ ${high}`
}

function textType({ minLength, maxLength, pattern }: JsonSchema): string {
  if (typeof pattern === 'string') return `string /${pattern}/`
  const length = range(minLength === 1 ? undefined : minLength, maxLength)
  return length === '' ? 'string' : `string (length${length})`
}

const name = (key: string) => (/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key))

function objectType(schema: ObjectSchema, indent: string): string {
  const required = new Set(schema.required ?? [])
  const fields = Object.entries(schema.properties ?? {}).map(
    ([key, value]) => `${name(key)}${required.has(key) ? '' : '?'}: ${schemaText(value, indent + INDENT)}`,
  )
  if (typeof schema.additionalProperties === 'object')
    fields.push(`[name]: ${schemaText(schema.additionalProperties, indent + INDENT)}`)
  if (fields.length === 0) return schema.additionalProperties === false ? '{}' : 'object'
  const line = `{ ${fields.join(', ')} }`
  if (line.length + indent.length <= MAX_LINE && !line.includes('\n')) return line
  return `{\n${fields.map((field) => `${indent}${INDENT}${field}`).join('\n')}\n${indent}}`
}

function alternatives(schemas: readonly JsonSchema[], indent: string): string {
  const texts = schemas.map((schema) => schemaText(schema, indent))
  return [...new Set(texts)].join(' | ')
}

/** Throws a TypeError on a keyword or type that it does not know: what is left out here would be left out of the documents. */
export function schemaText(schema: JsonSchema, indent = ''): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (Array.isArray(schema.anyOf)) return alternatives(schema.anyOf, indent)
  if (Array.isArray(schema.type))
    return alternatives(
      schema.type.map((type: string) => ({ ...schema, type })),
      indent,
    )
  switch (schema.type) {
    case undefined:
      return 'any'
    case 'null':
    case 'boolean':
      return schema.type
    case 'number':
    case 'integer':
      return `${schema.type}${range(schema.minimum, schema.maximum)}`
    case 'string':
      return textType(schema)
    case 'array': {
      const items = schemaText((schema.items ?? {}) as JsonSchema, indent)
      const count = range(schema.minItems, schema.maxItems)
      return `${/ [|…≤≥] /.test(items) && !items.startsWith('{') ? `(${items})` : items}[]${count === '' ? '' : ` (items${count})`}`
    }
    case 'object':
      return objectType(schema as ObjectSchema, indent)
    default:
      throw new TypeError(`A schema has the type ${String(schema.type)}, which is not understood`)
  }
}
