/**
 * A collector of traces over HTTP: takes OTLP in JSON, checks it against the specification (opentelemetry-proto, JSON mapping: ids in
 * hexadecimal, 64-bit numbers as text or numbers) and keeps the spans. It shares no code with what sends them.
 */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'

export interface CollectedSpan {
  readonly trace: string
  readonly id: string
  /** Null: a root. */
  readonly parent: string | null
  readonly name: string
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: readonly {
    readonly name: string
    readonly attributes: Readonly<Record<string, unknown>>
  }[]
  /** 0 unset, 1 ok, 2 error. */
  readonly status: number
  readonly resource: Readonly<Record<string, unknown>>
  readonly startNanoseconds: bigint
  readonly endNanoseconds: bigint
}

export interface OtlpCollector {
  readonly url: string
  readonly spans: readonly CollectedSpan[]
  /** Of the requests that came. */
  readonly headers: readonly IncomingHttpHeaders[]
  /** What came, as it came: to look for what must not be in it. */
  readonly bodies: readonly string[]
  /** What was wrong with requests. */
  readonly faults: readonly string[]
  /** Resolves when a span is there that fits; polls nothing. */
  until(what: string, fits: (spans: readonly CollectedSpan[]) => boolean): Promise<void>
  close(): Promise<void>
}

const MAX_BODY_BYTES = 16 * 2 ** 20
const WAIT_MS = 60_000

// biome-ignore lint/suspicious/noExplicitAny: what came over the wire is looked at field by field
type Wire = any

function readValue(value: Wire): unknown {
  if (value.stringValue !== undefined) return value.stringValue
  if (value.boolValue !== undefined) return value.boolValue
  if (value.intValue !== undefined) return Number(value.intValue)
  if (value.doubleValue !== undefined) return value.doubleValue
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(readValue)
  throw new Error(`an attribute has no value: ${JSON.stringify(value)}`)
}

const attributesOf = (list: Wire): Record<string, unknown> =>
  Object.fromEntries((list ?? []).map(({ key, value }: Wire) => [key, readValue(value)]))

function hex(text: Wire, digits: number): string {
  if (typeof text !== 'string' || !new RegExp(`^[0-9a-f]{${digits}}$`).test(text) || /^0+$/.test(text))
    throw new Error(`${String(text)} is no id of ${digits} digits`)
  return text
}

function spanOf(wire: Wire, resource: Record<string, unknown>): CollectedSpan {
  const { traceId, spanId, parentSpanId, name, kind, status, startTimeUnixNano, endTimeUnixNano } = wire
  if (typeof name !== 'string' || name === '') throw new Error('a span has no name')
  if (!Number.isInteger(kind) || kind < 1 || kind > 5) throw new Error(`${name}: the kind is ${String(kind)}`)
  const [startNanoseconds, endNanoseconds] = [BigInt(startTimeUnixNano), BigInt(endTimeUnixNano)]
  if (endNanoseconds < startNanoseconds) throw new Error(`${name}: ends before it starts`)
  return {
    trace: hex(traceId, 32),
    id: hex(spanId, 16),
    parent: parentSpanId === undefined || parentSpanId === '' ? null : hex(parentSpanId, 16),
    ...{ name, kind, resource, startNanoseconds, endNanoseconds },
    attributes: attributesOf(wire.attributes),
    events: (wire.events ?? []).map((event: Wire) => ({
      name: event.name,
      attributes: attributesOf(event.attributes),
    })),
    status: status?.code ?? 0,
  }
}

function spansOf(document: Wire): CollectedSpan[] {
  return document.resourceSpans.flatMap((group: Wire) =>
    group.scopeSpans.flatMap((scope: Wire) =>
      scope.spans.map((span: Wire) => spanOf(span, attributesOf(group.resource?.attributes))),
    ),
  )
}

export async function startOtlpCollector(): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = []
  const headers: IncomingHttpHeaders[] = []
  const bodies: string[] = []
  const faults: string[] = []
  const waiting = new Set<() => void>()

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    let sizeBytes = 0
    for await (const chunk of request) {
      sizeBytes += chunk.length
      if (sizeBytes > MAX_BODY_BYTES) faults.push('a body is too large')
      chunks.push(chunk)
    }
    headers.push(request.headers)
    try {
      if (request.method !== 'POST' || request.url !== '/v1/traces')
        throw new Error(`${request.method} ${request.url}`)
      if (request.headers['content-type'] !== 'application/json') throw new Error('the body is not JSON')
      const raw = Buffer.concat(chunks)
      const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw).toString()
      bodies.push(text)
      spans.push(...spansOf(JSON.parse(text)))
    } catch (error) {
      faults.push((error as Error).message)
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    for (const look of waiting) look()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ spans, headers, bodies, faults },
    until(what, fits) {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const late = setTimeout(() => {
        waiting.delete(look)
        const seen = [...new Set(spans.map(({ name }) => name))].join(', ')
        reject(new Error(`${what} did not come; there were ${seen || 'no spans'}`))
      }, WAIT_MS)
      const look = () => {
        if (!fits(spans)) return
        clearTimeout(late)
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
      return promise
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
