/** External MCP servers whose tools agents may use: what they offer, and what of it waits to be accepted. */
import { anyText, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type Route, route } from './route.ts'

const tag = 'mcp'

const TOOL = object({
  name: anyText,
  tool: anyText,
  description: anyText,
  state: oneOf('ready', 'changed', 'gone'),
  changedDescription: orNull(anyText),
  changedFingerprint: orNull(anyText),
})

const SERVERS = object({
  servers: listOf(
    object({
      name: anyText,
      kind: oneOf('stdio', 'http'),
      state: oneOf('idle', 'connecting', 'ready', 'failed'),
      error: orNull(anyText),
      tools: listOf(TOOL),
      refused: listOf(object({ tool: anyText, reason: anyText })),
    }),
  ),
})

export const MCP_SERVER_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/mcp/servers',
    scope: 'read',
    tag,
    id: 'listMcpServers',
    summary: 'The MCP servers of the configuration, their state, and the tools that each offers.',
    response: { kind: 'json', status: 200, schema: SERVERS },
    handle: async (_request, { mcpTools }) => ({ servers: mcpTools.servers() }),
  }),
  route({
    method: 'POST',
    path: '/api/v1/mcp/refresh',
    scope: 'operate',
    tag,
    id: 'refreshMcpServers',
    summary:
      'Asks every MCP server of the configuration what it offers now; answers when all have answered or failed.',
    response: { kind: 'json', status: 200, schema: SERVERS },
    slow: true,
    async handle({ signal }, { mcpTools }) {
      await mcpTools.refresh(signal)
      return { servers: mcpTools.servers() }
    },
  }),
  route<{ name: string }, Record<string, never>, { fingerprint: string }>({
    method: 'POST',
    path: '/api/v1/tools/:name/accept',
    scope: 'admin',
    tag,
    id: 'acceptTool',
    summary:
      'Takes the change of a tool of an MCP server that was looked at: `fingerprint` is the beginning of its `changedFingerprint`.',
    params: object({ name: text(64) }),
    body: {
      kind: 'json',
      schema: object({ fingerprint: { type: 'string', pattern: '^[0-9a-f]{8,64}$' } }),
    },
    response: { kind: 'json', status: 200, schema: TOOL },
    errors: ['TOOL_UNKNOWN', 'MCP_TOOL_CHANGED'],
    handle: ({ params: { name }, body }, { mcpTools }) => mcpTools.accept(name, body.fingerprint),
  }),
]
