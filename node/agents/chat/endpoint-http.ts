/**
 * Requests to a server of the configuration: proxies of the environment honoured, the key sent to its own origin only, no redirect to
 * anywhere else, and a connection that stalls is given up.
 */
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { VillageError } from '../../errors.ts'

export interface EndpointAnswer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  /** Throws CHAT_ENDPOINT_FAILED when it stalls, breaks or is longer than allowed, and the signal's reason. */
  readonly body: AsyncIterable<Uint8Array>
  /** Ends the connection of a body that is not read to its end. */
  discard(): void
  /** What is left of the body says nothing more: the connection is kept where it ends by itself. */
  release(): void
}

export interface EndpointHttp {
  /** Throws CHAT_ENDPOINT_FAILED and the signal's reason. `path` is below the URL of the endpoint. */
  request(
    path: string,
    init: { readonly body?: string; readonly accept: string; readonly signal: AbortSignal },
  ): Promise<EndpointAnswer>
  close(): void
}

export interface EndpointHttpInit {
  readonly name: string
  /** `https://host/v1`. */
  readonly url: string
  readonly key: string | null
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Until the first byte of an answer: a model on a small machine thinks for long before it says anything. */
  readonly firstByteMs: number
  /** Between two bytes after that. */
  readonly stallMs: number
  readonly maxBytes: number
}

const MAX_REDIRECTS = 3
/** For the end of a body behind its last word. */
const RELEASE_MS = 1_000
/** Those that keep method and body. */
const REDIRECTS = new Set([307, 308])

class StaleConnection extends Error {}

export function createEndpointHttp(init: EndpointHttpInit): EndpointHttp {
  const base = new URL(init.url)
  const proxyEnv = { ...init.environment }
  const agent =
    base.protocol === 'https:'
      ? new https.Agent({ keepAlive: true, proxyEnv })
      : new http.Agent({ keepAlive: true, proxyEnv })
  const fields = { endpoint: init.name }
  const failed = (problem: string, cause?: unknown) =>
    new VillageError('CHAT_ENDPOINT_FAILED', `The endpoint "${init.name}" ${problem}`, { cause, fields })

  function once(
    url: URL,
    { body, accept, signal }: Parameters<EndpointHttp['request']>[1],
  ): Promise<{ response: IncomingMessage; request: ClientRequest; explain(error: unknown): unknown }> {
    return new Promise((resolve, reject) => {
      const headers = {
        accept,
        'accept-encoding': 'identity',
        'user-agent': 'aivillage',
        ...(init.key !== null && { authorization: `Bearer ${init.key}` }),
        ...(body !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
      }
      const options = { method: body === undefined ? 'GET' : 'POST', headers, signal, agent }
      const request = (url.protocol === 'https:' ? https : http).request(url, options)
      let isStalled = false
      request.setTimeout(init.firstByteMs, () => {
        isStalled = true
        request.destroy()
      })
      const explain = (error: unknown): unknown => {
        if (signal.aborted) return signal.reason
        if (error instanceof VillageError) return error
        return isStalled ? failed('sent nothing for too long') : failed('cannot be reached', error)
      }
      request.once('response', (response) => {
        resolve({ response, request, explain })
      })
      request.on('error', (error: NodeJS.ErrnoException) => {
        // The server closed a kept connection as it was taken again: the request has not been read.
        const isStale = request.reusedSocket && error.code === 'ECONNRESET' && !signal.aborted && !isStalled
        reject(isStale ? new StaleConnection() : explain(error))
      })
      request.end(body)
    })
  }

  async function* read(exchange: Awaited<ReturnType<typeof once>>): AsyncGenerator<Uint8Array> {
    const { response, request, explain } = exchange
    let sizeBytes = 0
    try {
      const chunks: AsyncIterable<Buffer> = response.iterator({ destroyOnReturn: false })
      for await (const chunk of chunks) {
        if (sizeBytes === 0) request.setTimeout(init.stallMs)
        sizeBytes += chunk.byteLength
        if (sizeBytes > init.maxBytes) throw failed(`sent more than ${init.maxBytes} bytes`)
        yield chunk
      }
    } catch (error) {
      throw explain(error)
    }
  }

  function release(response: IncomingMessage): void {
    if (response.readableEnded || response.destroyed) return
    const timer = setTimeout(() => response.destroy(), RELEASE_MS).unref()
    response.once('close', () => clearTimeout(timer))
    response.resume()
  }

  return {
    async request(path, given) {
      let url = new URL(`${base.href.replace(/\/$/, '')}${path}`)
      for (let redirects = 0; ; redirects++) {
        const exchange = await once(url, given).catch((error: unknown) => {
          if (error instanceof StaleConnection) return once(url, given)
          throw error
        })
        const { response } = exchange
        const status = response.statusCode ?? 0
        const { location } = response.headers
        if (status < 300 || status >= 400)
          return {
            status,
            headers: response.headers,
            body: read(exchange),
            discard: () => response.destroy(),
            release: () => release(response),
          }
        response.destroy()
        const next = URL.parse(location ?? '', url)
        if (
          !REDIRECTS.has(status) ||
          next === null ||
          next.origin !== base.origin ||
          redirects === MAX_REDIRECTS
        )
          throw failed('sends to another address, and is not followed there')
        url = next
      }
    },
    close: () => agent.destroy(),
  }
}
