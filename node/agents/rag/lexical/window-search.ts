/**
 * The chunks of one segment that belong among the best, by MaxScore (Turtle and Flood, "Query evaluation: strategies and
 * optimizations", 1995) over windows of chunks with bounds by block (Ding and Suel, "Faster top-k document retrieval using
 * block-max indexes", 2011). Terms that together cannot lift a chunk over the threshold find none by themselves: they only
 * add to what the others found, strongest first, while what is found can still reach the threshold; and a window in which no
 * chunk can reach it is not read at all.
 *
 * Bounds are rough sums and rounded up. The score itself is added up once more in the query's order, so that it is the same
 * number for every way through the lists.
 */

import type { SearchWork, Steps } from '../search-work.ts'
import { NO_MORE } from '../segment/postings-cursor.ts'
import type { Segment } from '../segment/segment.ts'
import { averageLengthOf } from './bm25.ts'
import type { PreparedQuery } from './prepare-query.ts'
import { scoreArray, TermWalk, WINDOW } from './term-walk.ts'
import type { TopChunks } from './top-chunks.ts'

/** Far above what rounding can do to a sum of 256 terms, far below what keeps bounds tight. */
const ROUND_UP = 1 + 1e-9
/** Where no segment before has given a threshold, the first windows are small, so that one is there soon. */
const FIRST_WINDOW = 128
/** A look-up costs about as much as walking this many chunks. */
const LOOKUP_COST = 6
/** Of work, for a window as such. */
const WINDOW_UNITS = 256

/** Pauses between windows alone: within one, its scores are in arrays that all searches of the thread share. */
export function* searchWindows(
  segment: Segment,
  query: PreparedQuery,
  accept: ((chunk: number) => boolean) | null,
  top: TopChunks,
  index: number,
  work: SearchWork,
): Steps<void> {
  const ownAverage = averageLengthOf(segment.header)
  const walks: TermWalk[] = []
  for (const term of query.terms) {
    const cursor = segment.postings(term.term)
    if (cursor !== null)
      walks.push(new TermWalk(segment, query, term, cursor, ownAverage, scoreArray(walks.length + 1)))
  }
  const rows = walks.map((walk) => walk.scores)
  // By bound, rising; terms before `firstDriving` cannot reach the threshold together.
  const byBound = [...walks].sort((a, b) => a.bound - b.bound)
  const order = [...byBound]
  const sums = scoreArray(0)
  const alive = new Uint32Array(WINDOW)
  let firstDriving = 0
  let idleBound = 0
  let size = top.threshold > 0 ? WINDOW : FIRST_WINDOW
  let counted = 0
  for (let low = 0; ; low += size, size = Math.min(WINDOW, size * 2)) {
    while (
      firstDriving < byBound.length &&
      (idleBound + byBound[firstDriving]!.bound) * ROUND_UP < top.threshold
    )
      idleBound += byBound[firstDriving++]!.bound
    let earliest = NO_MORE
    for (let at = firstDriving; at < byBound.length; at++)
      earliest = Math.min(earliest, byBound[at]!.earliestFrom(low))
    if (earliest >= segment.header.chunks) return
    low = earliest
    const scored = searchWindow(low, Math.min(low + size, segment.header.chunks))
    let read = 0
    for (const walk of walks) read += walk.work
    if (work.spend(read - counted + scored * rows.length + WINDOW_UNITS)) yield
    counted = read
  }

  /** Returns how many chunks were scored. */
  function searchWindow(low: number, high: number): number {
    for (const walk of walks) walk.enter(low, high)
    sortByWindowBound(order)
    const { threshold } = top
    let rest = 0
    let walked = order.length
    while (walked > 0 && (rest + order[walked - 1]!.windowBound) * ROUND_UP < threshold)
      rest += order[--walked]!.windowBound
    if (walked === 0) return 0
    sums.fill(0, 0, high - low)
    for (let at = 0; at < walked; at++) order[at]!.walk(low, high, sums)

    let count = 0
    // What a sum must be at least, and more than 0.
    const floor = Math.max(Number.MIN_VALUE, threshold / ROUND_UP - rest)
    for (let offset = 0; offset < high - low; offset++)
      if (sums[offset]! >= floor && (accept === null || accept(low + offset))) alive[count++] = offset
    for (let at = walked; at < order.length && count > 0; at++) {
      const walk = order[at]!
      rest -= walk.windowBound
      if (count * LOOKUP_COST < walk.chunksIn(high)) walk.lookUp(low, sums, alive, count)
      else walk.walk(low, high, sums)
      count = keepPossible(sums, alive, count, threshold / ROUND_UP - Math.max(0, rest))
    }
    for (let at = 0; at < count; at++) {
      const offset = alive[at]!
      let score = 0
      for (let term = 0; term < rows.length; term++) score += rows[term]![offset]!
      top.add(index, low + offset, score)
    }
    return count
  }
}

/** Falling. The order of the window before is mostly right, which insertion makes use of. */
function sortByWindowBound(walks: TermWalk[]): void {
  for (let at = 1; at < walks.length; at++) {
    const walk = walks[at]!
    let place = at
    while (place > 0 && walks[place - 1]!.windowBound < walk.windowBound) {
      walks[place] = walks[place - 1]!
      place--
    }
    walks[place] = walk
  }
}

/** Those with a sum of at least `floor` move to the front; returns how many. */
function keepPossible(sums: Float64Array, alive: Uint32Array, count: number, floor: number): number {
  let kept = 0
  for (let at = 0; at < count; at++) {
    const offset = alive[at]!
    if (sums[offset]! >= floor) alive[kept++] = offset
  }
  return kept
}
