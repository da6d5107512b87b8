/**
 * A segment of a collection. The same segment may be in several collections (an import, a private copy, another owner's), each with
 * deletions, access and a sketch of its own: what one collection says of it holds for that collection only.
 */
import { COLLECTION_ID_BYTES } from '../../../mesh/protocols/segment-key.ts'

/** Hexadecimal digits of the id of a collection. */
const COLLECTION_DIGITS = 2 * COLLECTION_ID_BYTES

export const segmentKey = (collection: string, segment: string): string => `${collection}${segment}`

export const collectionIn = (key: string): string => key.slice(0, COLLECTION_DIGITS)

/** Its id within the index. */
export const segmentIn = (key: string): string => key.slice(COLLECTION_DIGITS)

/** What an index says of its segments, as what their collection says. */
export function inCollection<T extends { readonly segment: string }>(
  collection: string,
  items: readonly T[],
): T[] {
  return items.map((item) => ({ ...item, segment: segmentKey(collection, item.segment) }))
}

/** What is asked of an index, which knows its segments by their ids. */
export function inIndex<T extends { readonly segment: string }>(items: readonly T[]): T[] {
  return items.map((item) => ({ ...item, segment: segmentIn(item.segment) }))
}
