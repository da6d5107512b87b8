/** The span of a request, by the semantic conventions for HTTP: the route as the table has it, never the path that was asked. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { contextOfHeader, isTracing, startSpan, withinSpan } from '../tracing.ts'
import type { Route } from './routes/route.ts'

/** Scrapes and probes say nothing, and a stream of events lasts as long as its client. */
const UNTRACED: ReadonlySet<string> = new Set(['getHealth', 'getMetrics', 'followEvents'])

/** Runs the handler in a span that ends with the answer. `traceparent` is heard of those who may ask. */
export function inRequestSpan<T>(
  row: Pick<Route, 'id' | 'method' | 'path'>,
  { request, reply, isKnown }: { request: FastifyRequest; reply: FastifyReply; isKnown: boolean },
  handle: () => Promise<T>,
): Promise<T> {
  if (!isTracing() || UNTRACED.has(row.id)) return handle()
  const span = startSpan(`${row.method} ${row.path}`, {
    kind: 'server',
    parent: isKnown ? contextOfHeader(request.headers.traceparent) : null,
    attributes: { 'http.request.method': row.method, 'http.route': row.path, 'url.scheme': 'http' },
  })
  reply.raw.once('close', () => {
    span.set({ 'http.response.status_code': reply.raw.statusCode })
    if (reply.raw.statusCode >= 500) span.set({ 'error.type': String(reply.raw.statusCode) })
    span.end()
  })
  return withinSpan(span, handle)
}
