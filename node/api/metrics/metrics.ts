/** Prometheus metrics: the process's own (prom-client's defaults) and the village's (the table), read when they are scraped. */
import type { Registry } from 'prom-client'
import type { MetricsComponents } from './components.ts'
import { createHttpCounts, type HttpCounts } from './http-counts.ts'
import { createLoopDelay } from './loop-delay.ts'
import { OPENMETRICS_MEDIA_TYPE, openMetricsText, wantsOpenMetrics } from './openmetrics.ts'

export interface Metrics {
  /**
   * In OpenMetrics where `accept`, the header of the request, asks for it, else in the text format, version 0.0.4
   * (https://prometheus.io/docs/instrumenting/exposition_formats/).
   */
  page(accept: string | string[] | undefined): Promise<MetricsPage>
  countRequest: HttpCounts['count']
  stop(): void
}

export interface MetricsPage {
  readonly mediaType: string
  readonly text: string
}

export function createMetrics(
  components: Omit<MetricsComponents, 'http' | 'loopDelay' | 'version'>,
  init: { version: string },
): Metrics {
  const http = createHttpCounts()
  const loopDelay = createLoopDelay()
  let registry: Promise<Registry> | undefined
  return {
    async page(accept) {
      // Most nodes are never scraped.
      registry ??= import('./registry.ts').then(({ createRegistry }) =>
        createRegistry({ ...components, ...init, http, loopDelay }),
      )
      const made = await registry
      return wantsOpenMetrics(accept)
        ? { mediaType: OPENMETRICS_MEDIA_TYPE, text: openMetricsText(await made.getMetricsAsJSON()) }
        : { mediaType: made.contentType, text: await made.metrics() }
    },
    countRequest: http.count,
    stop() {
      loopDelay.stop()
      // Its observers of the process end with it.
      void registry?.then((made) => made.clear())
    },
  }
}
