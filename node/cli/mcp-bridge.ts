/** A client of streamable HTTP that hands messages on as they are: requests one way, whatever comes of them the other. */
import type { JsonObject } from '../json.ts'

const ACCEPT = 'application/json, text/event-stream'
/** JSON-RPC's range for errors of a server's own (section 5.1). */
const FAILED_CODE = -32000
const LEAVE_MS = 2_000
/** Of one event: what a daemon of this machine says is trusted to be honest, not to be small. */
const MAX_EVENT_UNITS = 64 * 2 ** 20

export interface McpBridge {
  /** Resolves when the daemon has taken the message; its answer comes by `onMessage`. Never rejects. */
  send(message: JsonObject): Promise<void>
  /** Resolves when nothing is due any more, or when the signal aborts. */
  answered(signal: AbortSignal): Promise<void>
  /** Ends the session, and with it what it still waits for. */
  close(): Promise<void>
}

/** Server-sent events as the messages that they carry. */
async function* messagesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<object> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    if (rest.length > MAX_EVENT_UNITS) throw new Error('an event is too large')
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      const data = rest
        .slice(0, end)
        .split('\n')
        .flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []))
        .join('\n')
      rest = rest.slice(end + 2)
      if (data !== '') yield JSON.parse(data) as object
    }
  }
}

/** What a refusal says: a JSON-RPC error, problem details, or its status. */
async function refusalOf(response: Response): Promise<{ code: number; message: string }> {
  const fallback = { code: FAILED_CODE, message: `The daemon answered with status ${response.status}` }
  try {
    const given = (await response.json()) as {
      error?: { code?: unknown; message?: unknown }
      code?: unknown
      detail?: unknown
    }
    const { error, code, detail } = given
    if (typeof error?.code === 'number' && typeof error.message === 'string')
      return { code: error.code, message: error.message }
    return typeof code === 'string' ? { code: FAILED_CODE, message: `${code}: ${String(detail)}` } : fallback
  } catch {
    return fallback
  }
}

export function createMcpBridge(init: {
  url: string
  token: string
  onMessage(message: object): void
}): McpBridge {
  const target = new URL('/mcp', init.url)
  const closing = new AbortController()
  const answers = new Set<Promise<void>>()
  let session: string | null = null
  let version: string | null = null

  const headers = () => ({
    authorization: `Bearer ${init.token}`,
    accept: ACCEPT,
    ...(session !== null && { 'mcp-session-id': session }),
    ...(version !== null && { 'mcp-protocol-version': version }),
  })

  function deliver(message: object): void {
    const { result } = message as { result?: { protocolVersion?: unknown } }
    if (version === null && typeof result?.protocolVersion === 'string') version = result.protocolVersion
    init.onMessage(message)
  }

  /** Requests are answered, whatever happens; notifications have nobody to tell. */
  function fail({ id, method }: JsonObject, error: { code: number; message: string }): void {
    const isRequest = method !== undefined && (typeof id === 'string' || typeof id === 'number')
    if (isRequest) init.onMessage({ jsonrpc: '2.0', id, error })
  }

  async function read(response: Response, message: JsonObject): Promise<void> {
    try {
      if (response.body === null) return
      if (response.headers.get('content-type')?.startsWith('text/event-stream') === true) {
        for await (const given of messagesOf(response.body)) deliver(given)
      } else {
        const text = await response.text()
        if (text !== '') deliver(JSON.parse(text) as object)
      }
    } catch {
      if (!closing.signal.aborted)
        fail(message, { code: FAILED_CODE, message: 'The daemon ended the connection before it answered' })
    }
  }

  /** What the daemon says of its own accord. */
  async function listen(): Promise<void> {
    try {
      const response = await fetch(target, { headers: headers(), signal: closing.signal })
      if (response.ok && response.body !== null)
        for await (const given of messagesOf(response.body)) deliver(given)
    } catch {
      // It has nothing to say but what can be asked for as well.
    }
  }

  return {
    async send(message) {
      let response: Response
      try {
        response = await fetch(target, {
          method: 'POST',
          headers: { ...headers(), 'content-type': 'application/json' },
          body: JSON.stringify(message),
          signal: closing.signal,
        })
      } catch {
        fail(message, { code: FAILED_CODE, message: 'The daemon does not answer: is it still running?' })
        return
      }
      if (!response.ok) return fail(message, await refusalOf(response))
      session = response.headers.get('mcp-session-id') ?? session
      const answer = read(response, message).finally(() => answers.delete(answer))
      answers.add(answer)
      // Nothing else may be sent before the version is agreed on.
      if (message.method === 'initialize') await answer
      if (message.method === 'notifications/initialized') void listen()
    },
    async answered(signal) {
      const aborted = Promise.withResolvers<void>()
      signal.addEventListener('abort', () => aborted.resolve(), { once: true })
      await Promise.race([Promise.all(answers), aborted.promise])
    },
    async close() {
      const signal = AbortSignal.timeout(LEAVE_MS)
      if (session !== null)
        await fetch(target, { method: 'DELETE', headers: headers(), signal }).catch(() => undefined)
      closing.abort()
    },
  }
}
