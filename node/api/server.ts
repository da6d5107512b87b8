/** The HTTP server: registers the rows of the route table on fastify and puts guard, limits and errors around them. */
import type { IncomingMessage } from 'node:http'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { VillageError } from '../errors.ts'
import type { ApiContext } from './components.ts'
import { corsHeaders, preflightHeaders } from './cors.ts'
import { type DashboardFiles, PAGE_POLICY } from './dashboard-files.ts'
import { openAiErrorBody } from './gateway/openai-error.ts'
import { checkRequest } from './guard.ts'
import type { Metrics } from './metrics/metrics.ts'
import { needScope, type Principal } from './principal.ts'
import { PROBLEM_MEDIA_TYPE, problemOf, requestError } from './problem.ts'
import { createRateLimit } from './rate-limit.ts'
import { inRequestSpan } from './request-trace.ts'
import { RawReply, type Route, type RouteRequest } from './routes/route.ts'
import { createValidator } from './validation.ts'

const IDLE_TIMEOUT_MS = 60_000
const HEADERS_TIMEOUT_MS = 10_000
const MAX_CONNECTIONS = 256
const UPLOAD_MEDIA_TYPES = [
  'application/octet-stream',
  'application/vnd.ipld.car',
  'application/vnd.aivillage.ledger',
]

export interface ServerInit {
  routes: readonly Route[]
  files: DashboardFiles
  /** Whose bearer token it is; null: nobody's. */
  identify(authorization: string | undefined): Principal | null
  /** Aborts what is in flight when the daemon stops. */
  stopping: AbortSignal
  now?: () => number
}

const API_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cache-control': 'no-store',
} as const

function send(reply: FastifyReply, answer: unknown, status: number): FastifyReply {
  if (!(answer instanceof RawReply)) return reply.code(status).send(answer)
  return reply.code(answer.status).headers(answer.headers).send(answer.body)
}

/** Aborts when the answer's connection closes before the answer was sent whole, or when the daemon stops. */
function requestSignal(reply: FastifyReply, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort(new VillageError('ABORTED', 'The client went away'))
  })
  return AbortSignal.any([gone.signal, stopping])
}

/** Whether a request failed because its body broke off: the stream's own error then comes through the handler. */
function isCutOff(request: FastifyRequest, thrown: unknown): boolean {
  const { code, cause } = thrown as { code?: string; cause?: { code?: string } }
  const codes = ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE']
  return (
    request.raw.destroyed &&
    !request.raw.complete &&
    [code, cause?.code].some((it) => codes.includes(it ?? ''))
  )
}

/** Null also where the key has expired: who it was is told when the request has been counted. */
function identified(init: ServerInit, request: FastifyRequest): Principal | null {
  try {
    return init.identify(request.headers.authorization)
  } catch {
    return null
  }
}

/** Whose requests are counted together: what strangers on this machine ask takes nothing from those who may. */
function rateBucket(request: FastifyRequest, asker: Principal | null): string {
  const address = request.socket.remoteAddress ?? ''
  if (asker !== null) return `${asker.kind}:${asker.id} ${address}`
  return `${request.headers['sec-fetch-site'] === 'cross-site' ? 'page' : 'nobody'} ${address}`
}

/** Failures of a path that no row has are told in the shape of the rows beside it. */
function errorBodyOf(request: FastifyRequest): Route['errorBody'] {
  const { errorBody } = request.routeOptions.config as Pick<Route, 'errorBody'>
  return errorBody ?? (request.url.startsWith('/v1/') ? openAiErrorBody : undefined)
}

function sendProblem(reply: FastifyReply, error: VillageError, errorBody?: Route['errorBody']): void {
  const problem = problemOf(error)
  const { retryAfterMs, sizeBytes } = error.fields
  if (typeof retryAfterMs === 'number') reply.header('retry-after', String(Math.ceil(retryAfterMs / 1000)))
  if (error.code === 'API_UNAUTHORIZED') reply.header('www-authenticate', 'Bearer')
  if (error.code === 'API_RANGE') reply.header('content-range', `bytes */${String(sizeBytes)}`)
  if (error.code === 'API_METHOD_NOT_ALLOWED') reply.header('allow', String(error.fields.allow))
  // What a failed answer said about its content does not hold for the problem document.
  for (const name of ['content-length', 'content-disposition', 'etag', 'accept-ranges'])
    reply.removeHeader(name)
  const [mediaType, body] =
    errorBody === undefined ? [PROBLEM_MEDIA_TYPE, problem] : ['application/json', errorBody(error)]
  void reply.code(problem.status).type(mediaType).send(JSON.stringify(body))
}

/** Who asks, from the first hook of a request to its handler. */
const principals = new WeakMap<FastifyRequest, Principal>()

function registerRoute(server: FastifyInstance, row: Route, api: ApiContext, init: ServerInit): void {
  const validator = createValidator(row)
  const status = row.response.kind === 'json' ? row.response.status : 200
  server.route({
    method: row.method,
    url: row.path,
    config: { scope: row.scope, ...(row.errorBody !== undefined && { errorBody: row.errorBody }) },
    exposeHeadRoute: row.method === 'GET' && row.response.kind === 'json',
    handler: async (request: FastifyRequest, reply: FastifyReply) => {
      const mediaType = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
      const wanted = row.body?.kind === 'stream' ? row.body.mediaType : 'application/json'
      if (mediaType !== undefined && mediaType !== wanted && row.method !== 'GET')
        throw new VillageError('API_MEDIA_TYPE', `The path takes ${wanted}`, {
          fields: { mediaType: wanted },
        })
      if (row.body?.kind === 'stream' && mediaType === undefined)
        throw new VillageError('API_MEDIA_TYPE', `The path takes ${wanted}`, {
          fields: { mediaType: wanted },
        })
      if (row.body === undefined && request.body != null)
        throw new VillageError('INVALID_ARGUMENT', 'The path takes no body', { fields: { field: 'body' } })
      const { params, query, body = null } = request
      const principal = principals.get(request)
      validator.check({ params, query, body })
      if (row.slow === true) request.raw.socket.setTimeout(0)
      const signal = AbortSignal.any([
        requestSignal(reply, init.stopping),
        ...(principal?.kind === 'key' ? [api.keys.signal(principal.id)] : []),
      ])
      // A key may have been revoked while the body came in.
      signal.throwIfAborted()
      const given = {
        params,
        query,
        body,
        headers: request.headers,
        signal,
        get principal(): Principal {
          if (principal === undefined) throw new VillageError('INTERNAL', 'Nobody is known to a public route')
          return principal
        },
      }
      const handle = () => row.handle(given as RouteRequest<never, never, never>, api)
      const traced = { request, reply, isKnown: principal !== undefined }
      return send(reply, await inRequestSpan(row, traced, handle), status)
    },
  })
}

/** Two routes for all files: one each would cost every start what the rest of the API does together. */
function registerFiles(server: FastifyInstance, files: DashboardFiles): void {
  for (const url of ['/', '/dashboard/*'])
    server.get(url, { config: { scope: 'public', isFile: true } }, async (request, reply) => {
      const file = await files.find(request.url.split('?')[0]!)
      if (file === undefined) throw new VillageError('API_ROUTE_UNKNOWN')
      reply.headers({
        'content-security-policy': PAGE_POLICY,
        'cache-control': 'no-cache',
        etag: file.etag,
        'content-type': file.mediaType,
      })
      return request.headers['if-none-match'] === file.etag ? reply.code(304).send() : reply.send(file.bytes)
    })
}

/** Which methods the table has for a path that did not match with its own. */
function allowedMethods(routes: readonly Route[], url: string): string[] {
  const path = url.split('?')[0] ?? ''
  const matches = (row: Route) =>
    new RegExp(`^${row.path.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`).test(path)
  return [...new Set(routes.filter(matches).map((row) => row.method as string))]
}

/** Makes the server; it listens when the caller says so. */
export async function createServer(
  api: ApiContext,
  init: ServerInit & { metrics: Metrics },
): Promise<FastifyInstance> {
  const { log, config } = api
  const now = init.now ?? Date.now
  const rateLimit = createRateLimit({
    get requestsByMinute() {
      return config['api.requestsByMinute']
    },
  })
  const server = fastify({
    logger: false,
    bodyLimit: config['api.maxBodyBytes'],
    connectionTimeout: IDLE_TIMEOUT_MS,
    requestTimeout: 0, // an upload may last; what idles is ended by connectionTimeout
    forceCloseConnections: 'idle',
    http: { headersTimeout: HEADERS_TIMEOUT_MS },
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: (error, request, reply) =>
      sendProblem(reply, requestError(error), request.url.startsWith('/v1/') ? openAiErrorBody : undefined),
    clientErrorHandler: (error, socket) => {
      log.debug({ err: error }, 'request could not be parsed')
      const status = (error as { code?: string }).code === 'HPE_HEADER_OVERFLOW' ? '431' : '400'
      if (socket.writable)
        socket.end(`HTTP/1.1 ${status} Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    },
  })
  server.server.maxConnections = MAX_CONNECTIONS
  server.removeContentTypeParser('text/plain')
  for (const mediaType of UPLOAD_MEDIA_TYPES)
    server.addContentTypeParser(mediaType, (_request: FastifyRequest, payload: IncomingMessage, done) =>
      done(null, payload),
    )

  server.addHook('onRequest', async (request, reply) => {
    reply.headers(API_HEADERS)
    const origins = config['api.corsOrigins']
    const cors = corsHeaders(request.headers, origins)
    // Whatever the answer is: a page that may call reads why it was refused.
    if (cors !== null) reply.headers(cors)
    const { scope = 'read', isFile = false } = request.routeOptions.config as {
      scope?: Route['scope']
      isFile?: boolean
    }
    const isPublic = scope === 'public'
    // Refused before anything is counted: a page of another origin must not use up what the owner's programs may ask.
    checkRequest(request.headers, { boundHost: config['api.host'], isPublic, origins })
    const asker = isPublic ? null : identified(init, request)
    // The dashboard’s files come from memory, dozens for one look at it: they are no requests that somebody makes.
    const retryAfterMs = isFile ? 0 : rateLimit.take(rateBucket(request, asker), now())
    if (retryAfterMs > 0) throw new VillageError('API_RATE_LIMITED', undefined, { fields: { retryAfterMs } })
    const preflight = cors === null ? null : preflightHeaders(request.method, request.headers)
    if (preflight !== null) return reply.code(204).headers(preflight).send()
    if (!isPublic) {
      const principal = asker ?? init.identify(request.headers.authorization)
      if (principal === null) throw new VillageError('API_UNAUTHORIZED')
      if (principal.kind === 'key') {
        const { headers, error } = api.keys.admit(principal.id)
        reply.headers(headers)
        if (error !== null) throw error
      }
      principals.set(request, principal)
      needScope(principal, scope)
    }
    if (init.stopping.aborted) throw new VillageError('SHUTTING_DOWN')
  })
  server.addHook('onResponse', async (request, reply) => {
    const { isFile = false } = request.routeOptions.config as { isFile?: boolean }
    // All files of the dashboard together: one by one they would be hundreds of series.
    const route = isFile ? '/dashboard/*' : (request.routeOptions.url ?? 'unknown')
    const { method } = request
    const seconds = reply.elapsedTime / 1000
    init.metrics.countRequest({ method, route, status: reply.statusCode, seconds })
    log.debug(
      { method: request.method, route, status: reply.statusCode, ms: reply.elapsedTime },
      'request answered',
    )
  })
  server.setErrorHandler((thrown, request, reply) => {
    const error = isCutOff(request, thrown)
      ? new VillageError('ABORTED', 'The client went away', { cause: thrown })
      : requestError(thrown)
    const where = { method: request.method, route: request.routeOptions.url, code: error.code }
    // Only what is nobody's known failure needs its stack read.
    if (error.code === 'INTERNAL') log.error({ ...where, err: thrown }, 'request failed')
    else if (error.http >= 500 && error.code !== 'SHUTTING_DOWN') log.info(where, 'request not fulfilled')
    else log.debug(where, 'request refused')
    // The rest of a body that was refused is not read: the connection ends with the answer.
    if (!request.raw.complete) reply.header('connection', 'close')
    sendProblem(reply, error, errorBodyOf(request))
  })
  server.setNotFoundHandler((request) => {
    const allow = allowedMethods(init.routes, request.url)
    if (allow.length > 0)
      throw new VillageError('API_METHOD_NOT_ALLOWED', `The path takes ${allow.join(', ')}`, {
        fields: { allow: allow.join(', ') },
      })
    throw new VillageError('API_ROUTE_UNKNOWN')
  })
  for (const row of init.routes) registerRoute(server, row, api, init)
  registerFiles(server, init.files)
  return server
}
