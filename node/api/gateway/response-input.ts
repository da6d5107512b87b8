/** Items of the responses API → the messages of a conversation. */
import type { ChatMessage, ToolCall } from '../../agents/chat/chat-model.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { calledName } from './chat-request.ts'
import { contentOf, listOf, nameOf, objectOf, refuse, textOf, wrong } from './read-fields.ts'

const MAX_ITEMS = 4_096
const STATUSES: readonly JsonValue[] = ['in_progress', 'completed', 'incomplete']

/** As it is stored and listed: of the fields those that mean something here. */
function readMessageItem(item: JsonObject, field: string): JsonObject {
  const { role } = item
  const known = ['type', 'id', 'status', 'role', 'content']
  const { content, status } = objectOf(item, field, known)
  if (status !== undefined && !STATUSES.includes(status)) wrong(`${field}.status`, 'is none of a message')
  if (role === 'assistant') {
    const text = contentOf(content, `${field}.content`, ['output_text', 'input_text'])
    return { type: 'message', role, content: [{ type: 'output_text', text, annotations: [] }] }
  }
  if (role !== 'user' && role !== 'system' && role !== 'developer')
    return wrong(`${field}.role`, 'must be user, assistant, system or developer')
  const text = contentOf(content, `${field}.content`, ['input_text'])
  return { type: 'message', role, content: [{ type: 'input_text', text }] }
}

function readItem(value: JsonValue, field: string): JsonObject {
  if (!isJsonObject(value)) return wrong(field, 'must be an object')
  const type = value.type ?? 'message'
  if (type === 'message') return readMessageItem(value, field)
  if (type === 'function_call') {
    const known = ['type', 'id', 'status', 'call_id', 'name', 'arguments', 'parsed_arguments']
    const item = objectOf(value, field, known)
    return {
      type,
      call_id: textOf(item.call_id, `${field}.call_id`),
      name: nameOf(item.name, `${field}.name`),
      arguments: textOf(item.arguments, `${field}.arguments`),
    }
  }
  if (type === 'function_call_output') {
    const item = objectOf(value, field, ['type', 'id', 'status', 'call_id', 'output'])
    return {
      type,
      call_id: textOf(item.call_id, `${field}.call_id`),
      output: contentOf(item.output, `${field}.output`, ['input_text']),
    }
  }
  return refuse(`${field}.type`, 'only message, function_call and function_call_output are honoured')
}

/** Each gets an id: `msg_…`, `fc_…` or `fco_…` by what `newId` makes. */
export function readInput(value: JsonValue | undefined, newId: (prefix: string) => string): JsonObject[] {
  if (value === undefined) return wrong('input', 'is required')
  const list = typeof value === 'string' ? [{ role: 'user', content: value }] : listOf(value, 'input')
  if (list.length === 0 || list.length > MAX_ITEMS) wrong('input', `must hold 1 to ${MAX_ITEMS} items`)
  const prefixes: Record<string, string> = {
    message: 'msg',
    function_call: 'fc',
    function_call_output: 'fco',
  }
  return list.map((item, index) => {
    const read = readItem(item, `input[${index}]`)
    return { id: newId(prefixes[String(read.type)]!), ...read, status: 'completed' }
  })
}

const partsText = (content: JsonValue | undefined): string =>
  (content as readonly { readonly text: string }[]).map(({ text }) => text).join('\n')

/** Items as readInput() and the output of a response have them. A call belongs to the message of the assistant before it. */
export function messagesOf(items: readonly JsonObject[]): ChatMessage[] {
  const messages: ChatMessage[] = []
  const called = new Map<string, string>()
  for (const [index, item] of items.entries()) {
    if (item.type === 'message') {
      const content = partsText(item.content)
      const role = item.role === 'developer' ? 'system' : (item.role as 'user' | 'assistant' | 'system')
      messages.push({ role, content })
    } else if (item.type === 'function_call') {
      const call: ToolCall = {
        id: item.call_id as string,
        name: item.name as string,
        arguments: item.arguments as string,
      }
      called.set(call.id, call.name)
      const last = messages.at(-1)
      if (last?.role === 'assistant')
        messages[messages.length - 1] = { ...last, toolCalls: [...(last.toolCalls ?? []), call] }
      else messages.push({ role: 'assistant', content: '', toolCalls: [call] })
    } else {
      const toolCallId = item.call_id as string
      const name = calledName(called, toolCallId, `input[${index}].call_id`)
      messages.push({ role: 'tool', content: item.output as string, toolCallId, name })
    }
  }
  return messages
}
