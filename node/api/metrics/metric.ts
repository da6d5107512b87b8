/**
 * A metric is a row: its name, type, meaning and labels, and how it is read when somebody scrapes. Services keep the numbers; nothing
 * is computed between scrapes. Names follow the conventions of Prometheus (https://prometheus.io/docs/practices/naming/): base units,
 * `_total` for what only grows, and label values that come from tables, never from the text of a person or a peer.
 */
import type { HistogramReading } from '../../histogram.ts'
import type { MetricsComponents } from './components.ts'

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** Quantiles of the time before the scrape; `sum` and `count` since the start. */
export interface SummaryReading {
  readonly quantiles: readonly { readonly quantile: number; readonly value: number }[]
  readonly sum: number
  readonly count: number
}

interface Named {
  readonly name: string
  readonly help: string
  /** Of the label values that it can have, the kinds. */
  readonly labels: readonly string[]
}

type Read<T> = (components: MetricsComponents) => T | Promise<T>

export type MetricRow =
  | (Named & { readonly type: 'gauge' | 'counter'; readonly read: Read<readonly Sample[]> })
  | (Named & { readonly type: 'histogram'; readonly read: Read<HistogramReading> })
  | (Named & { readonly type: 'summary'; readonly read: Read<SummaryReading> })

/** A row without labels. */
export const single = (
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  read: (components: MetricsComponents) => number,
): MetricRow => ({ type, name, help, labels: [], read: (components) => [{ value: read(components) }] })

/** How often each value occurs; those of `always` also when they do not. */
export function tally(label: string, values: Iterable<string>, always: readonly string[] = []): Sample[] {
  const counts = new Map(always.map((value) => [value, 0]))
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].map(([value, count]) => ({ labels: { [label]: value }, value: count }))
}
