/** An MCP server over streamable HTTP: the SDK's transport, with a bound on what an answer may hold. */
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import type { HttpServer } from '../../../config-mcp-servers.ts'
import type { ClientSdk } from './client-sdk.ts'

const MAX_ANSWER_BYTES = 16 * 2 ** 20
const RECONNECT = {
  initialReconnectionDelay: 1_000,
  maxReconnectionDelay: 30_000,
  reconnectionDelayGrowFactor: 2,
  maxRetries: 2,
}

/** Counts what is left after decompression: a small body that becomes a large one is cut as well. */
function bounded(response: Response, maxBytes: number): Response {
  if (response.body === null) return response
  let sizeBytes = 0
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        sizeBytes += chunk.byteLength
        if (sizeBytes > maxBytes) controller.error(new Error(`the answer is larger than ${maxBytes} bytes`))
        else controller.enqueue(chunk)
      },
    }),
  )
  const { status, statusText, headers } = response
  return new Response(counted, { status, statusText, headers })
}

/** Redirects are followed within the server's own origin only, so that its token goes nowhere else. */
export function createHttpTransport(
  { StreamableHTTPClientTransport }: Pick<ClientSdk, 'StreamableHTTPClientTransport'>,
  init: { server: HttpServer; token: string | null; maxAnswerBytes?: number },
): Transport {
  const { server, token, maxAnswerBytes = MAX_ANSWER_BYTES } = init
  return new StreamableHTTPClientTransport(new URL(server.url), {
    requestInit: { headers: token === null ? {} : { authorization: `Bearer ${token}` } },
    redirectPolicy: 'same-origin',
    reconnectionOptions: RECONNECT,
    fetch: async (url, request) => bounded(await fetch(url, request), maxAnswerBytes),
    // The SDK's class is not exact about undefined in `onclose` and the like, as its own interface is.
  }) as Transport
}
