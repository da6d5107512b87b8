/**
 * Traces: what was done within what, for OpenTelemetry. This is all that the rest of the daemon knows of it: where nobody asked for
 * traces (node/tracing-service.ts) a span is one comparison and nothing is loaded.
 *
 * Attributes are ids, codes, kinds and numbers. Text of people, documents, models and peers, tokens and paths never are.
 */
import { toVillageError } from './errors.ts'

export type SpanAttributes = Readonly<Record<string, string | number | boolean | readonly string[]>>

export interface Span {
  set(attributes: SpanAttributes): void
  event(name: string, attributes?: SpanAttributes): void
  /** What was done has failed; its code is all that is kept of the error. */
  fail(error: unknown): void
  /** Once; what comes later is ignored. */
  end(): void
  /** For a protocol (TRACE_CONTEXT_BYTES); null where nothing is traced. */
  readonly context: Uint8Array | null
}

export interface SpanInit {
  readonly kind?: 'internal' | 'server' | 'client' | 'producer' | 'consumer'
  readonly attributes?: SpanAttributes
  /** Null: of nothing. Absent: the span that the caller runs in. A context that makes no sense counts as null. */
  readonly parent?: Span | Uint8Array | null
}

/** What makes spans: node/tracing-otel.ts. */
export interface TracingBackend {
  start(name: string, init: SpanInit): Span
  run<T>(span: Span, work: () => T): T
}

/** Trace id (16), span id (8) and flags (1) of W3C Trace Context, level 1. */
export const TRACE_CONTEXT_BYTES = 25

const NO_SPAN: Span = {
  set: () => {},
  event: () => {},
  fail: () => {},
  end: () => {},
  context: null,
}

let backend: TracingBackend | null = null

/** From now on spans are made. Returns what ends that. */
export function useTracing(made: TracingBackend): () => void {
  backend = made
  return () => {
    if (backend === made) backend = null
  }
}

export const isTracing = (): boolean => backend !== null

/** For what does not end with a function; the caller ends it. */
export function startSpan(name: string, init: SpanInit = {}): Span {
  return backend === null ? NO_SPAN : backend.start(name, init)
}

/** Spans that `work` starts are children of `span`. */
export function withinSpan<T>(span: Span, work: () => T): T {
  return backend === null ? work() : backend.run(span, work)
}

/** Runs `work` in a span that ends with it. */
export function inSpan<T>(name: string, init: SpanInit, work: (span: Span) => Promise<T>): Promise<T> {
  return backend === null ? work(NO_SPAN) : traced(backend, name, init, work)
}

async function traced<T>(
  made: TracingBackend,
  name: string,
  init: SpanInit,
  work: (span: Span) => Promise<T>,
): Promise<T> {
  const span = made.start(name, init)
  try {
    return await made.run(span, () => work(span))
  } catch (error) {
    span.fail(error)
    throw error
  } finally {
    span.end()
  }
}

/** The code of an error, for backends. */
export const errorType = (error: unknown): string => toVillageError(error).code

const TRACEPARENT = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:-.*)?$/

/** The `traceparent` header of a request, as a context; null where there is none that is valid. */
export function contextOfHeader(header: string | string[] | undefined): Uint8Array | null {
  if (typeof header !== 'string' || header.length > 512) return null
  const [, trace, span, flags] = TRACEPARENT.exec(header) ?? []
  if (trace === undefined || (header.startsWith('00') && header.length !== 55)) return null
  const context = new Uint8Array(Buffer.from(`${trace}${span}${flags}`, 'hex'))
  return isContext(context) ? context : null
}

/** Whether the bytes name a span: neither id may be zero. */
export function isContext(bytes: Uint8Array): boolean {
  if (bytes.byteLength !== TRACE_CONTEXT_BYTES) return false
  const isZero = (part: Uint8Array) => part.every((byte) => byte === 0)
  return !isZero(bytes.subarray(0, 16)) && !isZero(bytes.subarray(16, 24))
}
