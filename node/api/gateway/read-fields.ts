/**
 * Reads what clients of OpenAI's API send. A field that this gateway cannot honour is refused by its name, never ignored; null stands for
 * a field that was left out, as in that API.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'

/** Throws CHAT_FIELD_UNSUPPORTED. */
export function refuse(field: string, why: string): never {
  throw new VillageError('CHAT_FIELD_UNSUPPORTED', `${field}: ${why}`, { fields: { field } })
}

const MAX_DEPTH = 64

/** Throws INVALID_ARGUMENT: what is nested deeper than any schema would exhaust the stack of whoever walks through it. */
export function checkDepth(body: JsonValue): void {
  let level: readonly JsonValue[] = [body]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) wrong('body', `may be nested ${MAX_DEPTH} levels deep`)
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? (Object.values(value) as JsonValue[]) : [],
    )
  }
}

/** Throws INVALID_ARGUMENT. */
export function wrong(field: string, should: string): never {
  throw new VillageError('INVALID_ARGUMENT', `${field} ${should}`, { fields: { field } })
}

/** Without the fields that are null. Throws INVALID_ARGUMENT for no object, CHAT_FIELD_UNSUPPORTED for other fields. */
export function objectOf(value: JsonValue | undefined, field: string, known: readonly string[]): JsonObject {
  if (!isJsonObject(value)) return wrong(field, 'must be an object')
  const present = Object.entries(value).filter(([, item]) => item !== null)
  for (const [name] of present)
    if (!known.includes(name)) refuse(`${field}.${name.slice(0, 64)}`, 'is not honoured here')
  return Object.fromEntries(present)
}

export function textOf(value: JsonValue | undefined, field: string): string {
  return typeof value === 'string' ? value : wrong(field, 'must be a text')
}

export function listOf(value: JsonValue | undefined, field: string): readonly JsonValue[] {
  return Array.isArray(value) ? value : wrong(field, 'must be a list')
}

export function flagOf(value: JsonValue | undefined, field: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  return wrong(field, 'must be true or false')
}

export function numberOf(
  value: JsonValue | undefined,
  field: string,
  range: { min: number; max: number; whole?: boolean },
): number | undefined {
  if (value === undefined) return undefined
  const { min, max, whole = false } = range
  if (typeof value === 'number' && value >= min && value <= max && (!whole || Number.isSafeInteger(value)))
    return value
  return wrong(field, `must be a ${whole ? 'whole ' : ''}number from ${min} to ${max}`)
}

export const NAME = /^[a-zA-Z0-9_-]{1,64}$/

export function nameOf(value: JsonValue | undefined, field: string): string {
  const name = textOf(value, field)
  return NAME.test(name) ? name : wrong(field, 'must be 1 to 64 of a-z, A-Z, 0-9, "_" and "-"')
}

/** Texts and lists of parts of the type given; parts are joined by line breaks. */
export function contentOf(value: JsonValue | undefined, field: string, partTypes: readonly string[]): string {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return wrong(field, 'must be a text or a list of parts')
  return value
    .map((part, index) => {
      const where = `${field}[${index}]`
      if (!isJsonObject(part)) return wrong(where, 'must be an object')
      if (!partTypes.includes(String(part.type)))
        return refuse(`${where}.type`, `only ${partTypes[0]} is honoured`)
      return textOf(objectOf(part, where, ['type', 'text', 'annotations', 'logprobs']).text, `${where}.text`)
    })
    .join('\n')
}
