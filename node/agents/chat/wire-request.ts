/** A request as OpenAI's chat completions have it. Pure. */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { ChatFormat, ChatMessage, ChatRequest, ChatSampling, ToolDeclaration } from './chat-model.ts'

export const wireTool = ({ name, description, parameters, strict }: ToolDeclaration): JsonObject => ({
  type: 'function',
  function: { name, description, parameters, ...(strict === true && { strict }) },
})

export function wireMessage(message: ChatMessage): JsonObject {
  if (message.role === 'tool')
    return { role: 'tool', tool_call_id: message.toolCallId, content: message.content }
  if (message.role !== 'assistant' || (message.toolCalls ?? []).length === 0)
    return { role: message.role, content: message.content }
  return {
    role: 'assistant',
    content: message.content === '' ? null : message.content,
    tool_calls: message.toolCalls!.map(({ id, name, arguments: given }) => ({
      id,
      type: 'function',
      function: { name, arguments: given },
    })),
  }
}

function wireFormat(format: ChatFormat | undefined): JsonObject {
  if (format === undefined || format.kind === 'text') return {}
  if (format.kind === 'json') return { response_format: { type: 'json_object' } }
  const { name, schema } = format
  return { response_format: { type: 'json_schema', json_schema: { name, schema, strict: true } } }
}

const SAMPLING: readonly (readonly [keyof ChatSampling, string])[] = [
  ['temperature', 'temperature'],
  ['topP', 'top_p'],
  ['seed', 'seed'],
  ['frequencyPenalty', 'frequency_penalty'],
  ['presencePenalty', 'presence_penalty'],
  ['stop', 'stop'],
  ['maxTokens', 'max_tokens'],
]

export function wireRequest(model: string, request: ChatRequest): JsonObject {
  const { tools = [], toolChoice, parallelToolCalls, sampling = {} } = request
  const choice: JsonValue | undefined =
    typeof toolChoice === 'object' ? { type: 'function', function: { name: toolChoice.name } } : toolChoice
  return {
    model,
    messages: request.messages.map(wireMessage),
    stream: true,
    stream_options: { include_usage: true },
    ...(tools.length > 0 && {
      tools: tools.map(wireTool),
      ...(choice !== undefined && { tool_choice: choice }),
      ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
    }),
    ...wireFormat(request.format),
    ...Object.fromEntries(
      SAMPLING.flatMap(([own, wire]): [string, JsonValue][] => {
        const value = sampling[own]
        return value === undefined ? [] : [[wire, value]]
      }),
    ),
  }
}
