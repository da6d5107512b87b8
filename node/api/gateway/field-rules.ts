/**
 * What becomes of each field of a request: one row a field of OpenAI's API reference, held against the types of the official client by a
 * test. docs/gateway.md shows the same rows.
 */
import { canonicalJson, type JsonObject, type JsonValue } from '../../json.ts'
import type { JsonSchema } from '../routes/route.ts'
import { checkDepth, refuse, textOf, wrong } from './read-fields.ts'

export type FieldRule =
  | { readonly rule: 'honoured'; readonly doc: string }
  /** Only these values: they say what happens anyway. */
  | { readonly rule: 'only'; readonly values: readonly JsonValue[]; readonly doc: string }
  /** A text that by the API's reference asks for nothing that an answer could show: it is checked, and changes nothing. */
  | { readonly rule: 'label'; readonly doc: string }
  | { readonly rule: 'refused'; readonly doc: string }

export type FieldRow = FieldRule & {
  /** For requests to an agent, where that differs. */
  readonly agent?: FieldRule
}

export type FieldTable = Readonly<Record<string, FieldRow>>

const honoured = (doc: string, agent?: FieldRule): FieldRow => ({
  rule: 'honoured',
  doc,
  ...(agent !== undefined && { agent }),
})
const only = (values: readonly JsonValue[], doc: string): FieldRow => ({ rule: 'only', values, doc })
const label = (doc: string): FieldRow => ({ rule: 'label', doc })
const refused = (doc: string): FieldRow => ({ rule: 'refused', doc })

const noTools: FieldRule = { rule: 'refused', doc: 'an agent has tools of its own' }
const ownSampling = (value: number): FieldRule => ({
  rule: 'only',
  values: [value],
  doc: 'an agent chooses how its model samples',
})
const notForAgents = (doc: string): FieldRule => ({ rule: 'refused', doc })

const temperature = honoured('0 to 2', ownSampling(1))
const topP = honoured('0 to 1', ownSampling(1))
const penalty = honoured('-2 to 2', ownSampling(0))
const model = honoured('an agent (king, sage, magi), a language model of this node, or endpoint/model')
const user = label('this node watches no end users: a key for each tells them apart')
const cacheKey = label(
  'a hint of where a prompt may be cached: prompts that begin alike are found by this node itself',
)
const caching = refused('how long prompts are cached is up to this node')
const moderation = refused('nothing is moderated here')
const village = honoured('of this gateway, for agents: approvals (refuse or wait), model, options, limits')
const metadataDoc = 'up to 16 texts'
const MAX_LABEL_UNITS = 512

export const CHAT_FIELDS = {
  messages: honoured('texts, calls of functions and their results; other parts are refused by name'),
  model,
  audio: refused('only text is spoken here'),
  frequency_penalty: penalty,
  function_call: refused('use tool_choice'),
  functions: refused('use tools'),
  logit_bias: only([{}], 'tokens have other numbers in every model'),
  logprobs: only([false], 'POST /api/v1/models/:id/generate gives them'),
  max_completion_tokens: honoured('from 1', notForAgents('village.limits.tokens bounds an agent')),
  max_tokens: honoured(
    'the older name of max_completion_tokens',
    notForAgents('village.limits.tokens bounds an agent'),
  ),
  metadata: only([{}], 'it goes with store: chat completions are not stored'),
  modalities: only([['text']], 'only text is made here'),
  moderation,
  n: only([1], 'ask several times'),
  parallel_tool_calls: honoured('true by default', noTools),
  prediction: refused('nothing is predicted from a draft here'),
  presence_penalty: penalty,
  prompt_cache_key: cacheKey,
  prompt_cache_options: caching,
  prompt_cache_retention: caching,
  reasoning_effort: refused('a model reasons as it was trained to'),
  response_format: honoured('text, json_object, json_schema', {
    rule: 'only',
    values: [{ type: 'text' }],
    doc: 'agents answer in text',
  }),
  safety_identifier: user,
  seed: honoured('a whole number', notForAgents('an agent chooses how its model samples')),
  service_tier: only(['auto', 'default'], 'there is one tier'),
  stop: honoured('up to 4 texts', notForAgents('an agent ends when it has answered')),
  store: only([false], 'use the responses API to store'),
  stream: honoured('server-sent events, ended by [DONE]'),
  stream_options: honoured('include_usage'),
  temperature,
  tool_choice: honoured('none, auto, required, one function', noTools),
  tools: honoured('functions', noTools),
  top_logprobs: refused('POST /api/v1/models/:id/generate gives them'),
  top_p: topP,
  user,
  verbosity: only(['medium'], 'say in the messages how long it should be'),
  village,
  web_search_options: refused('this node does not search the web; the agent sage searches collections'),
} satisfies FieldTable

export const RESPONSE_FIELDS = {
  access_programs: refused('there are none here'),
  background: only([false], 'start a job of this node instead'),
  context_management: refused('nothing is compacted; a conversation that is too long is refused'),
  conversation: refused('use previous_response_id'),
  image: refused('only text is read here'),
  include: only([[], ['reasoning.encrypted_content']], 'no answer here has items of reasoning'),
  input: honoured('a text, or a list of messages, function calls and their outputs'),
  instructions: honoured('a system message of this response alone'),
  max_output_tokens: honoured('from 1', notForAgents('village.limits.tokens bounds an agent')),
  max_tool_calls: refused('there are no built-in tools; village.limits.turns bounds an agent'),
  metadata: honoured(metadataDoc),
  model,
  moderation,
  parallel_tool_calls: honoured('true by default', noTools),
  previous_response_id: honoured('a stored response of the same key'),
  prompt: refused('there are no stored prompts'),
  prompt_cache_key: cacheKey,
  prompt_cache_options: caching,
  prompt_cache_retention: caching,
  reasoning: refused('a model reasons as it was trained to'),
  safety_identifier: user,
  service_tier: only(['auto', 'default'], 'there is one tier'),
  store: honoured('true by default: encrypted, for 30 days at most'),
  stream: honoured('server-sent events with sequence numbers'),
  stream_options: only([{ include_obfuscation: false }, {}], 'nothing is padded'),
  temperature,
  text: honoured('format: text, json_object, json_schema', {
    rule: 'only',
    values: [{ format: { type: 'text' } }, {}],
    doc: 'agents answer in text',
  }),
  tool_choice: honoured('none, auto, required, one function', noTools),
  tools: honoured('functions', noTools),
  top_logprobs: only([0], 'POST /api/v1/models/:id/generate gives them'),
  top_p: topP,
  truncation: only(['disabled'], 'a conversation that is too long is refused'),
  user,
  village,
} satisfies FieldTable

/** The rows of the rule `label`: a response shows them as they were given. */
export const LABELS = ['prompt_cache_key', 'safety_identifier', 'user'] as const

export const EMBEDDING_FIELDS = {
  input: honoured('a text or a list of texts; lists of tokens are refused'),
  model: honoured('a sentence encoder of this node'),
  dimensions: honoured('only the dimensions that the model has: shortening its vectors would spoil them'),
  encoding_format: honoured('float or base64'),
  user,
} satisfies FieldTable

/** For the body of a route: names are checked there, types where the fields are read. */
export function bodySchema(table: FieldTable, required: readonly string[]): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(table).map(([name, row]) => [name, { description: `${row.rule}: ${row.doc}` }]),
    ),
    required,
    additionalProperties: false,
  }
}

function checkLabel(name: string, value: JsonValue): void {
  if (textOf(value, name).length > MAX_LABEL_UNITS) wrong(name, `may have ${MAX_LABEL_UNITS} characters`)
}

/**
 * The fields that are given and not null. Throws CHAT_FIELD_UNSUPPORTED for those that cannot be honoured, INVALID_ARGUMENT for a body too
 * deep and for a label that is no short text.
 */
export function checkFields(table: FieldTable, body: JsonObject, isAgent: boolean): JsonObject {
  checkDepth(body)
  const given = Object.entries(body).filter(([, value]) => value !== null)
  for (const [name, value] of given) {
    const row = table[name]
    const rule = (isAgent ? row?.agent : undefined) ?? row
    if (rule === undefined || rule.rule === 'honoured') continue
    if (rule.rule === 'refused') refuse(name, rule.doc)
    if (rule.rule === 'label') checkLabel(name, value)
    else if (!rule.values.some((allowed) => canonicalJson(allowed) === canonicalJson(value)))
      refuse(
        name,
        `only ${rule.values.map((allowed) => JSON.stringify(allowed)).join(' or ')} is honoured (${rule.doc})`,
      )
  }
  return Object.fromEntries(given)
}
