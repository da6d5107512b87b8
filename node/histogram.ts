/** Counts of what took how long, kept by the service that knows it and read when the metrics are scraped. */

export interface HistogramSeries {
  readonly labels: Readonly<Record<string, string>>
  /** Observations up to each bound and above the bound before it; the last is of those above all bounds. */
  readonly counts: readonly number[]
  readonly sum: number
}

export interface HistogramReading {
  /** Upper bounds, inclusive, ascending. */
  readonly bounds: readonly number[]
  readonly series: readonly HistogramSeries[]
}

export interface Histogram<L extends string> {
  observe(labels: Readonly<Record<L, string>>, value: number): void
  read(): HistogramReading
}

/** Seconds: from what a request to a neighbour takes to what a large task takes. */
export const DURATION_BOUNDS_SECONDS = [0.005, 0.025, 0.1, 0.25, 1, 2.5, 10, 30, 120, 600] as const

/** Label values come from tables; should they ever not, memory and the scrape stay bounded. */
const MAX_SERIES = 256

/** `bounds` must ascend. Series beyond `maxSeries` are counted together under the label value `other`. */
export function createHistogram<L extends string>(
  init: { bounds?: readonly number[]; maxSeries?: number } = {},
): Histogram<L> {
  const { bounds = DURATION_BOUNDS_SECONDS, maxSeries = MAX_SERIES } = init
  const rows = new Map<string, { labels: Record<string, string>; counts: number[]; sum: number }>()

  function rowOf(given: Readonly<Record<L, string>>) {
    const labels: Record<string, string> = given
    const values = Object.values(labels)
    const known = rows.get(values.join('\n'))
    if (known !== undefined) return known
    const isFull = rows.size >= maxSeries
    const kept = isFull ? Object.fromEntries(Object.keys(labels).map((name) => [name, 'other'])) : labels
    const key = Object.values(kept).join('\n')
    const row = rows.get(key) ?? { labels: { ...kept }, counts: bounds.map(() => 0).concat(0), sum: 0 }
    rows.set(key, row)
    return row
  }

  return {
    observe(labels, value) {
      if (!Number.isFinite(value)) return
      const row = rowOf(labels)
      const at = bounds.findIndex((bound) => value <= bound)
      row.counts[at < 0 ? bounds.length : at]! += 1
      row.sum += value
    },
    read: () => ({
      bounds,
      series: [...rows.values()].map(({ labels, counts, sum }) => ({ labels, counts: [...counts], sum })),
    }),
  }
}
