/** The rows and the process's own metrics as prom-client serves them. Loaded with the first scrape. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry, Summary } from 'prom-client'
import type { HistogramReading } from '../../histogram.ts'
import type { MetricsComponents } from './components.ts'
import type { MetricRow, SummaryReading } from './metric.ts'
import { METRICS } from './table.ts'

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
function registerMetric(row: MetricRow, components: MetricsComponents, registry: Registry): void {
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

/** Gauges that are named as counters are; `nodejs_active_resources` says the same by kind. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** prom-client's metrics of the process. */
export function registerProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
}

/** All of them; those of the process count from here. */
export function createRegistry(components: MetricsComponents): Registry {
  const registry = new Registry()
  registerProcessMetrics(registry)
  for (const row of METRICS) registerMetric(row, components, registry)
  return registry
}
