/** Prometheus metrics: the process's own (prom-client's defaults) and the village's (the table), read when they are scraped. */
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { MetricsComponents } from './components.ts'
import { createHttpCounts, type HttpCounts } from './http-counts.ts'
import { createLoopDelay } from './loop-delay.ts'
import { registerMetric } from './metric.ts'
import { METRICS } from './table.ts'

export interface Metrics {
  /** In the text format, version 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/). */
  text(): Promise<string>
  countRequest: HttpCounts['count']
  stop(): void
}

export const METRICS_MEDIA_TYPE = Registry.PROMETHEUS_CONTENT_TYPE

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

export function createMetrics(
  components: Omit<MetricsComponents, 'http' | 'loopDelay' | 'version'>,
  init: { version: string },
): Metrics {
  const registry = new Registry()
  const http = createHttpCounts()
  const loopDelay = createLoopDelay()
  registerProcessMetrics(registry)
  for (const row of METRICS) registerMetric(row, { ...components, ...init, http, loopDelay }, registry)
  return {
    text: () => registry.metrics(),
    countRequest: http.count,
    stop() {
      loopDelay.stop()
      registry.clear()
    },
  }
}
