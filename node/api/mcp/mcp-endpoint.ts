/**
 * MCP over streamable HTTP (specification 2025-11-25, basic/transports): sessions, each bound to whoever opened it. Streams cannot be
 * resumed: what a client that went away had asked for is cancelled, because its answer could not be delivered.
 */
import { randomUUID } from 'node:crypto'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { isInitializeRequest, isJSONRPCRequest, type RequestId } from '@modelcontextprotocol/sdk/types.js'
import type { Asker } from '../../agents/asker.ts'
import { VillageError } from '../../errors.ts'
import type { Log } from '../../log.ts'
import type { RawReply } from '../routes/route.ts'
import { rawReplyOf } from './response-stream.ts'
import { createServerSession, type SessionComponents, type SessionInit } from './server-session.ts'

const MAX_SESSIONS = 256
const MAX_SESSIONS_OF_ONE = 64
const IDLE_MS = 30 * 60_000
const SWEEP_MS = 60_000
const URL_OF_ALL = 'http://localhost/mcp'

export interface McpRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** What was sent, parsed; null where nothing was. */
  readonly body: unknown
  readonly asker: Asker
  readonly signal: AbortSignal
}

interface Session {
  readonly transport: WebStandardStreamableHTTPServerTransport
  readonly asker: Asker
  /** Exchanges that go on. */
  open: number
  usedAtMs: number
}

/** A key may be called what the owner is called. */
const isSame = (a: Asker, b: Asker) => a.kind === b.kind && a.id === b.id

const isShutdown = (reason: unknown) => reason instanceof VillageError && reason.code === 'SHUTTING_DOWN'

export interface McpEndpoint {
  handle(request: McpRequest): Promise<RawReply>
  sessions(): number
  stop(): Promise<void>
}

const jsonRpcError = (status: number, code: number, message: string): Response =>
  Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status })

function webRequest({ method, headers }: McpRequest): Request {
  const given = new Headers()
  // Credentials have done their work, and a handler has no business with them.
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && name !== 'authorization' && name !== 'cookie')
      given.set(name, Array.isArray(value) ? value.join(', ') : value)
  return new Request(URL_OF_ALL, { method, headers: given })
}

function requestIds(body: unknown): RequestId[] {
  return (Array.isArray(body) ? body : [body]).filter((it) => isJSONRPCRequest(it)).map(({ id }) => id)
}

/** Handlers throw API_TOO_MANY_CLIENTS; everything else is answered as the protocol says. */
export function createMcpEndpoint(
  components: SessionComponents & { log: Log },
  init: Pick<SessionInit, 'version' | 'decide'> & { now?: () => number; idleMs?: number },
): McpEndpoint {
  const { log } = components
  const { version, decide, now = Date.now, idleMs = IDLE_MS } = init
  const sessions = new Map<string, Session>()
  let isStopping = false

  async function close(id: string): Promise<void> {
    const session = sessions.get(id)
    if (session === undefined) return
    sessions.delete(id)
    await session.transport.close()
  }

  async function sweep(): Promise<void> {
    for (const [id, { open, usedAtMs }] of sessions)
      if (open === 0 && now() - usedAtMs >= idleMs) await close(id)
  }
  const sweeping = setInterval(() => void sweep(), SWEEP_MS)
  sweeping.unref()

  /** Programs rarely say that they leave: the one that was silent longest makes room for its own kind. Throws API_TOO_MANY_CLIENTS. */
  async function makeRoom(asker: Asker): Promise<void> {
    await sweep()
    const own = [...sessions].filter(([, session]) => isSame(session.asker, asker))
    if (sessions.size < MAX_SESSIONS && own.length < MAX_SESSIONS_OF_ONE) return
    const silent = own.filter(([, { open }]) => open === 0).sort(([, a], [, b]) => a.usedAtMs - b.usedAtMs)[0]
    if (silent === undefined) throw new VillageError('API_TOO_MANY_CLIENTS')
    await close(silent[0])
  }

  async function opened(asker: Asker): Promise<Session> {
    await makeRoom(asker)
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, session),
      onsessionclosed: (id) => void sessions.delete(id),
    })
    const session: Session = { transport, asker, open: 0, usedAtMs: now() }
    const endReason = () => new VillageError(isStopping ? 'SHUTTING_DOWN' : 'ABORTED')
    const server = createServerSession(components, { asker, version, now, decide, endReason })
    // The SDK's own type of `onclose` and the like is not exact about undefined, as ours is.
    await server.connect(transport as Parameters<typeof server.connect>[0])
    return session
  }

  /** Tells the handlers of requests that nobody waits for them any more, in the protocol's own words. */
  function cancel(transport: Session['transport'], ids: readonly RequestId[]): void {
    for (const requestId of ids)
      transport.onmessage?.({
        jsonrpc: '2.0',
        method: 'notifications/cancelled',
        params: { requestId, reason: 'the client went away' },
      })
  }

  /** Streams of calls that the client cancelled are never answered: they end. */
  function endCancelled(session: Session, body: unknown): void {
    for (const message of Array.isArray(body) ? body : [body]) {
      const { method, params } = (message ?? {}) as { method?: unknown; params?: { requestId?: unknown } }
      const id = params?.requestId
      if (method === 'notifications/cancelled' && (typeof id === 'string' || typeof id === 'number'))
        session.transport.closeSSEStream(id)
    }
  }

  async function exchange(session: Session, request: McpRequest): Promise<RawReply> {
    const { transport } = session
    session.open += 1
    session.usedAtMs = now()
    const ids = request.method === 'POST' ? requestIds(request.body) : []
    const gone = () => {
      isStopping ||= isShutdown(request.signal.reason)
      cancel(transport, ids)
    }
    const finish = () => {
      session.open -= 1
      session.usedAtMs = now()
      request.signal.removeEventListener('abort', gone)
    }
    request.signal.addEventListener('abort', gone, { once: true })
    try {
      const response = await transport.handleRequest(webRequest(request), {
        parsedBody: request.body ?? undefined,
      })
      if (request.method === 'POST') endCancelled(session, request.body)
      const reply = rawReplyOf(response)
      if (reply.body === null || typeof reply.body === 'string') finish()
      else {
        const { body } = reply
        body.once('close', finish)
        // A key that was revoked, or the end of the daemon: the stream ends with it.
        request.signal.addEventListener('abort', () => body.destroy(), { once: true })
        if (request.signal.aborted) body.destroy()
      }
      return reply
    } catch (error) {
      finish()
      throw error
    }
  }

  async function begin(request: McpRequest): Promise<RawReply> {
    const session = await opened(request.asker)
    const reply = await exchange(session, request)
    // What was refused has no session.
    if (session.transport.sessionId === undefined) await session.transport.close()
    return reply
  }

  return {
    async handle(request) {
      const given = request.headers['mcp-session-id']
      const id = Array.isArray(given) ? given[0] : given
      if (id !== undefined) {
        const session = sessions.get(id)
        // Somebody else's session is not there either: its id tells nothing.
        if (session === undefined || !isSame(session.asker, request.asker))
          return rawReplyOf(jsonRpcError(404, -32001, 'Session not found'))
        return exchange(session, request)
      }
      if (request.method === 'POST' && isInitializeRequest(request.body)) return begin(request)
      return rawReplyOf(jsonRpcError(400, -32000, 'An Mcp-Session-Id header is needed; initialize gives one'))
    },
    sessions: () => sessions.size,
    async stop() {
      clearInterval(sweeping)
      isStopping = true
      log.debug({ sessions: sessions.size }, 'sessions of MCP end')
      await Promise.all([...sessions.keys()].map(close))
    },
  }
}
