/** The most that records can take: what a worker may hand in for a task. */
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
