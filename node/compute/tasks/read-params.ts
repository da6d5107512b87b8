/** Reads the parameters of tasks and jobs, which may come from anybody: every field is named, typed and bounded. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'

export interface ParamsReader {
  text(name: string, maxLength: number): string
  /** A text of one line that shows on a terminal as what it is: without control, formatting and separating characters. */
  title(name: string, maxLength: number): string
  texts(name: string, maxItems: number, maxLength: number): string[]
  /** Null when it is absent. */
  optionalTexts(name: string, maxItems: number, maxLength: number): string[] | null
  integer(name: string, min: number, max: number, fallback?: number): number
  /** Null when it is absent. */
  optionalNumber(name: string, min: number, max: number): number | null
  /** The first of `values` when it is absent. */
  choice<T extends string>(name: string, values: readonly [T, ...T[]]): T
  flag(name: string): boolean
  object(name: string): JsonObject
  /** A list of at least one; what the items are is for the caller to check. */
  objects(name: string, maxItems: number): JsonValue[]
  optionalText(name: string, maxLength: number): string | null
  /** Throws for fields that nobody read: nothing is accepted and ignored. */
  end(): void
}

export function invalid(name: string, expected: string): VillageError {
  return new VillageError('INVALID_ARGUMENT', `"${name}" must be ${expected}`, { fields: { argument: name } })
}

/** They could move the cursor, or make a name read as another. */
const DISGUISING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

export function readParams(input: unknown): ParamsReader {
  if (!isJsonObject(input)) throw invalid('params', 'an object')
  const read = new Set<string>()
  const take = (name: string): JsonValue | undefined => {
    read.add(name)
    return Object.hasOwn(input, name) ? input[name] : undefined
  }
  const isText = (value: unknown, maxLength: number): value is string =>
    typeof value === 'string' && value.length > 0 && value.length <= maxLength
  return {
    text(name, maxLength) {
      const value = take(name)
      if (!isText(value, maxLength)) throw invalid(name, `a text of 1 to ${maxLength} characters`)
      return value
    },
    title(name, maxLength) {
      const value = this.text(name, maxLength)
      if (DISGUISING.test(value)) throw invalid(name, 'a text without control characters')
      return value
    },
    texts(name, maxItems, maxLength) {
      const value = take(name)
      if (!Array.isArray(value) || value.length === 0 || value.length > maxItems)
        throw invalid(name, `a list of 1 to ${maxItems} texts`)
      for (const item of value)
        if (!isText(item, maxLength)) throw invalid(name, `a list of 1 to ${maxItems} texts`)
      return [...value] as string[]
    },
    optionalTexts(name, maxItems, maxLength) {
      return (take(name) ?? null) === null ? null : this.texts(name, maxItems, maxLength)
    },
    integer(name, min, max, fallback) {
      const value = take(name) ?? fallback
      if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
        throw invalid(name, `a whole number from ${min} to ${max}`)
      return value as number
    },
    optionalNumber(name, min, max) {
      const value = take(name) ?? null
      if (value === null) return null
      if (typeof value !== 'number' || !(value >= min && value <= max))
        throw invalid(name, `a number from ${min} to ${max}`)
      return value
    },
    choice(name, values) {
      const value = take(name) ?? values[0]
      const found = values.find((one) => one === value)
      if (found === undefined) throw invalid(name, `one of ${values.join(', ')}`)
      return found
    },
    flag(name) {
      const value = take(name) ?? false
      if (typeof value !== 'boolean') throw invalid(name, 'true or false')
      return value
    },
    object(name) {
      const value = take(name) ?? {}
      if (!isJsonObject(value)) throw invalid(name, 'an object')
      return value
    },
    objects(name, maxItems) {
      const value = take(name)
      if (!Array.isArray(value) || value.length === 0 || value.length > maxItems)
        throw invalid(name, `a list of 1 to ${maxItems} objects`)
      return [...value]
    },
    optionalText(name, maxLength) {
      const value = take(name) ?? null
      if (value !== null && !isText(value, maxLength))
        throw invalid(name, `a text of 1 to ${maxLength} characters`)
      return value
    },
    end() {
      for (const name of Object.keys(input))
        if (!read.has(name)) throw invalid(name, 'left out: it is not known')
    },
  }
}
