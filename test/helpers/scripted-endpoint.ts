/**
 * An HTTP server that speaks the chat completions of OpenAI's API, streaming too, and answers by a script or by a function of
 * the request. It can be told to misbehave.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Of the request's body what scripts look at; the rest is there too. */
export interface EndpointRequest {
  readonly model: string
  readonly messages: readonly {
    readonly role: string
    readonly content: string | null
    readonly tool_calls?: readonly {
      readonly id: string
      readonly function: { readonly name: string; readonly arguments: string }
    }[]
    readonly tool_call_id?: string
  }[]
  readonly tools?: readonly {
    readonly function: { readonly name: string; readonly description?: string; readonly parameters?: unknown }
  }[]
  readonly stream?: boolean
  readonly [field: string]: unknown
}

export interface EndpointCall {
  readonly name: string
  /** A text is sent as it is, anything else as JSON. */
  readonly arguments: unknown
  readonly id?: string
}

export type EndpointReply =
  | {
      readonly text?: string
      readonly calls?: readonly EndpointCall[]
      /** `tool_calls` where there are calls, else `stop`. */
      readonly finish?: string
      readonly usage?: Readonly<Record<string, unknown>> | null
      /** UTF-16 units in one delta of a stream; 8 by default. */
      readonly pieceLength?: number
      /** Awaited before the first byte of the body. */
      readonly before?: Promise<void>
    }
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: unknown
    }
  /** Exact bytes with the status 200; then the body ends, nothing more comes, or the connection is cut. */
  | {
      readonly raw: string | Uint8Array
      readonly contentType?: string
      readonly ending?: 'end' | 'stall' | 'cut'
      /** The bytes are repeated for as long as somebody reads them. */
      readonly forever?: boolean
    }

export type EndpointScript =
  | readonly EndpointReply[]
  | ((request: EndpointRequest, count: number) => EndpointReply | Promise<EndpointReply>)

export interface ScriptedEndpoint {
  /** With `/v1`. */
  readonly url: string
  /** Bodies of the requests for completions, in order. */
  readonly requests: EndpointRequest[]
  readonly headers: Readonly<Record<string, string | undefined>>[]
  /** When the first byte of each body was written: `performance.timeOrigin + performance.now()`. */
  readonly firstByteAtMs: number[]
  /** Requests for completions whose client has gone before the end. */
  readonly aborted: () => number
  /** Made so far. */
  readonly connections: () => number
  /** Closes connections that no request is on. */
  dropIdle(): void
  play(script: EndpointScript): void
  /** Resolves when a reply has stalled since the last play(). */
  stalled(): Promise<void>
  close(): Promise<void>
}

export async function startScriptedEndpoint(
  init: {
    script?: EndpointScript
    models?: readonly string[]
    /** Instead of the list of models. */
    modelsReply?: () => EndpointReply
    key?: string
  } = {},
): Promise<ScriptedEndpoint> {
  const { models = ['scripted'], key } = init
  let script: EndpointScript = init.script ?? []
  let played = 0
  let aborted = 0
  let stall = Promise.withResolvers<void>()
  const requests: EndpointRequest[] = []
  const headers: ScriptedEndpoint['headers'] = []
  const firstByteAtMs: number[] = []

  async function nextReply(request: EndpointRequest): Promise<EndpointReply> {
    const count = played++
    if (typeof script === 'function') return script(request, count)
    return script[count] ?? { status: 500, body: { error: { message: 'the script has ended' } } }
  }

  async function send(response: ServerResponse, reply: EndpointReply, request: EndpointRequest | null) {
    if ('status' in reply) {
      response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers })
      response.end(
        typeof reply.body === 'string'
          ? reply.body
          : JSON.stringify(reply.body ?? { error: { message: 'scripted' } }),
      )
      return
    }
    if ('raw' in reply) {
      const contentType = request?.stream === true ? 'text/event-stream' : 'application/json'
      response.writeHead(200, { 'content-type': reply.contentType ?? contentType })
      if (reply.forever === true) {
        // As fast as it is read, and not faster.
        while (!response.destroyed)
          if (!response.write(reply.raw))
            await new Promise<void>((resolve) => {
              const go = () => {
                response.off('drain', go).off('close', go)
                resolve()
              }
              response.once('drain', go).once('close', go)
            })
        return
      }
      if (reply.ending === undefined || reply.ending === 'end') {
        response.end(reply.raw)
        return
      }
      response.flushHeaders()
      response.write(reply.raw, () => {
        if (reply.ending === 'cut') response.socket?.destroy()
        else stall.resolve()
      })
      return
    }
    await reply.before
    firstByteAtMs.push(performance.timeOrigin + performance.now())
    if (request?.stream === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const chunk of chunksOf(reply, request)) response.write(`data: ${JSON.stringify(chunk)}\n\n`)
      response.end('data: [DONE]\n\n')
    } else {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(completionOf(reply, request?.model ?? '')))
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (key !== undefined && request.headers.authorization !== `Bearer ${key}`)
      return send(response, { status: 401, body: { error: { message: 'no such key' } } }, null)
    if (request.method === 'GET' && request.url === '/v1/models') {
      if (init.modelsReply !== undefined) return send(response, init.modelsReply(), null)
      const data = models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'test' }))
      return send(response, { status: 200, body: { object: 'list', data } }, null)
    }
    if (request.method !== 'POST' || request.url !== '/v1/chat/completions')
      return send(response, { status: 404 }, null)
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const body = JSON.parse(Buffer.concat(parts).toString()) as EndpointRequest
    requests.push(body)
    headers.push(request.headers as Record<string, string | undefined>)
    response.once('close', () => {
      if (!response.writableFinished) aborted += 1
    })
    return send(response, await nextReply(body), body)
  }

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  let connections = 0
  server.on('connection', () => {
    connections += 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    headers,
    firstByteAtMs,
    aborted: () => aborted,
    connections: () => connections,
    dropIdle: () => server.closeIdleConnections(),
    play(next) {
      script = next
      played = 0
      stall = Promise.withResolvers<void>()
    },
    stalled: () => stall.promise,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

type Said = Extract<EndpointReply, { readonly pieceLength?: number }>

const USAGE = {
  prompt_tokens: 10,
  completion_tokens: 5,
  total_tokens: 15,
  prompt_tokens_details: { cached_tokens: 4 },
}

function callsOf({ calls = [] }: Said) {
  return calls.map((call, index) => ({
    id: call.id ?? `call_${index}`,
    type: 'function',
    function: {
      name: call.name,
      arguments: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
    },
  }))
}

const finishOf = (reply: Said) => reply.finish ?? ((reply.calls?.length ?? 0) > 0 ? 'tool_calls' : 'stop')

function completionOf(reply: Said, model: string) {
  const calls = callsOf(reply)
  return {
    id: 'chatcmpl-scripted',
    object: 'chat.completion',
    created: 0,
    model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: reply.text ?? null,
          ...(calls.length > 0 && { tool_calls: calls }),
        },
        finish_reason: finishOf(reply),
      },
    ],
    ...(reply.usage !== null && { usage: reply.usage ?? USAGE }),
  }
}

function* chunksOf(reply: Said, request: EndpointRequest) {
  const chunk = (delta: unknown, finish: string | null = null) => ({
    id: 'chatcmpl-scripted',
    object: 'chat.completion.chunk',
    created: 0,
    model: request.model,
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
  const length = reply.pieceLength ?? 8
  yield chunk({ role: 'assistant', content: '' })
  for (const text of pieces(reply.text ?? '', length)) yield chunk({ content: text })
  for (const [index, call] of callsOf(reply).entries()) {
    const head = {
      index,
      id: call.id,
      type: 'function',
      function: { name: call.function.name, arguments: '' },
    }
    yield chunk({ tool_calls: [head] })
    for (const text of pieces(call.function.arguments, length))
      yield chunk({ tool_calls: [{ index, function: { arguments: text } }] })
  }
  yield chunk({}, finishOf(reply))
  const options = request.stream_options as { include_usage?: boolean } | undefined
  if (options?.include_usage === true && reply.usage !== null)
    yield { ...chunk({}), choices: [], usage: reply.usage ?? USAGE }
}

function* pieces(text: string, length: number) {
  for (let from = 0; from < text.length; from += length) yield text.slice(from, from + length)
}
