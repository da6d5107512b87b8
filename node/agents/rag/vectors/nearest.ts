/** The best so far of a search by vector, over all segments: a heap with the worst of them on top. */

export interface ScoredRow {
  /** Index in the list of searched segments. */
  readonly segment: number
  readonly chunk: number
  readonly cosine: number
}

/** Negative where the first goes before the second: what orders rows of equal cosine. */
export type RowOrder = (a: ScoredRow, b: ScoredRow) => number

export interface Nearest {
  /** What a row must have to be looked at: the worst cosine that is kept, once there are enough; -Infinity before. */
  readonly threshold: number
  /** Keeps it if it is among the best. */
  offer(row: ScoredRow): void
  /** Best first. */
  sorted(): ScoredRow[]
}

export function createNearest(limit: number, order: RowOrder): Nearest {
  const heap: ScoredRow[] = []
  const compare: RowOrder = (a, b) => b.cosine - a.cosine || order(a, b)
  const isWorse = (a: ScoredRow, b: ScoredRow): boolean => compare(a, b) > 0

  function rise(from: number): void {
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!isWorse(heap[at]!, heap[parent]!)) return
      swap(at, parent)
      at = parent
    }
  }

  function sink(): void {
    for (let at = 0; ; ) {
      let worst = at
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && isWorse(heap[child]!, heap[worst]!)) worst = child
      if (worst === at) return
      swap(at, worst)
      at = worst
    }
  }

  function swap(a: number, b: number): void {
    const row = heap[a]!
    heap[a] = heap[b]!
    heap[b] = row
  }

  return {
    get threshold() {
      return heap.length < limit ? Number.NEGATIVE_INFINITY : (heap[0]?.cosine ?? Number.POSITIVE_INFINITY)
    },
    offer(row) {
      if (heap.length < limit) {
        heap.push(row)
        rise(heap.length - 1)
      } else if (heap.length > 0 && isWorse(heap[0]!, row)) {
        heap[0] = row
        sink()
      }
    },
    sorted: () => [...heap].sort(compare),
  }
}
