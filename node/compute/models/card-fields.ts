/** Reading model.json: what every kind of card checks its fields with. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { VillageError } from '../../errors.ts'
import { CARD_FILE } from './model-files.ts'

/** The adapters of a large model are some hundred modules. */
const MAX_CARD_BYTES = 2 ** 20
const MAX_TEXT = 1000
/** More layers, heads or tokens than this no model has. */
export const MAX_COUNT = 2 ** 31 - 1

export type CardJson = Readonly<Record<string, unknown>>

export const invalidCard = (field: string, cause?: unknown): VillageError =>
  new VillageError('MODEL_CARD_INVALID', `The field "${field}" of ${CARD_FILE} is not valid.`, {
    cause,
    fields: { field },
  })

/** model.json of a model directory as an object; MODEL_CARD_INVALID where it is missing, too long or not one. */
export function readCardJson(modelDir: string): CardJson {
  let json: unknown
  try {
    const bytes = readFileSync(join(modelDir, CARD_FILE))
    if (bytes.length > MAX_CARD_BYTES)
      throw new VillageError('MODEL_CARD_INVALID', `${CARD_FILE} is too long.`)
    json = JSON.parse(bytes.toString('utf8'))
  } catch (error) {
    if (error instanceof VillageError) throw error
    throw new VillageError('MODEL_CARD_INVALID', `${CARD_FILE} cannot be read.`, { cause: error })
  }
  return asCardJson(json)
}

export function asCardJson(json: unknown, field = ''): CardJson {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalidCard(field)
  return json as CardJson
}

export interface CardFields {
  text(name: string): string
  count(name: string, max?: number): number
  flag(name: string, absent?: boolean): boolean
  choice<T extends string>(name: string, choices: readonly T[], absent?: T): T
  /** A token id, or null. */
  token(name: string, vocabulary: number): number | null
}

/** Readers of the fields of one object; each throws MODEL_CARD_INVALID with the field's name. */
export function cardFields(json: CardJson, prefix = ''): CardFields {
  const get = (name: string): unknown => (Object.hasOwn(json, name) ? json[name] : undefined)
  const bad = (name: string) => invalidCard(`${prefix}${name}`)
  return {
    text(name) {
      const value = get(name)
      if (typeof value !== 'string' || value.length === 0 || value.length > MAX_TEXT) throw bad(name)
      return value
    },
    count(name, max = MAX_COUNT) {
      const value = get(name)
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) throw bad(name)
      return value
    },
    flag(name, absent) {
      const value = get(name) ?? absent
      if (typeof value !== 'boolean') throw bad(name)
      return value
    },
    choice(name, choices, absent) {
      const value = get(name) ?? absent
      const chosen = choices.find((choice) => choice === value)
      if (chosen === undefined) throw bad(name)
      return chosen
    },
    token(name, vocabulary) {
      const value = get(name)
      if (value === null) return null
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= vocabulary)
        throw bad(name)
      return value
    },
  }
}
