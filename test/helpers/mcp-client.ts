/** The official MCP client against a test's API. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { ClientCapabilities } from '@modelcontextprotocol/sdk/types.js'

export interface ConnectedClient {
  readonly client: Client
  readonly transport: StreamableHTTPClientTransport
}

export async function connectMcp(
  url: string,
  token: string,
  capabilities: ClientCapabilities = {},
  prepare: (client: Client) => void = () => undefined,
): Promise<ConnectedClient> {
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', url), {
    requestInit: { headers: { authorization: `Bearer ${token}` } },
  })
  const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities })
  prepare(client)
  // The class is not exact about undefined, as its own interface is.
  await client.connect(transport as Parameters<typeof client.connect>[0])
  return { client, transport }
}

/** `initialize` as it goes over the wire. */
export const INITIALIZE = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'raw', version: '1' },
  },
}

export const MCP_HEADERS = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}
