/** Routes of the gateway: what clients of OpenAI's API call. Its reference is the schema; docs/gateway.md says what of it is honoured. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { completeChat } from '../gateway/chat-completions.ts'
import { embedTexts } from '../gateway/embeddings.ts'
import { bodySchema, CHAT_FIELDS, EMBEDDING_FIELDS, RESPONSE_FIELDS } from '../gateway/field-rules.ts'
import { findModel, listModels } from '../gateway/model-list.ts'
import { openAiErrorBody } from '../gateway/openai-error.ts'
import { respond } from '../gateway/responses.ts'
import { anyText, flag, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type JsonSchema, type Route, route } from './route.ts'

const tag = 'gateway'
const errorBody = openAiErrorBody
const open = (properties: Record<string, JsonSchema>): JsonSchema => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
})
const MODEL = object({
  id: anyText,
  object: { const: 'model' },
  created: integer(),
  owned_by: anyText,
})
const RESPONSE = open({
  id: anyText,
  object: { const: 'response' },
  status: anyText,
  output: listOf(open({})),
})
const RESPONSE_ID = object({ id: text(128) })
const CHAT_ERRORS = [
  'CHAT_FIELD_UNSUPPORTED',
  'CHAT_MODEL_UNKNOWN',
  'CHAT_ENDPOINT_FAILED',
  'CHAT_ENDPOINT_BUSY',
  'CONTEXT_TOO_LONG',
  'MODEL_UNKNOWN',
  'MODEL_NOT_LANGUAGE',
  'CONSTRAINT_UNSUPPORTED',
  'GENERATE_BUSY',
  'AGENT_BUSY',
] as const

type Body = JsonObject

interface InputItemsQuery {
  readonly order?: 'asc' | 'desc'
  readonly limit?: number
  readonly after?: string
}

export const GATEWAY_ROUTES: readonly Route[] = [
  route({
    method: 'GET',
    path: '/v1/models',
    scope: 'read',
    tag,
    id: 'listGatewayModels',
    summary: 'What `model` of a request may name: agents, language models, sentence encoders.',
    response: {
      kind: 'json',
      status: 200,
      schema: object({ object: { const: 'list' }, data: listOf(MODEL) }),
    },
    errorBody,
    handle: async ({ signal }, api) => ({ object: 'list', data: await listModels(api, signal) }),
  }),
  route<{ model: string }>({
    method: 'GET',
    path: '/v1/models/:model',
    scope: 'read',
    tag,
    id: 'getGatewayModel',
    summary: 'One of them; the slash of endpoint/model is written %2F.',
    params: object({ model: text(256) }),
    response: { kind: 'json', status: 200, schema: MODEL },
    errors: ['CHAT_MODEL_UNKNOWN'],
    errorBody,
    handle: ({ params, signal }, api) => findModel(api, params.model, signal),
  }),
  route<Record<string, never>, Record<string, never>, Body>({
    method: 'POST',
    path: '/v1/chat/completions',
    scope: 'ask',
    tag,
    id: 'createChatCompletion',
    summary:
      'A turn of a conversation with a language model or an agent. With `stream`, text/event-stream: chunks, then `[DONE]`, or an object with `error`.',
    body: { kind: 'json', schema: bodySchema(CHAT_FIELDS, ['model', 'messages']) },
    response: {
      kind: 'json',
      status: 200,
      schema: open({ id: anyText, object: { const: 'chat.completion' }, choices: listOf(open({})) }),
    },
    errors: CHAT_ERRORS,
    errorBody,
    slow: true,
    handle: (request, api) => completeChat(api, request),
  }),
  route<Record<string, never>, Record<string, never>, Body>({
    method: 'POST',
    path: '/v1/responses',
    scope: 'ask',
    tag,
    id: 'createResponse',
    summary:
      'A turn of a conversation that is kept: `previous_response_id` goes on from it. With `stream`, text/event-stream of numbered events.',
    body: { kind: 'json', schema: bodySchema(RESPONSE_FIELDS, ['model', 'input']) },
    response: { kind: 'json', status: 200, schema: RESPONSE },
    errors: [...CHAT_ERRORS, 'RESPONSE_UNKNOWN', 'SEALED_RECORD_TOO_LARGE'],
    errorBody,
    slow: true,
    handle: (request, api) => respond(api, request),
  }),
  route<{ id: string }>({
    method: 'GET',
    path: '/v1/responses/:id',
    scope: 'ask',
    tag,
    id: 'getResponse',
    summary: 'A stored response of whoever asks.',
    params: RESPONSE_ID,
    response: { kind: 'json', status: 200, schema: RESPONSE },
    errors: ['RESPONSE_UNKNOWN'],
    errorBody,
    handle: async ({ params, principal }, { responses }) =>
      (await responses.need(principal, params.id)).response,
  }),
  route<{ id: string }>({
    method: 'DELETE',
    path: '/v1/responses/:id',
    scope: 'ask',
    tag,
    id: 'deleteResponse',
    summary: 'Erases a stored response; conversations that rest on it end there.',
    params: RESPONSE_ID,
    response: {
      kind: 'json',
      status: 200,
      schema: object({ id: anyText, object: { const: 'response' }, deleted: { const: true } }),
    },
    errors: ['RESPONSE_UNKNOWN'],
    errorBody,
    async handle({ params, principal }, { responses }) {
      await responses.remove(principal, params.id)
      return { id: params.id, object: 'response', deleted: true }
    },
  }),
  route<{ id: string }, InputItemsQuery>({
    method: 'GET',
    path: '/v1/responses/:id/input_items',
    scope: 'ask',
    tag,
    id: 'listResponseInput',
    summary: 'What a stored response was asked with, the newest first.',
    params: RESPONSE_ID,
    query: object({ order: oneOf('asc', 'desc'), limit: integer(1, 100), after: text(128) }, [
      'order',
      'limit',
      'after',
    ]),
    response: {
      kind: 'json',
      status: 200,
      schema: object({
        object: { const: 'list' },
        data: listOf(open({ id: anyText, type: anyText })),
        first_id: orNull(anyText),
        last_id: orNull(anyText),
        has_more: flag,
      }),
    },
    errors: ['RESPONSE_UNKNOWN'],
    errorBody,
    async handle({ params, query, principal }, { responses }) {
      const { input } = await responses.need(principal, params.id)
      const ordered = query.order === 'asc' ? input : input.toReversed()
      const from = query.after === undefined ? 0 : ordered.findIndex(({ id }) => id === query.after) + 1
      if (query.after !== undefined && from === 0)
        throw new VillageError('INVALID_ARGUMENT', 'query.after must be the id of an item', {
          fields: { field: 'query.after' },
        })
      const data = ordered.slice(from, from + (query.limit ?? 20))
      return {
        object: 'list',
        data,
        first_id: data[0]?.id ?? null,
        last_id: data.at(-1)?.id ?? null,
        has_more: from + data.length < ordered.length,
      }
    },
  }),
  route<Record<string, never>, Record<string, never>, Body>({
    method: 'POST',
    path: '/v1/embeddings',
    scope: 'ask',
    tag,
    id: 'createEmbeddings',
    summary: 'Vectors of texts by a sentence encoder, as numbers or base64.',
    body: { kind: 'json', schema: bodySchema(EMBEDDING_FIELDS, ['model', 'input']) },
    response: {
      kind: 'json',
      status: 200,
      schema: open({ object: { const: 'list' }, model: anyText, data: listOf(open({ index: integer() })) }),
    },
    errors: ['CHAT_FIELD_UNSUPPORTED', 'CONTEXT_TOO_LONG', 'MODEL_UNKNOWN', 'MODEL_NOT_ENCODER'],
    errorBody,
    slow: true,
    handle: (request, api) => embedTexts(api, request),
  }),
]
