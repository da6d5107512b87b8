/**
 * Failures that another attempt only repeats, kept beside the files of a training: a failed task is tried once more, and the
 * second attempt need not read all data again, or train up to the same step again, to fail alike.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type ErrorCode, toVillageError, VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'

const FILE = 'failed.json'
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'TRAIN_DATA_INVALID',
  'TRAIN_DIVERGED',
  'TRAIN_MODEL_UNSUITABLE',
  'TRAIN_OPERATOR_UNSUPPORTED',
])

/** Runs `work`, or throws at once what it threw for good before. */
export async function failOnce<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const file = path.join(directory, FILE)
  if (statSync(file, { throwIfNoEntry: false }) !== undefined) throw readFailure(file)
  try {
    return await work()
  } catch (error) {
    const { code, message, fields } = toVillageError(error)
    if (FINAL.has(code)) writeFileSync(file, JSON.stringify({ code, message, fields }))
    throw error
  }
}

function readFailure(file: string): VillageError {
  const json = JSON.parse(readFileSync(file, 'utf8')) as JsonObject
  const { code, message, fields } = json
  const known = [...FINAL].find((one) => one === code)
  if (known === undefined || typeof message !== 'string' || !isJsonObject(fields ?? null))
    return new VillageError('DATA_CORRUPT', 'What a training failed with is damaged')
  return new VillageError(known, message, { fields: fields as VillageError['fields'] })
}
