/** The most that records can take: what a worker may hand in for a task. */
import { VillageError } from '../../errors.ts'
import type { Item } from './items.ts'

/** Of a set: its header, and room for a second one. */
const SET_BYTES = 64
const VECTOR_BYTES = 64 * 1024
/** Tokens of white space or of rare scripts are long, but not all of a text are. */
const TEXT_BYTES_BY_TOKEN = 64
const TEXT_BYTES = 4096

function recordBytes(item: Item): number {
  if (item.type === 'choice') return 7 + 13 * item.choices.length
  if (item.type === 'text') return 17
  if (item.type === 'embed') return VECTOR_BYTES
  return 11 + item.samples * (9 + TEXT_BYTES + item.maxTokens * (12 + TEXT_BYTES_BY_TOKEN))
}

/** Of all texts of an evaluation together: its owner holds all records in memory once. */
const MAX_GENERATED_TOKENS = 4_000_000

/** Throws EVALUATION_DATA_INVALID for an evaluation whose texts would not fit the memory of its owner. */
export function checkGenerated(items: readonly Item[]): void {
  const tokens = items.reduce(
    (sum, item) => sum + (item.type === 'generate' ? item.samples * item.maxTokens : 0),
    0,
  )
  if (tokens > MAX_GENERATED_TOKENS)
    throw new VillageError(
      'EVALUATION_DATA_INVALID',
      `Up to ${tokens} tokens would be generated, and ${MAX_GENERATED_TOKENS} is the most: take fewer items, samples or tokens`,
      { fields: { tokens, most: MAX_GENERATED_TOKENS } },
    )
}

/** The largest sum over `itemsByTask` neighbours. */
export function outputBytes(items: readonly Item[], itemsByTask: number): number {
  let most = 0
  for (let start = 0; start < items.length; start += itemsByTask) {
    const part = items.slice(start, start + itemsByTask)
    most = Math.max(
      most,
      part.reduce((sum, item) => sum + recordBytes(item), SET_BYTES),
    )
  }
  return most
}
