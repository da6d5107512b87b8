/** Reading the data files of suites: JSON lines with named fields, bounded, and errors that name the line. */
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { readJsonLines } from './json-lines.ts'

const LIMITS = { maxLineBytes: 2 ** 20, maxFileBytes: 128 * 2 ** 20 } as const
const MAX_ROWS = 200_000

/** One row of a file, with checks that name it. */
export interface DataRow {
  readonly line: number
  readonly names: readonly string[]
  has(name: string): boolean
  text(name: string, init?: { mayBeEmpty?: boolean }): string
  texts(name: string, count?: number): string[]
  whole(name: string, min: number, max: number): number
  value(name: string): JsonValue | undefined
  error(what: string): VillageError
}

export function dataError(file: string, what: string, line?: number): VillageError {
  const at = line === undefined ? '' : `, line ${line}`
  return new VillageError('EVALUATION_DATA_INVALID', `${path.basename(file)}${at}: ${what}`, {
    fields: { file: path.basename(file), line: line ?? null },
  })
}

function rowOf(file: string, line: number, object: JsonObject): DataRow {
  const error = (what: string) => dataError(file, what, line)
  const take = (name: string) => (Object.hasOwn(object, name) ? object[name] : undefined)
  return {
    line,
    names: Object.keys(object),
    error,
    has: (name) => take(name) !== undefined,
    value: take,
    text(name, init) {
      const value = take(name)
      if (typeof value !== 'string') throw error(`"${name}" is not a text`)
      if (value === '' && init?.mayBeEmpty !== true) throw error(`"${name}" is empty`)
      return value
    },
    texts(name, count) {
      const value = take(name)
      if (!Array.isArray(value) || !value.every((one) => typeof one === 'string'))
        throw error(`"${name}" is not a list of texts`)
      if (count !== undefined && value.length !== count) throw error(`"${name}" has not ${count} texts`)
      return value as string[]
    },
    whole(name, min, max) {
      const value = take(name)
      if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
        throw error(`"${name}" is not a whole number from ${min} to ${max}`)
      return value
    },
  }
}

/** All rows of a file of JSON lines. Throws EVALUATION_DATA_INVALID. */
export function readRows<T>(file: string, parse: (row: DataRow) => T): T[] {
  const rows: T[] = []
  const error = (what: string, line?: number) => dataError(file, what, line)
  for (const { number, value } of readJsonLines(file, { ...LIMITS, error })) {
    if (!isJsonObject(value)) throw error('this is not an object', number)
    if (rows.length >= MAX_ROWS) throw error(`the file has more than ${MAX_ROWS} rows`, number)
    rows.push(parse(rowOf(file, number, value)))
  }
  if (rows.length === 0) throw error('the file has no rows')
  return rows
}

/** `limit` of `count` indexes, evenly spread, so that a part of the data is like the whole of it. */
export function spread(count: number, limit: number | undefined): number[] {
  if (limit === undefined || limit >= count) return Array.from({ length: count }, (_, index) => index)
  return Array.from({ length: limit }, (_, index) => Math.floor((index * count) / limit))
}
