/** Tools, their choice, formats and sampling, as both chat completions and responses have them. */
import type {
  ChatFormat,
  ChatRequest,
  ChatSampling,
  ToolChoice,
  ToolDeclaration,
} from '../../agents/chat/chat-model.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { flagOf, listOf, nameOf, numberOf, objectOf, refuse, textOf, wrong } from './read-fields.ts'

const MAX_TOOLS = 128
const MAX_STOPS = 4
const MAX_TOKENS = 2 ** 24
const NO_PARAMETERS: JsonObject = { type: 'object', properties: {}, additionalProperties: false }

function schemaOf(value: JsonValue | undefined, field: string): JsonObject {
  if (value === undefined) return NO_PARAMETERS
  return isJsonObject(value) ? value : wrong(field, 'must be a JSON Schema')
}

/** `nested`: as chat completions have them, below `function`; responses have the same fields at the top. */
function readTool(value: JsonValue, field: string, nested: boolean): ToolDeclaration {
  if (isJsonObject(value) && value.type !== 'function') refuse(`${field}.type`, 'only function is honoured')
  const outer = nested ? objectOf(value, field, ['type', 'function']) : value
  const where = nested ? `${field}.function` : field
  const known = ['name', 'description', 'parameters', 'strict', ...(nested ? [] : ['type'])]
  const inner = objectOf(nested ? (outer as JsonObject).function : outer, where, known)
  const strict = flagOf(inner.strict, `${where}.strict`)
  return {
    name: nameOf(inner.name, `${where}.name`),
    description: inner.description === undefined ? '' : textOf(inner.description, `${where}.description`),
    parameters: schemaOf(inner.parameters, `${where}.parameters`),
    ...(strict === true && { strict }),
  }
}

function readChoice(value: JsonValue, tools: readonly ToolDeclaration[], nested: boolean): ToolChoice {
  if (value === 'auto' || value === 'none' || value === 'required') return value
  if (!isJsonObject(value)) return wrong('tool_choice', 'must be auto, none, required or a function')
  if (value.type !== 'function') return refuse('tool_choice.type', 'only function is honoured')
  const outer = objectOf(value, 'tool_choice', nested ? ['type', 'function'] : ['type', 'name'])
  const where = nested ? 'tool_choice.function' : 'tool_choice'
  const name = nameOf((nested ? objectOf(outer.function, where, ['name']) : outer).name, `${where}.name`)
  if (!tools.some((tool) => tool.name === name)) wrong(`${where}.name`, 'must be one of tools')
  return { name }
}

export function readTools(
  body: JsonObject,
  nested: boolean,
): Pick<ChatRequest, 'tools' | 'toolChoice' | 'parallelToolCalls'> {
  const list = body.tools === undefined ? [] : listOf(body.tools, 'tools')
  if (list.length > MAX_TOOLS) wrong('tools', `may hold ${MAX_TOOLS} at most`)
  const tools = list.map((tool, index) => readTool(tool, `tools[${index}]`, nested))
  const names = new Set(tools.map(({ name }) => name))
  if (names.size < tools.length) wrong('tools', 'must have different names')
  const choice = body.tool_choice === undefined ? undefined : readChoice(body.tool_choice, tools, nested)
  if (choice !== undefined && choice !== 'none' && choice !== 'auto' && tools.length === 0)
    wrong('tool_choice', 'needs tools')
  const parallel = flagOf(body.parallel_tool_calls, 'parallel_tool_calls')
  if (tools.length === 0) return {}
  return {
    tools,
    ...(choice !== undefined && { toolChoice: choice }),
    ...(parallel !== undefined && { parallelToolCalls: parallel }),
  }
}

/** `value` is `response_format` of chat completions or `text.format` of responses. */
export function readFormat(
  value: JsonValue | undefined,
  field: string,
  nested: boolean,
): ChatFormat | undefined {
  if (value === undefined) return undefined
  if (!isJsonObject(value)) return wrong(field, 'must be an object')
  const { type } = value
  if (type === 'text' || type === 'json_object') {
    objectOf(value, field, ['type'])
    return { kind: type === 'text' ? 'text' : 'json' }
  }
  if (type !== 'json_schema')
    return refuse(`${field}.type`, 'only text, json_object and json_schema are honoured')
  const where = nested ? `${field}.json_schema` : field
  const known = ['name', 'description', 'schema', 'strict', ...(nested ? [] : ['type'])]
  const inner = objectOf(
    nested ? objectOf(value, field, ['type', 'json_schema']).json_schema : value,
    where,
    known,
  )
  // An answer follows the schema or is an error, whether it has to or not.
  flagOf(inner.strict, `${where}.strict`)
  if (inner.description !== undefined)
    refuse(`${where}.description`, 'say in the messages what the format is for')
  if (inner.schema === undefined) wrong(`${where}.schema`, 'is required')
  return {
    kind: 'json-schema',
    name: nameOf(inner.name, `${where}.name`),
    schema: schemaOf(inner.schema, `${where}.schema`),
  }
}

function readStop(value: JsonValue | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined
  const list = typeof value === 'string' ? [value] : listOf(value, 'stop')
  if (list.length > MAX_STOPS) wrong('stop', `may hold ${MAX_STOPS} texts at most`)
  return list.map((text, index) => textOf(text, `stop[${index}]`))
}

/** `limit`: the names of the field that bounds the tokens of the answer; two that differ are refused. */
export function readSampling(body: JsonObject, limit: readonly string[]): ChatSampling {
  const limits = limit.map((name) => numberOf(body[name], name, { min: 1, max: MAX_TOKENS, whole: true }))
  const given = new Set(limits.filter((value) => value !== undefined))
  if (given.size > 1) wrong(limit[1]!, `differs from ${limit[0]}`)
  const whole = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER, whole: true }
  const found = {
    temperature: numberOf(body.temperature, 'temperature', { min: 0, max: 2 }),
    topP: numberOf(body.top_p, 'top_p', { min: 0, max: 1 }),
    seed: numberOf(body.seed, 'seed', whole),
    frequencyPenalty: numberOf(body.frequency_penalty, 'frequency_penalty', { min: -2, max: 2 }),
    presencePenalty: numberOf(body.presence_penalty, 'presence_penalty', { min: -2, max: 2 }),
    stop: readStop(body.stop),
    maxTokens: [...given][0],
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as ChatSampling
}
