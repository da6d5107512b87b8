/**
 * A metric is a row: its name, type, meaning and labels, and how it is read when somebody scrapes. Services keep the numbers; nothing
 * is computed between scrapes. Names follow the conventions of Prometheus (https://prometheus.io/docs/practices/naming/): base units,
 * `_total` for what only grows, and label values that come from tables, never from the text of a person or a peer.
 */
import { Counter, Gauge, Histogram, type Registry, Summary } from 'prom-client'
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

type Exported = Awaited<ReturnType<Histogram['get']>>
type ExportedValue = Exported['values'][number]

function histogramValues(name: string, { bounds, series }: HistogramReading): ExportedValue[] {
  return series.flatMap(({ labels, counts, sum }) => {
    let below = 0
    const buckets = counts.map((count, index): ExportedValue => {
      below += count
      const le = index === bounds.length ? '+Inf' : String(bounds[index])
      return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
    })
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: { ...labels }, value: sum },
      { metricName: `${name}_count`, labels: { ...labels }, value: below },
    ]
  })
}

function summaryValues(name: string, { quantiles, sum, count }: SummaryReading): ExportedValue[] {
  return [
    ...quantiles.map(
      ({ quantile, value }): ExportedValue => ({
        metricName: name,
        labels: { quantile: String(quantile) },
        value,
      }),
    ),
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ]
}

/** As prom-client's own metrics are; its types have numbers for what is a word. */
const exported = ({ name, help, type }: MetricRow, values: ExportedValue[]): Exported => ({
  ...{ name, help, values, aggregator: 'sum', collect: () => {} },
  type: type as unknown as Exported['type'],
})

/**
 * prom-client's histograms and summaries count what they are told; these are read whole. Its registry asks `getForPromString`, its
 * other readers `get`.
 */
class ReadHistogram extends Histogram {
  readonly row: Extract<MetricRow, { type: 'histogram' }>
  readonly components: MetricsComponents

  constructor(row: Extract<MetricRow, { type: 'histogram' }>, components: MetricsComponents, to: Registry) {
    super({ name: row.name, help: row.help, labelNames: [...row.labels], registers: [to] })
    this.row = row
    this.components = components
  }

  override async get(): Promise<Exported> {
    const { row, components } = this
    return exported(row, histogramValues(row.name, await row.read(components)))
  }

  getForPromString(): Promise<Exported> {
    return this.get()
  }
}

class ReadSummary extends Summary {
  readonly row: Extract<MetricRow, { type: 'summary' }>
  readonly components: MetricsComponents

  constructor(row: Extract<MetricRow, { type: 'summary' }>, components: MetricsComponents, to: Registry) {
    super({ name: row.name, help: row.help, labelNames: [...row.labels], registers: [to] })
    this.row = row
    this.components = components
  }

  override async get(): Promise<Exported> {
    const { row, components } = this
    return exported(row, summaryValues(row.name, await row.read(components)))
  }

  getForPromString(): Promise<Exported> {
    return this.get()
  }
}

/** Adds the row to the registry. */
export function registerMetric(row: MetricRow, components: MetricsComponents, registry: Registry): void {
  const named = {
    name: row.name,
    help: row.help,
    labelNames: [...row.labels],
    registers: [registry],
  }
  switch (row.type) {
    case 'histogram':
      new ReadHistogram(row, components, registry)
      break
    case 'summary':
      new ReadSummary(row, components, registry)
      break
    case 'gauge':
      new Gauge({
        ...named,
        async collect() {
          const samples = await row.read(components)
          this.reset()
          for (const { labels, value } of samples) this.set(labels ?? {}, value)
        },
      })
      break
    case 'counter':
      new Counter({
        ...named,
        async collect() {
          // Its total is kept by a service: it is raised to that total when it is scraped.
          const samples = await row.read(components)
          this.reset()
          for (const { labels, value } of samples) this.inc(labels ?? {}, value)
        },
      })
      break
  }
}
