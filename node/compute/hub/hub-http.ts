/**
 * Requests to a hub: redirects followed by hand (the token stays with the hub, and nothing goes from https to http), proxies of
 * the environment honoured, and an answer that stalls is given up.
 */
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { VillageError } from '../../errors.ts'

export interface HubAnswer {
  readonly status: number
  /** Of the last answer. */
  readonly headers: IncomingMessage['headers']
  /** Headers of every answer on the way, first to last: a hub says what a file is before it sends elsewhere. */
  readonly trail: readonly IncomingMessage['headers'][]
  /** Bytes as they come; throws HUB_STALLED when none came for too long, HUB_UNREACHABLE when the connection broke. */
  readonly body: AsyncIterable<Uint8Array>
  /** Ends the connection of a body that is not read to its end. */
  discard(): void
}

export interface HubHttp {
  /** Throws HUB_UNREACHABLE, HUB_STALLED, HUB_ANSWER_INVALID, and the reason of the signal. */
  get(
    url: string,
    init: { signal: AbortSignal; headers?: Readonly<Record<string, string>> },
  ): Promise<HubAnswer>
  close(): void
}

export interface HubHttpInit {
  /** `https://host[/path]`. */
  readonly hub: string
  /** Sent to the origin of the hub only, and only over https or to this machine. */
  readonly token: string | null
  /** HTTP_PROXY, HTTPS_PROXY and NO_PROXY are read from it. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly userAgent: string
  /** Without a byte for this long a connection is given up. */
  readonly stallMs: number
}

interface Exchange {
  readonly response: IncomingMessage
  /** What a failure of the connection means. */
  explain(error: unknown): unknown
}

const MAX_REDIRECTS = 8
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

const unreachable = (url: URL, cause: unknown) =>
  new VillageError('HUB_UNREACHABLE', `${url.host} cannot be reached`, { cause, fields: { host: url.host } })
const stalled = (url: URL, stallMs: number) =>
  new VillageError('HUB_STALLED', `${url.host} sent nothing for ${stallMs / 1000} s`, {
    fields: { host: url.host },
  })
const invalidAnswer = (url: URL, problem: string) =>
  new VillageError('HUB_ANSWER_INVALID', `${url.host} ${problem}`, { fields: { host: url.host } })

/** Throws INVALID_ARGUMENT for anything but an http or https URL without credentials. */
export function parseHubUrl(text: string): URL {
  const url = URL.parse(text)
  const isPlain =
    url !== null && ['http:', 'https:'].includes(url.protocol) && url.username === '' && url.password === ''
  if (isPlain && url.search === '' && url.hash === '') return url
  throw new VillageError('INVALID_ARGUMENT', 'The URL of a hub is like https://hub.example', {
    fields: { argument: 'hub' },
  })
}

export function createHubHttp(init: HubHttpInit): HubHttp {
  const { token, stallMs } = init
  const hub = parseHubUrl(init.hub)
  const proxyEnv = { ...init.environment }
  const agents = {
    'http:': new http.Agent({ keepAlive: true, proxyEnv }),
    'https:': new https.Agent({ keepAlive: true, proxyEnv }),
  }
  const mayHaveToken = hub.protocol === 'https:' || LOOPBACK.test(hub.hostname)

  function headersFor(url: URL, given: Readonly<Record<string, string>>): Record<string, string> {
    const isHub = url.origin === hub.origin
    return {
      'user-agent': init.userAgent,
      'accept-encoding': 'identity',
      ...given,
      ...(token !== null && isHub && mayHaveToken ? { authorization: `Bearer ${token}` } : {}),
    }
  }

  function once(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const options = { headers, signal, agent: agents[url.protocol as 'http:' | 'https:'] }
      const request: ClientRequest = (url.protocol === 'https:' ? https : http).get(url, options)
      let isStalled = false
      // Of the socket: it goes on while the body is read.
      request.setTimeout(stallMs, () => {
        isStalled = true
        request.destroy()
      })
      const explain = (error: unknown): unknown => {
        if (signal.aborted) return signal.reason
        return isStalled ? stalled(url, stallMs) : unreachable(url, error)
      }
      request.once('response', (response) => resolve({ response, explain }))
      request.on('error', (error) => reject(explain(error)))
    })
  }

  async function* read({ response, explain }: Exchange): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) yield chunk
    } catch (error) {
      throw explain(error)
    }
  }

  return {
    async get(text, { signal, headers = {} }) {
      signal.throwIfAborted()
      const trail: IncomingMessage['headers'][] = []
      let url = new URL(text)
      for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
        const exchange = await once(url, headersFor(url, headers), signal)
        const { response } = exchange
        trail.push(response.headers)
        const status = response.statusCode ?? 0
        const { location } = response.headers
        if (!REDIRECTS.has(status) || location === undefined)
          return {
            status,
            headers: response.headers,
            trail,
            body: read(exchange),
            discard: () => response.destroy(),
          }
        response.destroy()
        const next = URL.parse(location, url)
        if (next === null || !['http:', 'https:'].includes(next.protocol))
          throw invalidAnswer(url, 'redirects to what is no web address')
        if (url.protocol === 'https:' && next.protocol === 'http:')
          throw invalidAnswer(url, 'redirects from https to http')
        url = next
      }
      throw invalidAnswer(url, `redirects more than ${MAX_REDIRECTS} times`)
    },
    close() {
      agents['http:'].destroy()
      agents['https:'].destroy()
    },
  }
}
