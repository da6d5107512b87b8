/** POST /v1/chat/completions. */
import { randomBytes } from 'node:crypto'
import type { JsonObject } from '../../json.ts'
import type { Principal } from '../principal.ts'
import type { RawReply } from '../routes/route.ts'
import { beginStream } from './begin-stream.ts'
import { readChatRequest, readStreamWish } from './chat-request.ts'
import { type CompletionHead, completionView, createChunks } from './chat-view.ts'
import { CHAT_FIELDS, checkFields } from './field-rules.ts'
import { openAiErrorBody } from './openai-error.ts'
import { textOf } from './read-fields.ts'
import { isAgentName, runTurn, type Turn, type TurnComponents } from './run-turn.ts'
import { APPROVALS_HEADER, readAgentWish } from './village-field.ts'

export interface GatewayRequest {
  readonly body: JsonObject
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly principal: Principal
  readonly signal: AbortSignal
}

export async function completeChat(
  components: TurnComponents,
  { body, headers, principal, signal }: GatewayRequest,
): Promise<object | RawReply> {
  const model = textOf(body.model, 'model')
  const given = checkFields(CHAT_FIELDS, body, isAgentName(model))
  const turn: Turn = {
    model,
    request: readChatRequest(given),
    wish: readAgentWish(given, headers[APPROVALS_HEADER], isAgentName(model)),
    principal,
  }
  const { stream, includeUsage } = readStreamWish(given)
  const head: CompletionHead = {
    id: `chatcmpl-${randomBytes(16).toString('hex')}`,
    created: Math.floor(Date.now() / 1000),
    model,
  }
  if (!stream) return completionView(head, await runTurn(components, turn, signal))
  const chunks = createChunks(head, includeUsage)
  return beginStream(signal, {
    begin: (events) => events.send(null, chunks.first()),
    async run(events, began) {
      const result = await runTurn(components, turn, events.signal, (delta) => {
        began()
        events.send(null, chunks.next(delta))
      })
      began()
      for (const chunk of chunks.last(result)) events.send(null, chunk)
      events.send(null, '[DONE]')
    },
    fail: (events, error) => events.send(null, openAiErrorBody(error)),
  })
}
