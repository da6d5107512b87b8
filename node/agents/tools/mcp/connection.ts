/**
 * The connection to one server: made when it is needed, made again with growing pauses when it fails, bounded in time and in calls. What a
 * server asks of us (sampling, elicitation, roots) is refused: no such capability is declared, and there is no handler.
 */
import type { Client } from '@modelcontextprotocol/sdk/client/index.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { VillageError } from '../../../errors.ts'
import type { JsonObject } from '../../../json.ts'
import type { Log } from '../../../log.ts'
import { type ClientSdk, loadClientSdk } from './client-sdk.ts'
import type { OfferedTool } from './frozen-tools.ts'

const MAX_PAGES = 20
const MAX_TOOLS = 256
const MAX_CALLS = 4
const FIRST_PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 300_000

export interface ConnectionLimits {
  readonly connectMs: number
  readonly listMs: number
  readonly callMs: number
  /** How long a program may take to leave when its input ends, and again when it is asked to. */
  readonly leaveMs: number
}

export const CONNECTION_LIMITS: ConnectionLimits = {
  connectMs: 30_000,
  listMs: 15_000,
  callMs: 120_000,
  leaveMs: 1_000,
}

export interface ConnectionInit {
  readonly name: string
  readonly version: string
  readonly now: () => number
  readonly limits: ConnectionLimits
  openTransport(sdk: ClientSdk): Transport
  /** What the server offers; called at each new connection and when the server says that it changed, before anything is called. */
  onTools(tools: readonly OfferedTool[]): Promise<void>
}

export type CallOutcome =
  | { readonly kind: 'result'; readonly result: CallToolResult }
  /** What the server said when it refused the call. */
  | { readonly kind: 'refusal'; readonly text: string }

export interface Connection {
  /** Connects where it is not. Throws MCP_SERVER_UNAVAILABLE, the signal's reason. */
  ready(signal: AbortSignal): Promise<void>
  /** Throws MCP_SERVER_UNAVAILABLE, TIMEOUT, the signal's reason. A server's own refusal comes back as its text. */
  call(
    tool: string,
    arguments_: JsonObject,
    init: { signal: AbortSignal; progress(message: string): void },
  ): Promise<CallOutcome>
  state(): 'idle' | 'connecting' | 'ready' | 'failed'
  close(): Promise<void>
}

interface Live {
  readonly sdk: ClientSdk
  readonly client: Client
  isStale: boolean
}

/** Rejects with the signal's reason while the work goes on for others. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const ended = Promise.withResolvers<never>()
  const end = () => ended.reject(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  try {
    return await Promise.race([work, ended.promise])
  } finally {
    signal.removeEventListener('abort', end)
  }
}

/** What has a name, whatever else it says: each is checked by itself. */
function offeredOf(tools: unknown): OfferedTool[] {
  if (!Array.isArray(tools)) throw new Error('the server lists no tools')
  return tools.slice(0, MAX_TOOLS).filter((it): it is OfferedTool => {
    const { name, description } = (it ?? {}) as { name?: unknown; description?: unknown }
    return typeof name === 'string' && (description === undefined || typeof description === 'string')
  })
}

export function createConnection(components: { log: Log }, init: ConnectionInit): Connection {
  const { log } = components
  const { name, version, now, limits } = init
  const closed = new AbortController()
  let live: Live | null = null
  let connecting: Promise<Live> | null = null
  let failures = 0
  let retryAtMs = 0
  let calls = 0

  const unavailable = (reason: string, fields: Record<string, number> = {}, cause?: unknown) =>
    new VillageError('MCP_SERVER_UNAVAILABLE', `The MCP server ${name} ${reason}`, {
      ...(cause === undefined ? {} : { cause }),
      fields: { server: name, ...fields },
    })

  function failed(): void {
    failures += 1
    retryAtMs = now() + Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1))
  }

  async function list({ client, sdk }: Live): Promise<OfferedTool[]> {
    const tools: OfferedTool[] = []
    const signal = AbortSignal.any([closed.signal, AbortSignal.timeout(limits.listMs)])
    let cursor: string | undefined
    for (let page = 0; page < MAX_PAGES; page++) {
      // Not client.listTools(): that compiles the schemas which the server wrote, and one bad tool would spoil all.
      const answer = await client.request(
        { method: 'tools/list', params: cursor === undefined ? {} : { cursor } },
        sdk.ResultSchema,
        { signal, timeout: limits.listMs },
      )
      tools.push(...offeredOf(answer.tools))
      cursor = typeof answer.nextCursor === 'string' ? answer.nextCursor : undefined
      if (tools.length > MAX_TOOLS || cursor === undefined) break
    }
    return tools.slice(0, MAX_TOOLS)
  }

  async function connect(): Promise<Live> {
    const sdk = await loadClientSdk()
    const client = new sdk.Client({ name: 'aivillage', version }, { capabilities: {} })
    const made: Live = { sdk, client, isStale: true }
    client.onerror = (error) => log.debug({ err: error, server: name }, 'an mcp server misbehaved')
    client.onclose = () => {
      if (live !== made) return
      live = null
      failed()
      log.info({ server: name }, 'an mcp server went away')
    }
    client.setNotificationHandler(sdk.ToolListChangedNotificationSchema, () => {
      made.isStale = true
    })
    try {
      await client.connect(init.openTransport(sdk), { signal: closed.signal, timeout: limits.connectMs })
      await refresh(made)
      closed.signal.throwIfAborted()
      live = made
      return made
    } catch (error) {
      failed()
      await client.close()
      if (error instanceof VillageError) throw error
      throw unavailable('does not speak with this node', {}, error)
    }
  }

  async function refresh(given: Live): Promise<void> {
    // Before the list is asked for: a change that is told meanwhile counts again.
    given.isStale = false
    try {
      await init.onTools(await list(given))
    } catch (error) {
      given.isStale = true
      throw error
    }
  }

  async function connection(): Promise<Live> {
    if (closed.signal.aborted) throw new VillageError('SHUTTING_DOWN')
    if (live === null) {
      const waitMs = retryAtMs - now()
      if (connecting === null && waitMs > 0)
        throw unavailable('failed before and is not tried again yet', { retryAfterMs: waitMs })
      connecting ??= connect().finally(() => {
        connecting = null
      })
      return connecting
    }
    if (live.isStale) await refresh(live)
    return live
  }

  return {
    async ready(signal) {
      await orAborted(connection(), signal)
    },
    async call(tool, arguments_, { signal, progress }) {
      if (calls >= MAX_CALLS) throw unavailable(`has ${MAX_CALLS} calls to do already`)
      calls += 1
      try {
        const { client, sdk } = await orAborted(connection(), signal)
        const result = await client.request(
          { method: 'tools/call', params: { name: tool, arguments: { ...arguments_ } } },
          sdk.CallToolResultSchema,
          {
            signal,
            timeout: limits.callMs,
            onprogress: ({ message }) => message !== undefined && progress(message),
          },
        )
        failures = 0
        return { kind: 'result', result }
      } catch (error) {
        signal.throwIfAborted()
        const { ErrorCode, McpError } = await loadClientSdk()
        if (!(error instanceof McpError))
          throw error instanceof VillageError ? error : unavailable('failed', {}, error)
        if (error.code === ErrorCode.RequestTimeout)
          throw new VillageError('TIMEOUT', `The MCP server ${name} did not answer in time`, {
            cause: error,
            fields: { server: name },
          })
        if (error.code === ErrorCode.ConnectionClosed) throw unavailable('went away', {}, error)
        return { kind: 'refusal', text: error.message }
      } finally {
        calls -= 1
      }
    },
    state: () =>
      live !== null ? 'ready' : connecting !== null ? 'connecting' : failures > 0 ? 'failed' : 'idle',
    async close() {
      closed.abort(new VillageError('SHUTTING_DOWN'))
      const { client } = live ?? { client: null }
      live = null
      await client?.close()
      await connecting?.catch(() => undefined)
    },
  }
}
