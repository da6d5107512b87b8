/** How to call the routes of MCP and A2A so that they succeed (test/api/routes.test.ts). */
import type { TestApi } from './api-server.ts'
import type { Call } from './federated-calls.ts'
import { INITIALIZE, MCP_HEADERS } from './mcp-client.ts'

const parts = [{ kind: 'text', text: 'hello' }]
const A2A_MESSAGE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'message/stream',
  params: { message: { kind: 'message', messageId: 'm1', role: 'user', parts } },
}

export const PROTOCOL_CALLS: Record<string, (server: TestApi) => Promise<Call>> = {
  sendMcp: async () => ({ path: '/mcp', body: INITIALIZE, headers: MCP_HEADERS }),
  endMcp: async ({ ask }) => {
    const begun = await ask('/mcp', { method: 'POST', body: INITIALIZE, headers: MCP_HEADERS })
    return { path: '/mcp', headers: { 'mcp-session-id': String(begun.headers['mcp-session-id']) } }
  },
  listMcpServers: async () => ({ path: '/api/v1/mcp/servers' }),
  refreshMcpServers: async () => ({ path: '/api/v1/mcp/refresh' }),
  acceptTool: async () => ({
    path: '/api/v1/tools/mcp_odd_report/accept',
    body: { fingerprint: 'ab'.repeat(8) },
  }),
  getAgentCard: async () => ({ path: '/.well-known/agent-card.json' }),
  getCardOfAgent: async () => ({ path: '/a2a/sage/.well-known/agent-card.json' }),
  sendA2a: async () => ({ path: '/a2a', body: A2A_MESSAGE }),
  sendA2aToAgent: async () => ({ path: '/a2a/king', body: A2A_MESSAGE }),
}
