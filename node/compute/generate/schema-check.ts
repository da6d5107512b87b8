/**
 * Which JSON Schemas the grammar library honours. It passes over keywords that it does not know, and gets some wrong: here
 * every keyword is looked at first, and one that would not count is refused by name. What is accepted may be read more
 * narrowly than the schema allows (objects get no properties but those that are named), never more widely.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { writtenOutSize } from './pattern-size.ts'

const MAX_DEPTH = 64
/** A grammar of so many takes seconds to make, in which the model does nothing else. */
const MAX_KEYWORDS = 4000
const MAX_LENGTH = 4096
const MAX_ITEMS = 1000
const MAX_PATTERN_UNITS = 1024
/** Characters of a pattern with its repeats written out. */
export const MAX_PATTERN_SIZE = 2_000_000

/** They say nothing of what is valid. */
const ANNOTATIONS = new Set([
  '$schema',
  '$id',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'deprecated',
  'readOnly',
  'writeOnly',
  '$defs',
  'definitions',
])
const FORMATS = new Set([
  'date',
  'time',
  'date-time',
  'duration',
  'uuid',
  'email',
  'ipv4',
  'ipv6',
  'hostname',
  'uri',
])
const TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'])
/** Keywords that only count for values of a type. */
const OF_TYPE: Readonly<Record<string, readonly string[]>> = {
  properties: ['object'],
  required: ['object'],
  additionalProperties: ['object'],
  items: ['array'],
  prefixItems: ['array'],
  minItems: ['array'],
  maxItems: ['array'],
  minLength: ['string'],
  maxLength: ['string'],
  pattern: ['string'],
  format: ['string'],
  minimum: ['integer'],
  maximum: ['integer'],
  exclusiveMinimum: ['integer'],
  exclusiveMaximum: ['integer'],
}
/** Of these there is one at most, and nothing beside it but annotations. */
const ALONE = new Set(['$ref', 'anyOf', 'allOf', 'const'])
/** What could match quotes, backslashes or line ends, which a JSON string cannot hold as they are. */
const WIDE_PATTERN = /(?<!\\)(?:\\\\)*(?:\.|\[\^|["]|\\[SDWsx\\utnrfv0cbB]|\(\?)/

export const unsupported = (message: string, path?: string): VillageError =>
  new VillageError('CONSTRAINT_UNSUPPORTED', message, path === undefined ? {} : { fields: { field: path } })

const typeOf = (value: JsonValue): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value
}

/** Names that the library cannot put into a grammar. */
const isOddName = (name: string) =>
  Array.from(name).some((character) => character < ' ' || character === '"' || character === '\\')

/** Throws CONSTRAINT_UNSUPPORTED with the place and name of what cannot be honoured. */
export function checkSchema(schema: JsonObject): void {
  let keywords = 0

  function check(value: JsonValue | undefined, path: string, depth: number): void {
    if (typeof value === 'boolean') {
      if (!value) throw unsupported(`${path} is false, which nothing satisfies`, path)
      return
    }
    if (!isJsonObject(value ?? null)) throw unsupported(`${path} is not a schema`, path)
    if (depth > MAX_DEPTH) throw unsupported(`${path} is nested too deeply`, path)
    const one = value as JsonObject
    const counted = Object.keys(one).filter((keyword) => !ANNOTATIONS.has(keyword))
    keywords += counted.length
    if (keywords > MAX_KEYWORDS) throw unsupported('The schema is too large', path)
    for (const defs of ['$defs', 'definitions'])
      if (one[defs] !== undefined) checkAll(one[defs], `${path}/${defs}`, depth)
    const alone = counted.find((keyword) => ALONE.has(keyword))
    if (alone !== undefined && counted.length > 1)
      throw unsupported(`${path} has ${alone} beside ${counted.find((keyword) => keyword !== alone)}`, path)
    const types = typesOf(one, path)
    for (const keyword of counted) {
      const wanted = OF_TYPE[keyword]
      if (wanted !== undefined && !(types ?? []).every((type) => wanted.includes(type)))
        throw unsupported(
          `${path}/${keyword} does not count for the type ${types!.join(' or ')}`,
          `${path}/${keyword}`,
        )
      if (wanted !== undefined && types === null && wanted[0] !== 'object' && wanted[0] !== 'array')
        throw unsupported(`${path}/${keyword} needs "type": "${wanted[0]}" beside it`, `${path}/${keyword}`)
      checkKeyword(keyword, one, `${path}/${keyword}`, depth)
    }
  }

  function checkAll(value: JsonValue | undefined, path: string, depth: number): void {
    if (!isJsonObject(value ?? null)) throw unsupported(`${path} is not an object of schemas`, path)
    for (const [name, part] of Object.entries(value as JsonObject)) check(part, `${path}/${name}`, depth + 1)
  }

  function checkList(value: JsonValue | undefined, path: string, depth: number): void {
    if (!Array.isArray(value) || value.length === 0)
      throw unsupported(`${path} is not a list of schemas`, path)
    for (const [index, part] of value.entries()) check(part, `${path}/${index}`, depth + 1)
  }

  function checkKeyword(keyword: string, one: JsonObject, path: string, depth: number): void {
    const value = one[keyword]!
    const whole = (most: number) => {
      if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > most)
        throw unsupported(`${path} must be a whole number from 0 to ${most}`, path)
    }
    switch (keyword) {
      case 'type':
        return
      case 'const':
        return
      case 'enum':
        if (!Array.isArray(value) || value.length === 0)
          throw unsupported(`${path} is not a list of values`, path)
        return
      case 'properties': {
        checkAll(value, path, depth)
        const odd = Object.keys(value as JsonObject).find(isOddName)
        if (odd !== undefined) throw unsupported(`${path} has a name with a quote or a backslash`, path)
        return
      }
      case 'required': {
        const named = isJsonObject(one.properties ?? null) ? (one.properties as JsonObject) : {}
        const missing = Array.isArray(value) ? value.find((name) => !Object.hasOwn(named, String(name))) : ''
        if (missing !== undefined)
          throw unsupported(`${path} names "${String(missing)}", which has no schema`, path)
        return
      }
      case 'additionalProperties':
        if (value === false) return
        if (one.properties !== undefined)
          throw unsupported(`${path} must be false beside properties: a name could come twice`, path)
        check(value, path, depth + 1)
        return
      case 'items':
        if (value === false && one.prefixItems !== undefined) return
        check(value, path, depth + 1)
        return
      case 'prefixItems':
      case 'anyOf':
        checkList(value, path, depth)
        return
      case 'allOf':
        if (Array.isArray(value) && value.length > 1)
          throw unsupported(`${path} has more than one schema`, path)
        checkList(value, path, depth)
        return
      case '$ref':
        checkReference(String(value), path)
        return
      case 'minLength':
      case 'maxLength':
        whole(MAX_LENGTH)
        return
      case 'minItems':
      case 'maxItems':
        whole(MAX_ITEMS)
        return
      case 'minimum':
      case 'maximum':
      case 'exclusiveMinimum':
      case 'exclusiveMaximum':
        if (!Number.isSafeInteger(value)) throw unsupported(`${path} must be a whole number`, path)
        return
      case 'format':
        if (!FORMATS.has(String(value))) throw unsupported(`${path} "${String(value)}" is not known`, path)
        return
      case 'pattern':
        checkPattern(value, path)
        return
      default:
        throw unsupported(`${path} is not supported`, path)
    }
  }

  function checkPattern(value: JsonValue, path: string): void {
    if (typeof value !== 'string' || value.length > MAX_PATTERN_UNITS)
      throw unsupported(`${path} is not a pattern`, path)
    if (writtenOutSize(value) > MAX_PATTERN_SIZE) throw unsupported(`${path} repeats too much`, path)
    if (WIDE_PATTERN.test(value))
      throw unsupported(
        `${path} may use letters, digits, classes such as [a-z], \\d, \\w, groups and repeats only`,
        path,
      )
  }

  function checkReference(value: string, path: string): void {
    const at = named(value)
    if (at === undefined || value === '#')
      throw unsupported(`${path} "${value}" does not name a part of the schema`, path)
    // Nothing is valid that is only ever said to be something else.
    const seen = new Set([value])
    for (let next = soleReference(at); next !== null; next = soleReference(named(next))) {
      if (seen.has(next)) throw unsupported(`${path} "${value}" leads back to itself`, path)
      seen.add(next)
    }
  }

  /** What a reference names. */
  function named(reference: string): JsonValue | undefined {
    const [, ...parts] = reference.split('/')
    let at: JsonValue | undefined = reference.startsWith('#') ? schema : undefined
    for (const part of parts) {
      const name = decoded(part).replaceAll('~1', '/').replaceAll('~0', '~')
      at = at !== undefined && isJsonObject(at) && Object.hasOwn(at, name) ? at[name] : undefined
    }
    return at
  }

  check(schema, '#', 0)
}

/** The reference that a schema is nothing but. */
function soleReference(schema: JsonValue | undefined): string | null {
  let at = schema
  while (at !== undefined && isJsonObject(at)) {
    if (typeof at.$ref === 'string') return at.$ref
    const [one, ...others] = [at.allOf, at.anyOf].flatMap((list) => (Array.isArray(list) ? list : []))
    if (others.length > 0) return null
    at = one
  }
  return null
}

/** Without its percent signs; as it stands where they stand for nothing. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The types that a schema names, checked; null for none. Values of `enum` must be of them. */
function typesOf(one: JsonObject, path: string): readonly string[] | null {
  const { type } = one
  if (type === undefined) return null
  const types = (Array.isArray(type) ? type : [type]) as readonly JsonValue[]
  const odd = types.find((name) => typeof name !== 'string' || !TYPES.has(name))
  if (odd !== undefined || types.length === 0) throw unsupported(`${path}/type is not a type`, `${path}/type`)
  const names = types as readonly string[]
  const fits = (value: JsonValue) =>
    names.includes(typeOf(value)) || (names.includes('integer') && Number.isInteger(value))
  if (Array.isArray(one.enum) && !one.enum.every(fits))
    throw unsupported(`${path}/enum has a value of another type`, `${path}/enum`)
  return names
}
