/**
 * Spans by the SDK of OpenTelemetry, sent as OTLP over HTTP with JSON. Loaded only where traces are wanted. Finished spans wait in a
 * queue of bounded length; a collector that is slow or gone costs those that do not fit, and nobody waits for it but the daemon's stop,
 * for two seconds.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type Context,
  DiagLogLevel,
  diag,
  type Span as OtelSpan,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import type { Log } from './log.ts'
import { errorType, isContext, type Span, type SpanAttributes, type SpanInit, useTracing } from './tracing.ts'
import type { Environment, TracingInit } from './tracing-service.ts'

const SERVICE_NAME = 'village'
const STOP_MS = 2_000
/** A collector that is gone fails every batch: operators are told now and then. */
const TELL_EVERY_MS = 60_000
const MAX_ATTRIBUTE_UNITS = 256

const KINDS = {
  internal: SpanKind.INTERNAL,
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const

/** `OTEL_TRACES_SAMPLER` and its argument; null: a name that is not known. */
export function samplerOf(environment: Environment): Sampler | null {
  const given = Number(environment.OTEL_TRACES_SAMPLER_ARG?.trim() || '1')
  const ratio = Number.isFinite(given) && given >= 0 && given <= 1 ? given : 1
  switch (environment.OTEL_TRACES_SAMPLER?.trim() || 'parentbased_always_on') {
    case 'always_on':
      return new AlwaysOnSampler()
    case 'always_off':
      return new AlwaysOffSampler()
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio)
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() })
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() })
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })
    default:
      return null
  }
}

/** A whole number from `least` on; the default where the variable says nothing of the kind. */
function count(environment: Environment, name: string, fallback: number, least = 1): number {
  const given = Number(environment[name]?.trim() || Number.NaN)
  return Number.isInteger(given) && given >= least ? given : fallback
}

function remoteContext(bytes: Uint8Array): Context {
  if (!isContext(bytes)) return ROOT_CONTEXT
  const hex = Buffer.from(bytes).toString('hex')
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: hex.slice(0, 32),
    spanId: hex.slice(32, 48),
    traceFlags: bytes[24]! & 1,
    isRemote: true,
  })
}

function contextBytes(span: OtelSpan): Uint8Array {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return new Uint8Array(Buffer.from(`${traceId}${spanId}${traceFlags.toString(16).padStart(2, '0')}`, 'hex'))
}

/** Attributes of the SDK are mutable arrays. */
const attributesOf = (given: SpanAttributes) =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, typeof value === 'object' ? [...value] : value]),
  )

/** What the SDK has to complain of: constant words, for what it says may hold an address or what a collector answered. */
function listenToSdk(log: Log): void {
  let failures = 0
  let nextAtMs = 0
  const complain = () => {
    failures += 1
    if (Date.now() < nextAtMs) return
    nextAtMs = Date.now() + TELL_EVERY_MS
    log.warn({ failures }, 'traces could not be sent to the collector')
    failures = 0
  }
  const nothing = () => {}
  diag.setLogger(
    { error: complain, warn: complain, info: nothing, debug: nothing, verbose: nothing },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  )
}

/** Spans are made and sent from now on; the function that it returns sends what is left and ends that. */
export function startOtel(components: { log: Log }, init: TracingInit): () => Promise<void> {
  const { log } = components
  const { environment } = init
  listenToSdk(log)
  const sampler = samplerOf(environment)
  if (sampler === null)
    log.warn({ variable: 'OTEL_TRACES_SAMPLER' }, 'there is no such sampler: everything is traced')
  const queue = count(environment, 'OTEL_BSP_MAX_QUEUE_SIZE', 2_048)
  const processor = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter(),
    maxQueueSize: queue,
    maxExportBatchSize: Math.min(queue, count(environment, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512)),
    scheduledDelayMillis: count(environment, 'OTEL_BSP_SCHEDULE_DELAY', 5_000, 0),
    exportTimeoutMillis: count(environment, 'OTEL_BSP_EXPORT_TIMEOUT', 30_000),
  })
  const named = resourceFromAttributes({
    'service.name': SERVICE_NAME,
    'service.version': init.version,
    'service.instance.id': init.instance,
  })
  const provider = new TracerProvider({
    resource: named.merge(detectResources({ detectors: [envDetector] })),
    sampler: sampler ?? new ParentBasedSampler({ root: new AlwaysOnSampler() }),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_UNITS },
    spanProcessors: [processor],
  })
  const tracer = provider.getTracer('aivillage', init.version)
  const active = new AsyncLocalStorage<Span>()
  const contexts = new WeakMap<Span, Context>()

  function parentContext(parent: SpanInit['parent']): Context {
    if (parent === null) return ROOT_CONTEXT
    if (parent instanceof Uint8Array) return remoteContext(parent)
    const span = parent ?? active.getStore()
    return (span === undefined ? undefined : contexts.get(span)) ?? ROOT_CONTEXT
  }

  function start(name: string, { kind = 'internal', attributes = {}, parent }: SpanInit): Span {
    const above = parentContext(parent)
    const made = tracer.startSpan(name, { kind: KINDS[kind], attributes: attributesOf(attributes) }, above)
    const span: Span = {
      set: (more) => void made.setAttributes(attributesOf(more)),
      event: (what, more = {}) => void made.addEvent(what, attributesOf(more)),
      fail(error) {
        const code = errorType(error)
        made.setAttribute('error.type', code)
        made.setStatus({ code: SpanStatusCode.ERROR, message: code })
      },
      end: () => made.end(),
      context: contextBytes(made),
    }
    contexts.set(span, trace.setSpan(above, made))
    return span
  }

  const leave = useTracing({ start, run: (span, work) => active.run(span, work) })
  return async () => {
    leave()
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, STOP_MS)
    await Promise.race([provider.shutdown().catch(() => undefined), late])
    clearTimeout(timer)
    diag.disable()
  }
}
