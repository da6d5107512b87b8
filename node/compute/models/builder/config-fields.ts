/**
 * Reading config.json of a model and the small JSON files beside it. They come from strangers: every value is checked, and
 * MODEL_CONFIG_INVALID names the file and, in `fields.field`, the key.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../../json.ts'

const MAX_FILE_BYTES = 2 ** 20

export interface ConfigFields {
  /** As it stands; undefined where it is absent or null. */
  raw(key: string): JsonValue | undefined
  /** A whole number from `min` to `max`; `absent` where the key is not there or null. */
  count(key: string, range: { min?: number; max: number; absent?: number }): number
  /** A finite number above `above` and at most `max`. */
  number(key: string, range: { above: number; max: number; absent?: number }): number
  flag(key: string, absent: boolean): boolean
  choice<T extends string>(key: string, choices: readonly T[], absent?: T): T
  /** One token or a list of them, below `vocabulary`; negative ones mean none. */
  tokens(key: string, vocabulary: number): number[]
  /** An object under a key; undefined where it is absent or null. */
  object(key: string): ConfigFields | undefined
  invalid(key: string, what: string): VillageError
}

/** The object in a JSON file, or undefined where the file is not there. Throws MODEL_CONFIG_INVALID. */
export function readConfigFile(directory: string, file: string): JsonObject | undefined {
  const json = readJsonFile(directory, file)
  if (json === undefined || isJsonObject(json)) return json
  throw invalidFile(file, 'is not a JSON object')
}

/** Any JSON of a file that is small; undefined where it is not there. */
export function readJsonFile(directory: string, file: string): JsonValue | undefined {
  const path = join(directory, file)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return undefined
  if (!stat.isFile() || stat.size > MAX_FILE_BYTES) throw invalidFile(file, 'is no file or longer than 1 MiB')
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as JsonValue
  } catch (error) {
    throw invalidFile(file, 'is not JSON', error)
  }
}

function invalidFile(file: string, what: string, cause?: unknown): VillageError {
  return new VillageError('MODEL_CONFIG_INVALID', `The file ${file} ${what}.`, {
    cause,
    fields: { file, field: '' },
  })
}

/** Readers of the keys of `json`, which came out of `file`. */
export function configFields(json: JsonObject, file: string, prefix = ''): ConfigFields {
  const raw = (key: string): JsonValue | undefined => {
    const value = Object.hasOwn(json, key) ? json[key] : undefined
    return value === null ? undefined : value
  }
  const invalid = (key: string, what: string): VillageError =>
    new VillageError('MODEL_CONFIG_INVALID', `The key "${prefix}${key}" of ${file} ${what}.`, {
      fields: { file, field: `${prefix}${key}` },
    })
  const isToken = (value: unknown, vocabulary: number): value is number =>
    typeof value === 'number' && Number.isInteger(value) && value < vocabulary

  return {
    raw,
    invalid,
    count(key, { min = 1, max, absent }) {
      const value = raw(key) ?? absent
      if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
        throw invalid(key, `is not a whole number from ${min} to ${max}`)
      return value
    },
    number(key, { above, max, absent }) {
      const value = raw(key) ?? absent
      if (typeof value !== 'number' || !(value > above && value <= max))
        throw invalid(key, `is not a number above ${above} and at most ${max}`)
      return value
    },
    flag(key, absent) {
      const value = raw(key) ?? absent
      if (typeof value !== 'boolean') throw invalid(key, 'is neither true nor false')
      return value
    },
    choice(key, choices, absent) {
      const value = raw(key) ?? absent
      const chosen = choices.find((choice) => choice === value)
      if (chosen === undefined)
        throw invalid(
          key,
          `is ${JSON.stringify(value)?.slice(0, 40) ?? 'missing'}, and only ${choices.join(', ')} can be read`,
        )
      return chosen
    },
    tokens(key, vocabulary) {
      const value = raw(key) ?? []
      const list = typeof value === 'number' ? [value] : value
      if (!Array.isArray(list) || list.length > 256 || !list.every((one) => isToken(one, vocabulary)))
        throw invalid(key, `is not a token below ${vocabulary}`)
      return list.filter((token) => token >= 0)
    },
    object(key) {
      const value = raw(key)
      if (value === undefined) return undefined
      if (!isJsonObject(value)) throw invalid(key, 'is not an object')
      return configFields(value, file, `${prefix}${key}.`)
    },
  }
}
