/**
 * Switches traces on where the standard variables of OpenTelemetry name a collector. Without them nothing is loaded: the SDK costs
 * memory and a part of a second that most nodes have no use for.
 */
import type { Service } from './lifecycle.ts'
import type { Log } from './log.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface TracingInit {
  readonly version: string
  /** Peer ID: the instance of the service. */
  readonly instance: string
  /** The exporter reads the process's own beside it. */
  readonly environment: Environment
}

const isSet = (value: string | undefined): value is string => value !== undefined && value.trim() !== ''

/**
 * Where traces go; null: nowhere. `OTEL_SDK_DISABLED=true` and `OTEL_TRACES_EXPORTER=none` switch them off, as the specification of
 * the SDK's variables has it (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
 */
export function tracesEndpoint(environment: Environment): string | null {
  if (environment.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true') return null
  if (environment.OTEL_TRACES_EXPORTER?.trim().toLowerCase() === 'none') return null
  const { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: base } = environment
  if (isSet(own)) return own.trim()
  return isSet(base) ? `${base.trim().replace(/\/$/, '')}/v1/traces` : null
}

export function isHttpUrl(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && ['http:', 'https:'].includes(url.protocol)
}

export function createTracing(components: { log: Log }, init: TracingInit): Service {
  const log = components.log.child({ service: 'tracing' })
  let end: (() => Promise<void>) | undefined
  return {
    name: 'tracing',
    async start() {
      const endpoint = tracesEndpoint(init.environment)
      if (endpoint === null) return
      // A collector that cannot be is no reason not to run; its address may hold a password and is not said.
      if (!isHttpUrl(endpoint)) {
        log.warn({ variable: 'OTEL_EXPORTER_OTLP_ENDPOINT' }, 'the address of the collector is no http URL')
        return
      }
      const { startOtel } = await import('./tracing-otel.ts')
      end = startOtel({ log }, init)
      log.info('traces are sent to a collector')
    },
    async stop() {
      const ending = end
      end = undefined
      await ending?.()
    },
  }
}
