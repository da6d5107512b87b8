/** A model behind an OpenAI-compatible endpoint of the configuration. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { ChatDelta, ChatModel, ChatReply, ChatRequest, ChatUsage } from './chat-model.ts'
import { checkFormat } from './check-format.ts'
import { createCompletionReader } from './completion-reader.ts'
import type { EndpointAnswer, EndpointHttp } from './endpoint-http.ts'
import { createSseParser } from './sse-parser.ts'
import { wireRequest } from './wire-request.ts'

export interface EndpointModelInit {
  /** Of the endpoint in the configuration. */
  readonly endpoint: string
  /** As the server names it. */
  readonly model: string
  readonly place: ChatModel['place']
  readonly contextTokens: number | null
  readonly newId?: () => string
  readonly now?: () => number
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>
}

const MAX_EVENT_UNITS = 2 ** 21
const MAX_WHOLE_BYTES = 8 * 2 ** 20
const MAX_PROBLEM_BYTES = 64 * 1024
const ATTEMPTS = 3
const FIRST_PAUSE_MS = 500
const MAX_PAUSE_MS = 30_000
/** What says that the server is well and has no room. */
const BUSY = new Set([429, 503])
/** Bytes of a message beside its text, as tokens. */
const MESSAGE_TOKENS = 8

/** A token has at least one byte in every tokenizer in use. */
export const mostTokens = (text: string): number => Buffer.byteLength(text)

export function createEndpointModel(
  { http }: { readonly http: Pick<EndpointHttp, 'request'> },
  init: EndpointModelInit,
): ChatModel {
  const { endpoint, model, now = Date.now } = init
  const wait = init.wait ?? ((ms, signal) => sleep(ms, undefined, { signal }))
  const newId = init.newId ?? (() => `call_${randomUUID().replaceAll('-', '')}`)
  const fields = { endpoint, model }
  const failed = (problem: string, more: Record<string, number> = {}) =>
    new VillageError('CHAT_ENDPOINT_FAILED', `The endpoint "${endpoint}" ${problem}`, {
      fields: { ...fields, ...more },
    })

  /** Throws what a status other than 200 means; its text is the server's own and stays out of messages. */
  async function refuse(answer: EndpointAnswer): Promise<never> {
    const { status } = answer
    const said = await problemCode(answer)
    if (said === 'context_length_exceeded')
      throw new VillageError('CONTEXT_TOO_LONG', `The request is too long for "${endpoint}/${model}"`, {
        fields,
      })
    if (status === 404)
      throw new VillageError('CHAT_MODEL_UNKNOWN', `The endpoint "${endpoint}" has no model "${model}"`, {
        fields,
      })
    if (status === 401 || status === 403) throw failed('refuses the key', { status })
    throw failed(`answers with the status ${status}`, { status })
  }

  async function ask(body: string, signal: AbortSignal): Promise<EndpointAnswer> {
    for (let attempt = 1; ; attempt++) {
      const answer = await http.request('/chat/completions', {
        body,
        accept: 'text/event-stream, application/json',
        signal,
      })
      if (answer.status === 200) return answer
      if (!BUSY.has(answer.status)) return refuse(answer)
      answer.discard()
      const pauseMs = pauseOf(answer.headers['retry-after'], now()) ?? FIRST_PAUSE_MS * 2 ** (attempt - 1)
      if (attempt === ATTEMPTS || pauseMs > MAX_PAUSE_MS)
        throw new VillageError('CHAT_ENDPOINT_BUSY', `The endpoint "${endpoint}" is busy`, {
          fields: { ...fields, status: answer.status, retryAfterMs: pauseMs },
        })
      await wait(pauseMs, signal)
    }
  }

  /** What the server would have said, where it does not: an upper bound. */
  function estimate(request: ChatRequest, text: string): ChatUsage {
    const promptTokens = request.messages.reduce(
      (sum, { content }) => sum + mostTokens(content) + MESSAGE_TOKENS,
      0,
    )
    return { promptTokens, cachedTokens: 0, completionTokens: mostTokens(text) }
  }

  return {
    id: `${endpoint}/${model}`,
    place: init.place,
    contextTokens: init.contextTokens,
    countTokens: mostTokens,
    async respond(request, signal, onDelta): Promise<ChatReply> {
      signal.throwIfAborted()
      const answer = await ask(JSON.stringify(wireRequest(model, request)), signal)
      let said = ''
      const reader = createCompletionReader({
        newId,
        onDelta(delta: ChatDelta) {
          if (delta.kind !== 'call') said += delta.text
          onDelta?.(delta)
        },
      })
      try {
        if (isEventStream(answer)) await readStream(answer, reader)
        else reader.whole(parseJson(await readAll(answer, MAX_WHOLE_BYTES)))
        answer.release()
      } catch (error) {
        answer.discard()
        throw error
      }
      const reply = { model: `${endpoint}/${model}`, ...reader.reply(estimate(request, said)) }
      if (reply.finish === 'stop') checkFormat(request.format, reply.text)
      return reply
    },
  }
}

const isEventStream = ({ headers }: EndpointAnswer) =>
  (headers['content-type'] ?? '').toLowerCase().startsWith('text/event-stream')

/** Seconds, or a date (RFC 9110, section 10.2.3). */
function pauseOf(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000
  const atMs = Date.parse(header)
  return Number.isNaN(atMs) ? null : Math.max(0, atMs - nowMs)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new VillageError('CHAT_ENDPOINT_FAILED', 'The endpoint answered with something that is no JSON', {
      cause: error,
    })
  }
}

async function readAll({ body }: EndpointAnswer, maxBytes: number): Promise<string> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const part of body) {
    sizeBytes += part.byteLength
    if (sizeBytes > maxBytes)
      throw new VillageError('CHAT_ENDPOINT_FAILED', `The endpoint sent more than ${maxBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

async function readStream(
  { body }: EndpointAnswer,
  reader: ReturnType<typeof createCompletionReader>,
): Promise<void> {
  const parser = createSseParser({ maxEventUnits: MAX_EVENT_UNITS })
  for await (const bytes of body)
    for (const { data } of parser.push(bytes)) {
      if (data === '[DONE]') return
      reader.chunk(parseJson(data))
    }
}

/** The code of an error in OpenAI's shape, if it is one. */
async function problemCode(answer: EndpointAnswer): Promise<string | null> {
  try {
    const json = JSON.parse(await readAll(answer, MAX_PROBLEM_BYTES)) as { error?: JsonObject } | null
    return typeof json?.error?.code === 'string' ? json.error.code : null
  } catch {
    // Whatever it was: the status says enough.
    return null
  } finally {
    answer.discard()
  }
}
