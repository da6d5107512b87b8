/** Answers and scores of an evaluation as JSON lines: what its owner keeps beside the records. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject } from '../../json.ts'
import type { Answer, ItemScore } from './item-suite.ts'

const MAX_BYTES = 512 * 2 ** 20

export function encodeLines(rows: readonly JsonObject[]): Uint8Array {
  return new TextEncoder().encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
}

function decodeLines(bytes: Uint8Array): JsonObject[] {
  const corrupt = (cause?: unknown) =>
    new VillageError(
      'DATA_CORRUPT',
      'A stored evaluation cannot be read',
      cause === undefined ? {} : { cause },
    )
  if (bytes.length > MAX_BYTES) throw corrupt()
  try {
    return new TextDecoder('utf-8', { fatal: true })
      .decode(bytes)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const row = JSON.parse(line) as unknown
        if (!isJsonObject(row)) throw new Error('not an object')
        return row
      })
  } catch (error) {
    throw corrupt(error)
  }
}

export function decodeAnswers(bytes: Uint8Array): readonly Answer[] {
  const rows = decodeLines(bytes)
  const isAnswer = (row: JsonObject): row is Answer =>
    typeof row.id === 'string' && typeof row.group === 'string'
  const answers = rows.filter(isAnswer)
  if (answers.length !== rows.length)
    throw new VillageError('DATA_CORRUPT', 'A stored evaluation has no answers')
  return answers
}

/** Throws DATA_CORRUPT for what are no scores: the artifact may be any that a client named. */
export function decodeScores(bytes: Uint8Array): readonly ItemScore[] {
  const rows = decodeLines(bytes)
  const isScore = (row: JsonObject): row is ItemScore =>
    typeof row.id === 'string' &&
    typeof row.group === 'string' &&
    typeof row.measure === 'string' &&
    typeof row.score === 'number' &&
    typeof row.weight === 'number'
  const scores = rows.filter(isScore)
  if (scores.length !== rows.length || rows.length === 0)
    throw new VillageError('DATA_CORRUPT', 'A stored evaluation holds something else than scores')
  return scores
}
