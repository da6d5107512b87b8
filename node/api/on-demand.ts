/**
 * MCP and A2A, loaded when somebody first speaks them: their SDKs take 45 MB of memory, and most nodes are not spoken to by both.
 */
import type { A2aEndpoint, A2aRequest } from './a2a/a2a-endpoint.ts'
import type { McpEndpoint } from './mcp/mcp-endpoint.ts'

/** Made at the first use and kept; one that could not be made is tried again. */
function once<T>(make: () => Promise<T>): { get(): Promise<T>; made(): Promise<T> | null } {
  let made: Promise<T> | null = null
  return {
    get() {
      made ??= make().catch((error: unknown) => {
        made = null
        throw error
      })
      return made
    },
    made: () => made,
  }
}

export type OnDemandMcp = Pick<McpEndpoint, 'handle' | 'stop'>

export function mcpOnDemand(
  ...given: Parameters<typeof import('./mcp/mcp-endpoint.ts')['createMcpEndpoint']>
): OnDemandMcp {
  const endpoint = once(async () => (await import('./mcp/mcp-endpoint.ts')).createMcpEndpoint(...given))
  return {
    handle: async (request) => (await endpoint.get()).handle(request),
    stop: async () => (await endpoint.made())?.stop(),
  }
}

export interface OnDemandA2a extends Omit<A2aEndpoint, 'card'> {
  card(agent: A2aRequest['agent'], headers: A2aRequest['headers']): Promise<object>
}

export function a2aOnDemand(
  ...given: Parameters<typeof import('./a2a/a2a-endpoint.ts')['createA2aEndpoint']>
): OnDemandA2a {
  const endpoint = once(async () => (await import('./a2a/a2a-endpoint.ts')).createA2aEndpoint(...given))
  return {
    handle: async (request) => (await endpoint.get()).handle(request),
    card: async (agent, headers) => (await endpoint.get()).card(agent, headers),
    // Nobody has said anything to one that was never made.
    forget: async (asker) => (await endpoint.made())?.forget(asker),
    stop: async () => (await endpoint.made())?.stop(),
  }
}
