/** Live documents of an index in the order of their ids. */
import type { DocumentRecord } from '../document.ts'
import type { StoredChunk } from '../search-types.ts'
import type { Segment } from '../segment/segment.ts'
import { isDeleted, type LiveSegment } from './live-segment.ts'

/** Of each segment the indexes of its documents by id: made when a list is first asked for, gone with the segment. */
const orders = new WeakMap<Segment, Uint32Array>()

function orderOf(segment: Segment): Uint32Array {
  let order = orders.get(segment)
  if (order === undefined) {
    order = Uint32Array.from({ length: segment.header.documents }, (_, at) => at)
    order.sort((a, b) => segment.compareDocuments(a, segment, b))
    orders.set(segment, order)
  }
  return order
}

export function isLiveDocument(live: LiveSegment, document: number): boolean {
  return !isDeleted(live, live.segment.firstChunk(document))
}

/** Where the document with this id is live; null where it is nowhere. */
export function findLive<Live extends Pick<LiveSegment, 'segment' | 'deleted'>>(
  segments: readonly Live[],
  id: string,
): { live: Live; document: number } | null {
  for (const live of segments) {
    const document = live.segment.findDocument(id)
    if (document >= 0 && !isDeleted(live, live.segment.firstChunk(document))) return { live, document }
  }
  return null
}

/** Position of the first document after `after`. */
function startOf(segment: Segment, order: Uint32Array, after: string): number {
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (segment.documentId(order[middle]!) <= after) low = middle + 1
    else high = middle
  }
  return low
}

export function listDocuments(
  segments: readonly LiveSegment[],
  { after, limit }: { after?: string; limit: number },
): DocumentRecord[] {
  const heads = segments.map((live) => {
    const order = orderOf(live.segment)
    return { live, order, at: after === undefined ? 0 : startOf(live.segment, order, after) }
  })
  const records: DocumentRecord[] = []
  while (records.length < limit) {
    let first: { live: LiveSegment; document: number; id: string; move(): void } | null = null
    for (const head of heads) {
      while (head.at < head.order.length && !isLiveDocument(head.live, head.order[head.at]!)) head.at++
      const document = head.order[head.at]
      if (document === undefined) continue
      const id = head.live.segment.documentId(document)
      if (first === null || id < first.id)
        first = {
          live: head.live,
          document,
          id,
          move() {
            head.at++
          },
        }
    }
    if (first === null) break
    records.push(first.live.segment.document(first.document))
    first.move()
  }
  return records
}

/** All chunks of a live document in their order; empty where there is none, or where they are away. */
export function chunksOfDocument(segments: readonly LiveSegment[], id: string): StoredChunk[] {
  const found = findLive(segments, id)
  if (found === null || found.live.entry.isAway) return []
  const { segment } = found.live
  const first = segment.firstChunk(found.document)
  const count = segment.firstChunk(found.document + 1) - first
  return Array.from({ length: count }, (_, at) => segment.chunk(first + at))
}
