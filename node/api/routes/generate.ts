/** Routes that run models of the registry: text generation and embeddings. */
import type { Completion, Prompt } from '../../compute/generate/engine-messages.ts'
import type { ModelRequest } from '../../compute/generate/generation.ts'
import type { Constraint, Sampling, TokenEvent } from '../../compute/generate/language-model.ts'
import { MAX_LOGIT_BIAS, SAMPLING_LIMITS } from '../../compute/generate/sampling.ts'
import { MAX_TOP_LOG_PROBABILITIES } from '../../compute/generate/sequence.ts'
import { MAX_STOP_STRINGS, MAX_STOP_UNITS } from '../../compute/generate/stop-strings.ts'
import type { ChatMessage } from '../../compute/models/chat-template.ts'
import { VillageError } from '../../errors.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { createGenerateStream } from '../generate-stream.ts'
import { amount, anyObject, anyText, flag, integer, listOf, object, oneOf, orNull, text } from '../schemas.ts'
import { type JsonSchema, RawReply, type Route, route } from './route.ts'

const tag = 'models'
const ID = text(128)
const MAX_PROMPT_UNITS = 2 ** 20
const DEFAULT_MAX_TOKENS = 256
const MAX_TEXTS = 2048

interface GenerateBody extends Omit<Sampling, 'logitBias'> {
  readonly prompt?: string
  readonly messages?: readonly ChatMessage[]
  readonly tools?: readonly JsonValue[]
  readonly tokens?: readonly number[]
  readonly maxTokens?: number
  readonly logitBias?: readonly { token: number; bias: number }[]
  readonly stop?: readonly string[]
  readonly logProbabilities?: number
  readonly json?: boolean
  readonly schema?: JsonObject
  readonly choices?: readonly string[]
  readonly pattern?: string
  readonly ignoreEnd?: boolean
  readonly adapter?: string
  readonly stream?: boolean
}

const limits = ([minimum, maximum, whole]: readonly [number, number, boolean]): JsonSchema => ({
  type: whole ? 'integer' : 'number',
  minimum,
  maximum,
})
const samplingSchemas = Object.fromEntries(
  Object.entries(SAMPLING_LIMITS).map(([name, range]) => [name, limits(range)]),
)

const GENERATE_PROPERTIES = {
  prompt: { type: 'string', maxLength: MAX_PROMPT_UNITS },
  messages: {
    type: 'array',
    items: { type: 'object', properties: { role: text(64) }, required: ['role'] },
    minItems: 1,
    maxItems: 4096,
  },
  tools: { type: 'array', items: anyObject, maxItems: 256 },
  tokens: { type: 'array', items: integer(), minItems: 1, maxItems: MAX_PROMPT_UNITS },
  maxTokens: integer(1, 2 ** 24),
  ...samplingSchemas,
  seed: integer(),
  logitBias: {
    type: 'array',
    items: object({
      token: integer(),
      bias: { type: 'number', minimum: -MAX_LOGIT_BIAS, maximum: MAX_LOGIT_BIAS },
    }),
    maxItems: 1024,
  },
  stop: { type: 'array', items: text(MAX_STOP_UNITS), maxItems: MAX_STOP_STRINGS },
  logProbabilities: integer(0, MAX_TOP_LOG_PROBABILITIES),
  json: flag,
  schema: anyObject,
  choices: { type: 'array', items: text(1024), minItems: 1, maxItems: 1024 },
  pattern: text(4096),
  ignoreEnd: flag,
  adapter: ID,
  stream: flag,
} satisfies Record<string, JsonSchema>

const LOG_PROBABILITY = object({
  token: integer(),
  text: anyText,
  logProbability: amount,
  top: listOf(object({ token: integer(), text: anyText, logProbability: amount })),
})

const COMPLETION = object({
  model: anyText,
  text: anyText,
  finish: oneOf('eos', 'stop', 'length', 'context', 'complete'),
  tokens: listOf(integer()),
  logProbabilities: orNull(listOf(LOG_PROBABILITY)),
  usage: object({
    promptTokens: integer(),
    cachedTokens: integer(),
    completionTokens: integer(),
    ms: amount,
  }),
})

const EMBEDDINGS = object({
  model: anyText,
  dimensions: integer(),
  /** `truncated`: the end of the text was left out. */
  embeddings: listOf(object({ vector: listOf(amount), tokens: integer(), truncated: flag })),
})

function one<T>(
  body: GenerateBody,
  given: Readonly<Record<string, T | undefined>>,
  needed: boolean,
): T | undefined {
  const names = Object.keys(given)
  const present = names.filter((name) => given[name] !== undefined)
  if (present.length > 1 || (needed && present.length === 0))
    throw new VillageError(
      'INVALID_ARGUMENT',
      `${needed ? 'One' : 'At most one'} of ${names.map((name) => `body.${name}`).join(', ')} must be given`,
      { fields: { field: `body.${present[1] ?? names[0]}` } },
    )
  if (body.tools !== undefined && body.messages === undefined)
    throw new VillageError('INVALID_ARGUMENT', 'body.tools goes with body.messages', {
      fields: { field: 'body.tools' },
    })
  return given[present[0] ?? '']
}

function promptOf(body: GenerateBody): Prompt {
  const { prompt, messages, tools, tokens } = body
  return one<Prompt>(
    body,
    {
      prompt: prompt === undefined ? undefined : { kind: 'text', text: prompt },
      messages:
        messages === undefined
          ? undefined
          : { kind: 'messages', messages, ...(tools !== undefined && { tools }) },
      tokens: tokens === undefined ? undefined : { kind: 'tokens', tokens },
    },
    true,
  )!
}

function constraintOf(body: GenerateBody): Constraint | undefined {
  const { json, schema, choices, pattern } = body
  return one<Constraint>(
    body,
    {
      json: json === true ? { kind: 'json' } : undefined,
      schema: schema === undefined ? undefined : { kind: 'json-schema', schema },
      choices: choices === undefined ? undefined : { kind: 'choice', choices },
      pattern: pattern === undefined ? undefined : { kind: 'regex', pattern },
    },
    false,
  )
}

const SAMPLING_NAMES = [...Object.keys(SAMPLING_LIMITS), 'seed', 'logitBias']

function requestOf(body: GenerateBody): ModelRequest {
  const constraint = constraintOf(body)
  const { stop, logProbabilities, ignoreEnd, adapter } = body
  const sampling = Object.fromEntries(Object.entries(body).filter(([name]) => SAMPLING_NAMES.includes(name)))
  return {
    prompt: promptOf(body),
    maxTokens: body.maxTokens ?? DEFAULT_MAX_TOKENS,
    sampling,
    ...(stop !== undefined && { stop }),
    ...(constraint !== undefined && { constraint }),
    ...(logProbabilities !== undefined && { logProbabilities }),
    ...(ignoreEnd !== undefined && { ignoreEnd }),
    ...(adapter !== undefined && { adapter }),
  }
}

function view(model: string, completion: Completion, ms: number): object {
  const { text: given, finish, tokens, logProbabilities, promptTokens, cachedTokens, tokenTexts } = completion
  const named = <T extends { token: number }>(row: T) => ({ ...row, text: tokenTexts[row.token] ?? '' })
  return {
    model,
    text: given,
    finish,
    tokens,
    logProbabilities: logProbabilities?.map((row) => ({ ...named(row), top: row.top.map(named) })) ?? null,
    usage: { promptTokens, cachedTokens, completionTokens: tokens.length, ms: Math.round(ms) },
  }
}

export const GENERATE_ROUTES: readonly Route[] = [
  route<{ id: string }, Record<string, never>, GenerateBody>({
    method: 'POST',
    path: '/api/v1/models/:id/generate',
    scope: 'ask',
    tag,
    id: 'generateText',
    summary:
      'Continues a prompt with a language model. With `stream`, the answer is text/event-stream: `token` events, then `done` with the same object, or `error` with problem details.',
    params: object({ id: ID }),
    body: { kind: 'json', schema: object(GENERATE_PROPERTIES, Object.keys(GENERATE_PROPERTIES)) },
    response: { kind: 'json', status: 200, schema: COMPLETION },
    errors: [
      'MODEL_UNKNOWN',
      'MODEL_NOT_LANGUAGE',
      'MODEL_NO_CHAT_TEMPLATE',
      'CHAT_TEMPLATE_FAILED',
      'CONTEXT_TOO_LONG',
      'CONSTRAINT_UNSUPPORTED',
      'ADAPTER_INVALID',
      'GENERATE_BUSY',
      'GENERATE_TOO_LARGE',
      'GENERATE_NO_MEMORY',
    ],
    slow: true,
    async handle({ params, body, signal, principal }, { generation, keys }) {
      const request = requestOf(body)
      const held = keys.reserve(principal, request.maxTokens)
      let made = 0
      /** A client that leaves has used what was made until then. */
      async function generate(
        within: AbortSignal,
        onToken?: (event: TokenEvent) => void,
      ): Promise<Completion> {
        let isCounted = false
        try {
          const completion = await generation.generate(params.id, request, within, (event) => {
            made += 1
            onToken?.(event)
          })
          const { promptTokens, tokens } = completion
          keys.addTokens(principal, { promptTokens, completionTokens: tokens.length })
          isCounted = true
          return completion
        } finally {
          if (!isCounted) keys.addTokens(principal, { promptTokens: 0, completionTokens: made })
          held.release()
        }
      }
      const startedAt = performance.now()
      const shown = (completion: Completion) => view(params.id, completion, performance.now() - startedAt)
      if (body.stream !== true) return shown(await generate(signal))
      const events = createGenerateStream(signal)
      const begun = Promise.withResolvers<void>()
      const onToken = (event: TokenEvent) => {
        events.send('token', event)
        begun.resolve()
      }
      const done = generate(events.signal, onToken)
      // What fails before the first token is an ordinary error answer.
      try {
        await Promise.race([begun.promise, done])
      } catch (error) {
        events.stream.destroy()
        throw error
      }
      done
        .then((completion) => {
          events.send('done', shown(completion))
          events.end()
        })
        .catch(events.fail)
      return new RawReply(
        200,
        { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
        events.stream,
      )
    },
  }),
  route<{ id: string }, Record<string, never>, { texts: string[] }>({
    method: 'POST',
    path: '/api/v1/models/:id/embed',
    scope: 'ask',
    tag,
    id: 'embedTexts',
    summary: 'Vectors of texts by a sentence encoder, in their order; says of each how many tokens counted.',
    params: object({ id: ID }),
    body: {
      kind: 'json',
      schema: object({
        texts: {
          type: 'array',
          items: { type: 'string', maxLength: MAX_PROMPT_UNITS },
          minItems: 1,
          maxItems: MAX_TEXTS,
        },
      }),
    },
    response: { kind: 'json', status: 200, schema: EMBEDDINGS },
    errors: ['MODEL_UNKNOWN', 'MODEL_NOT_ENCODER', 'TOKENIZER_INVALID', 'SESSION_FAILED'],
    slow: true,
    async handle({ params, body, signal, principal }, { embedding, keys }) {
      const { dims, vectors, tokens, truncated } = await embedding.embed(params.id, body.texts, signal)
      keys.addTokens(principal, {
        promptTokens: tokens.reduce((sum, count) => sum + count, 0),
        completionTokens: 0,
      })
      return {
        model: params.id,
        dimensions: dims,
        embeddings: body.texts.map((_, index) => ({
          vector: Array.from(vectors.subarray(index * dims, (index + 1) * dims)),
          tokens: tokens[index]!,
          truncated: truncated[index] === 1,
        })),
      }
    },
  }),
]
