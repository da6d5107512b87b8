/**
 * The HTTP API as a service of the daemon: it starts last and stops first, so that nobody is answered by half a node.
 */
import { randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { VillageError } from '../errors.ts'
import type { Service } from '../lifecycle.ts'
import { loadToken, removeAddress, writeAddress } from './access-files.ts'
import type { ApiComponents, ApiContext, ApiInit, Followers } from './components.ts'
import { createDashboardFiles } from './dashboard-files.ts'
import { createStoredResponses } from './gateway/stored-responses.ts'
import { bearerToken, tokenMatches } from './guard.ts'
import { createKeys } from './keys/keys.ts'
import { countAgentTokens, createMeteredAgents } from './keys/metered-agents.ts'
import { createMetrics, type Metrics } from './metrics/metrics.ts'
import { a2aOnDemand, mcpOnDemand } from './on-demand.ts'
import { openApiDocument } from './openapi.ts'
import { OWNER, type Principal } from './principal.ts'
import { ROUTES } from './routes/table.ts'
import { createServer } from './server.ts'
import { followSilentConnections } from './silent-connections.ts'

const MAX_FOLLOWERS = 64
const DRAIN_MS = 3_000

export interface Api extends Service {
  /** `http://127.0.0.1:7480`; throws before the start. */
  url(): string
  /** The dashboard with the token in the fragment, which browsers never send. */
  dashboardLink(): string
}

function createFollowers(): Followers {
  let followers = 0
  return {
    enter() {
      if (followers >= MAX_FOLLOWERS) throw new VillageError('API_TOO_MANY_CLIENTS')
      followers += 1
      let left = false
      return () => {
        if (!left) followers -= 1
        left = true
      }
    },
    count: () => followers,
  }
}

async function listen(server: FastifyInstance, host: string, port: number): Promise<void> {
  try {
    await server.listen({ host, port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE')
      throw new VillageError(
        'PORT_BUSY',
        `Port ${port} of ${host} is used by another program; api.port sets another`,
        {
          cause: error,
          fields: { host, port, key: 'api.port' },
        },
      )
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'EACCES' || code === 'EAI_AGAIN')
      throw new VillageError(
        'ADDRESS_UNAVAILABLE',
        `The API cannot listen on ${host} port ${port} (${code})`,
        {
          cause: error,
          fields: { host, port, key: 'api.host' },
        },
      )
    throw error
  }
}

/** Start throws PORT_BUSY or ADDRESS_UNAVAILABLE. */
export function createApi(components: ApiComponents, init: ApiInit): Api {
  const { log, config } = components
  const instance = randomBytes(9).toString('base64url').replaceAll('-', '_')
  const stopping = new AbortController()
  const followers = createFollowers()
  const keys = createKeys(
    { log },
    {
      directory: init.directory,
      onExpired: (id) =>
        void components.erasure
          .eraseSaid({ kind: 'key', id })
          .catch((error: unknown) => log.error({ err: error }, 'what a key said is not erased yet')),
    },
  )
  const responses = createStoredResponses({ sealed: components.responseStore })
  components.erasure.onErase('responses', 'said', responses.forget)
  const endCounting = countAgentTokens({ agents: components.agents, keys })
  const agents = createMeteredAgents({ agents: components.agents, keys })
  const mcp = mcpOnDemand(
    { ...components, agents },
    {
      version: init.version,
      decide: (asker, approval, isApproved) =>
        void components.approvals.decide(approval, isApproved ? 'approve' : 'deny', asker),
    },
  )
  const a2a = a2aOnDemand(
    { log, agents },
    { version: init.version, revoked: ({ kind, id }) => (kind === 'key' ? keys.signal(id) : null) },
  )
  components.erasure.onErase('a2a', 'said', a2a.forget)
  let server: FastifyInstance | undefined
  let metrics: Metrics | undefined
  let endSilent = () => {}
  let token = ''
  let url: string | undefined
  let stopped: Promise<void> | undefined

  const context: ApiContext = {
    ...components,
    ...init,
    instance,
    followers,
    ...{ keys, responses, mcp, a2a },
    url: () => api.url(),
    metrics: (accept) => metrics?.page(accept) ?? Promise.reject(new VillageError('SHUTTING_DOWN')),
    openApi: () => openApiDocument(ROUTES, { version: init.version, url: api.url() }),
  }

  /** Throws API_UNAUTHORIZED for a key that has expired. */
  function identify(authorization: string | undefined): Principal | null {
    if (tokenMatches(authorization, token)) return OWNER
    return keys.identify(bearerToken(authorization))
  }

  async function stopAll(): Promise<void> {
    stopping.abort(new VillageError('SHUTTING_DOWN'))
    await removeAddress(init.directory, instance)
    await Promise.all([mcp.stop(), a2a.stop()])
    if (server !== undefined) {
      const open = server
      // Requests in flight were aborted above and answer now; a client that does not read its answer is not waited for.
      const deadline = setTimeout(() => open.server.closeAllConnections(), DRAIN_MS)
      endSilent()
      await open.close()
      clearTimeout(deadline)
    }
    metrics?.stop()
    endCounting()
    await keys.stop()
  }

  const api: Api = {
    name: 'api',
    async start(signal) {
      token = await loadToken({ log }, init.directory)
      await keys.start()
      metrics = createMetrics({ ...components, followers }, { version: init.version })
      server = await createServer(context, {
        routes: ROUTES,
        files: createDashboardFiles(),
        identify,
        stopping: stopping.signal,
        metrics,
      })
      endSilent = followSilentConnections(server.server)
      signal.throwIfAborted()
      await listen(server, config['api.host'], config['api.port'])
      const { port } = server.server.address() as { port: number }
      const host = config['api.host']
      // 0.0.0.0 and :: are not addresses to call: the machine itself is reached through loopback.
      const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
      url = `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
      if (!['127.0.0.1', '::1', 'localhost'].includes(host))
        log.warn({ host }, 'the api can be reached from other machines, and does not encrypt')
      await writeAddress(init.directory, {
        url,
        pid: process.pid,
        instance,
        version: init.version,
        startedAtMs: init.startedAtMs,
      })
      log.debug({ url }, 'api listens')
    },
    stop() {
      stopped ??= stopAll()
      return stopped
    },
    url() {
      if (url === undefined) throw new VillageError('INTERNAL', 'The API does not listen yet')
      return url
    },
    dashboardLink: () => `${api.url()}/#token=${token}`,
  }
  return api
}
