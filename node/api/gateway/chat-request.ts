/** The body of POST /v1/chat/completions → what a chat model or an agent is asked. */
import type { ChatMessage, ChatRequest, ToolCall } from '../../agents/chat/chat-model.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { contentOf, flagOf, listOf, nameOf, objectOf, refuse, textOf, wrong } from './read-fields.ts'
import { readFormat, readSampling, readTools } from './read-tools.ts'

const MAX_MESSAGES = 4_096

function readCalls(value: JsonValue | undefined, field: string): ToolCall[] {
  if (value === undefined) return []
  return listOf(value, field).map((item, index) => {
    const where = `${field}[${index}]`
    if (isJsonObject(item) && item.type !== 'function') refuse(`${where}.type`, 'only function is honoured')
    const call = objectOf(item, where, ['id', 'type', 'function'])
    const { name, arguments: given } = objectOf(call.function, `${where}.function`, [
      'name',
      'arguments',
      'parsed_arguments',
    ])
    return {
      id: textOf(call.id, `${where}.id`),
      name: nameOf(name, `${where}.function.name`),
      arguments: textOf(given, `${where}.function.arguments`),
    }
  })
}

/** The name of the function that a result belongs to: its call must come before it. `called`: names by id of call. */
export function calledName(called: ReadonlyMap<string, string>, id: string, field: string): string {
  return called.get(id) ?? wrong(field, 'names no call of a message before it')
}

function readMessage(value: JsonValue, field: string, called: ReadonlyMap<string, string>): ChatMessage {
  const role = isJsonObject(value) ? value.role : undefined
  if (role === 'system' || role === 'developer' || role === 'user') {
    const { content } = objectOf(value, field, ['role', 'content'])
    return {
      role: role === 'user' ? 'user' : 'system',
      content: contentOf(content, `${field}.content`, ['text']),
    }
  }
  if (role === 'assistant') {
    // `annotations` and `parsed` come back where a client sends an earlier answer whole: they follow from its text.
    const message = objectOf(value, field, ['role', 'content', 'tool_calls', 'annotations', 'parsed'])
    const toolCalls = readCalls(message.tool_calls, `${field}.tool_calls`)
    const content =
      message.content === undefined ? '' : contentOf(message.content, `${field}.content`, ['text'])
    if (content === '' && toolCalls.length === 0) wrong(`${field}.content`, 'is required without tool_calls')
    return { role, content, ...(toolCalls.length > 0 && { toolCalls }) }
  }
  if (role === 'tool') {
    const message = objectOf(value, field, ['role', 'content', 'tool_call_id'])
    const toolCallId = textOf(message.tool_call_id, `${field}.tool_call_id`)
    return {
      role,
      content: contentOf(message.content, `${field}.content`, ['text']),
      toolCallId,
      name: calledName(called, toolCallId, `${field}.tool_call_id`),
    }
  }
  if (role === 'function') return refuse(`${field}.role`, 'use the role tool')
  return wrong(`${field}.role`, 'must be system, developer, user, assistant or tool')
}

export function readMessages(value: JsonValue | undefined): ChatMessage[] {
  const list = listOf(value, 'messages')
  if (list.length === 0 || list.length > MAX_MESSAGES) wrong('messages', `must hold 1 to ${MAX_MESSAGES}`)
  const called = new Map<string, string>()
  return list.map((item, index) => {
    const message = readMessage(item, `messages[${index}]`, called)
    if (message.role === 'assistant') for (const { id, name } of message.toolCalls ?? []) called.set(id, name)
    return message
  })
}

/** `body` has passed checkFields(). Throws CHAT_FIELD_UNSUPPORTED and INVALID_ARGUMENT with the name of the field. */
export function readChatRequest(body: JsonObject): ChatRequest {
  const format = readFormat(body.response_format, 'response_format', true)
  return {
    messages: readMessages(body.messages),
    ...readTools(body, true),
    ...(format !== undefined && { format }),
    sampling: readSampling(body, ['max_completion_tokens', 'max_tokens']),
  }
}

export interface StreamWish {
  readonly stream: boolean
  readonly includeUsage: boolean
}

export function readStreamWish(body: JsonObject): StreamWish {
  const stream = flagOf(body.stream, 'stream') ?? false
  if (body.stream_options === undefined) return { stream, includeUsage: false }
  if (!stream) wrong('stream_options', 'goes with stream')
  const options = objectOf(body.stream_options, 'stream_options', ['include_usage', 'include_obfuscation'])
  if (flagOf(options.include_obfuscation, 'stream_options.include_obfuscation') === true)
    refuse('stream_options.include_obfuscation', 'nothing is padded')
  return { stream, includeUsage: flagOf(options.include_usage, 'stream_options.include_usage') ?? false }
}
