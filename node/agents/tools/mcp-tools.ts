/**
 * Tools of external MCP servers of the configuration (`agents.mcpServers`), as rows of the tool table that come and go. Their effect is
 * `outside`: what is asked leaves this node's rules. Descriptions, results and errors of servers are text of others.
 */
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { type McpServer, parseMcpServer } from '../../config-mcp-servers.ts'
import { VillageError } from '../../errors.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import { nearest } from '../../nearest.ts'
import type { Store } from '../../store.ts'
import type { ClientSdk } from './mcp/client-sdk.ts'
import {
  CONNECTION_LIMITS,
  type Connection,
  type ConnectionLimits,
  createConnection,
} from './mcp/connection.ts'
import {
  accept as accepted,
  type FrozenServer,
  type FrozenTool,
  freeze,
  type RefusedTool,
  targetOf,
} from './mcp/frozen-tools.ts'
import { createHttpTransport } from './mcp/http-transport.ts'
import { serverEnvironment, serverToken } from './mcp/server-environment.ts'
import { createStdioTransport } from './mcp/stdio-transport.ts'
import { refusalOf, resultOf } from './mcp/tool-result.ts'
import { plainText } from './mcp/tool-schema.ts'
import type { Tool } from './tool.ts'

/** What is not known is taken for slow and dear, so that King prefers what this node does itself. */
const COST = { latencyMs: 2_000, cpuSeconds: 0, leavesNode: true }
const MAX_PROGRESS_UNITS = 200

export interface McpToolView {
  /** As agents and `village tools` name it. */
  readonly name: string
  readonly tool: string
  readonly description: string
  /** `changed`: refused until it is accepted. `gone`: the server does not offer it any more. */
  readonly state: 'ready' | 'changed' | 'gone'
  /** How the server describes it now, where that is not accepted yet. */
  readonly changedDescription: string | null
  /** Of the change that waits: 64 hex digits, which accept() is told; null where nothing waits. */
  readonly changedFingerprint: string | null
}

export interface McpServerView {
  readonly name: string
  readonly kind: McpServer['kind']
  readonly state: ReturnType<Connection['state']>
  /** Code of the last failure. */
  readonly error: string | null
  readonly tools: readonly McpToolView[]
  readonly refused: readonly RefusedTool[]
}

export interface McpTools extends Service {
  /** Those that can be called now or when their server is back; a row stays the same object until it changes. */
  list(): readonly Tool[]
  servers(): McpServerView[]
  /** Takes a tool as its server describes it now. Throws TOOL_UNKNOWN with the nearest name. */
  /** `fingerprint`: the beginning of that of the change that was looked at, at least 8 digits. Throws TOOL_UNKNOWN, MCP_TOOL_CHANGED. */
  accept(name: string, fingerprint: string): Promise<McpToolView>
  /** Asks every server what it offers; resolves when all have answered or failed. */
  refresh(signal: AbortSignal): Promise<void>
}

export interface McpToolsInit {
  /** `agents.mcpServers`, checked. */
  readonly servers: readonly string[]
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly version: string
  readonly now?: () => number
  readonly limits?: ConnectionLimits
}

interface Entry {
  readonly server: McpServer
  readonly target: string
  readonly connection: Connection
  frozen: readonly FrozenTool[]
  refused: readonly RefusedTool[]
  error: string | null
  rows: readonly Tool[]
}

const stateOf = (tool: FrozenTool): McpToolView['state'] =>
  !tool.isOffered ? 'gone' : tool.changed === null ? 'ready' : 'changed'

const viewOf = (tool: FrozenTool): McpToolView => ({
  name: tool.name,
  tool: plainText(tool.tool, 128),
  description: tool.description,
  state: stateOf(tool),
  changedDescription: tool.changed?.description ?? null,
  changedFingerprint: tool.changed?.fingerprint ?? null,
})

export function createMcpTools(components: { log: Log; store: Store }, init: McpToolsInit): McpTools {
  const { log, store } = components
  const { environment, version, now = Date.now, limits = CONNECTION_LIMITS } = init
  const table = store.json<FrozenServer>('mcp-tools')
  const stopping = new AbortController()
  let finding: Promise<void> = Promise.resolve()

  function transportOf(server: McpServer, sdk: ClientSdk): Transport {
    return server.kind === 'stdio'
      ? createStdioTransport(
          { log, sdk },
          { server, environment: serverEnvironment(server.name, environment), now, leaveMs: limits.leaveMs },
        )
      : createHttpTransport(sdk, { server, token: serverToken(server.name, environment) })
  }

  async function keep(entry: Entry, tools: readonly FrozenTool[]): Promise<void> {
    const before = new Map(entry.frozen.map((tool, index) => [tool, entry.rows[index]!]))
    await table.put(entry.server.name, { target: entry.target, tools }, { sync: true })
    entry.frozen = tools
    entry.rows = tools.map((tool) => {
      const known = entry.rows.find(({ name }) => name === tool.name)
      const isSame = [...before].some(([old, row]) => row === known && old.fingerprint === tool.fingerprint)
      return known !== undefined && isSame ? known : rowOf(entry, tool)
    })
  }

  /** Throws MCP_TOOL_CHANGED, TOOL_UNKNOWN. */
  function check(entry: Entry, name: string): FrozenTool {
    const tool = entry.frozen.find((row) => row.name === name)
    if (tool === undefined || !tool.isOffered)
      throw new VillageError(
        'TOOL_UNKNOWN',
        `The server ${entry.server.name} does not offer ${name} any more`,
        {
          fields: { tool: name },
        },
      )
    if (tool.changed !== null)
      throw new VillageError(
        'MCP_TOOL_CHANGED',
        `The server ${entry.server.name} describes ${name} otherwise than when it was first seen`,
        { fields: { tool: name, server: entry.server.name } },
      )
    return tool
  }

  function rowOf(entry: Entry, { name, description, parameters }: FrozenTool): Tool {
    return {
      ...{ name, description, parameters },
      effect: 'outside',
      scope: 'operate',
      cost: COST,
      async run(given, { signal, progress }) {
        // A server that was not asked yet in this run may describe it otherwise by now.
        await attempt(entry, signal)
        const { tool } = check(entry, name)
        const answer = await entry.connection.call(tool, given, {
          signal,
          progress: (message) => progress(plainText(message, MAX_PROGRESS_UNITS)),
        })
        return answer.kind === 'refusal' ? refusalOf(name, answer.text) : resultOf(name, answer.result)
      },
    }
  }

  async function attempt(entry: Entry, signal: AbortSignal): Promise<void> {
    try {
      await entry.connection.ready(signal)
      entry.error = null
    } catch (error) {
      if (error instanceof VillageError) entry.error = error.code
      throw error
    }
  }

  async function onTools(entry: Entry, offered: Parameters<typeof freeze>[2]): Promise<void> {
    const { tools, refused } = freeze(entry.server.name, entry.frozen, offered)
    const { name } = entry.server
    for (const tool of tools)
      if (
        tool.changed !== null &&
        !entry.frozen.some((row) => row.name === tool.name && row.changed !== null)
      )
        log.warn({ server: name, tool: tool.name }, 'an mcp server changed a tool: refused until accepted')
    entry.refused = refused
    if (JSON.stringify(tools) !== JSON.stringify(entry.frozen)) await keep(entry, tools)
  }

  const entries = init.servers.flatMap((text): Entry[] => {
    const server = parseMcpServer(text)
    if (server === null) throw new VillageError('CONFIG_INVALID_VALUE', 'agents.mcpServers names no server')
    const entry: Entry = {
      server,
      target: targetOf({ ...server }),
      connection: createConnection(
        { log },
        {
          name: server.name,
          ...{ version, now, limits },
          openTransport: (sdk) => transportOf(server, sdk),
          onTools: (offered) => onTools(entry, offered),
        },
      ),
      frozen: [],
      refused: [],
      error: null,
      rows: [],
    }
    return [entry]
  })

  async function find(given: readonly Entry[], signal: AbortSignal): Promise<void> {
    await Promise.all(
      given.map((entry) =>
        attempt(entry, signal).catch((error: unknown) =>
          log.info({ server: entry.server.name, code: (error as VillageError).code }, 'an mcp server failed'),
        ),
      ),
    )
  }

  return {
    name: 'mcp-tools',
    async start() {
      for (const entry of entries) {
        const stored = await table.get(entry.server.name)
        if (stored?.target !== entry.target) continue
        entry.frozen = stored.tools
        entry.rows = stored.tools.map((tool) => rowOf(entry, tool))
      }
      // Servers that were never seen are asked once, in nobody's way; known ones when they are needed.
      const unknown = entries.filter(({ frozen }) => frozen.length === 0)
      finding = find(unknown, stopping.signal)
    },
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await Promise.all(entries.map(({ connection }) => connection.close()))
      await finding
    },
    list: () =>
      entries.flatMap(({ rows, frozen }) => rows.filter((_, index) => frozen[index]?.isOffered === true)),
    servers: () =>
      entries.map(({ server, connection, error, frozen, refused }) => ({
        ...{ name: server.name, kind: server.kind, error, refused },
        state: connection.state(),
        tools: frozen.map(viewOf),
      })),
    async accept(name, fingerprint) {
      const all = entries.flatMap((entry) => entry.frozen.map((tool) => ({ entry, tool })))
      const found = all.find(({ tool }) => tool.name === name)
      if (found === undefined) {
        const near = nearest(
          name,
          all.map(({ tool }) => tool.name),
        )
        throw new VillageError(
          'TOOL_UNKNOWN',
          `No MCP server of the configuration has the tool ${plainText(name, 64)}${near === null ? '' : `; did you mean ${near}?`}`,
        )
      }
      const { entry, tool } = found
      // What the server says by now may not be what was looked at.
      if (tool.changed !== null && !tool.changed.fingerprint.startsWith(fingerprint))
        throw new VillageError(
          'MCP_TOOL_CHANGED',
          `The server ${entry.server.name} has changed ${name} again since it was looked at`,
          { fields: { tool: name, server: entry.server.name } },
        )
      const taken = accepted(tool)
      if (taken !== tool) {
        await keep(
          entry,
          entry.frozen.map((row) => (row === tool ? taken : row)),
        )
        log.info({ server: entry.server.name, tool: name }, 'a changed tool was accepted')
      }
      return viewOf(taken)
    },
    refresh: (signal) => find(entries, AbortSignal.any([signal, stopping.signal])),
  }
}
