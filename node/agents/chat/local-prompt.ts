/** A conversation as a model of this node is given it: through its chat template, or as a plain transcript. Pure. */
import type { Prompt } from '../../compute/generate/engine-messages.ts'
import type { ChatMessage as TemplateMessage } from '../../compute/models/chat-template.ts'
import { isJsonObject, type JsonValue } from '../../json.ts'
import type { ChatMessage, ToolCall, ToolDeclaration } from './chat-model.ts'
import type { LocalFacts } from './local-facts.ts'
import { wireTool } from './wire-request.ts'

/** Where a transcript ends, whoever would speak next. */
export const TRANSCRIPT_STOPS = ['\nUser:', '\nSystem:', '\nTool:', '\nAssistant:']

/** Marks of turns and calls in templates in use, for models whose configuration does not list its special tokens. */
const MARKS =
  /<\|[^|<>\n]{1,64}\|>|<\/?s>|\[\/?(?:INST|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|ARGS|SYSTEM_PROMPT)\]|<(?:start|end)_of_turn>|<\/?tool_(?:call|response)>|<<\/?SYS>>/g

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/**
 * Breaks up what a tokenizer would read as the end of a turn, so that nobody's text speaks as somebody else: a space goes behind its first
 * character.
 */
export function withoutMarks(text: string, specialTokens: readonly string[]): string {
  const apart = (mark: string) => `${mark.slice(0, 1)} ${mark.slice(1)}`
  const known = text.replace(MARKS, apart)
  const own = specialTokens.filter((token) => known.includes(token))
  // The longest first: one may be a part of another.
  own.sort((a, b) => b.length - a.length)
  return own.length === 0 ? known : known.replace(new RegExp(own.map(escaped).join('|'), 'g'), apart)
}

/** Texts in it, whatever they are the values of. */
function cleanJson(value: JsonValue, clean: (text: string) => string): JsonValue {
  if (typeof value === 'string') return clean(value)
  if (Array.isArray(value)) return value.map((item: JsonValue) => cleanJson(item, clean))
  if (!isJsonObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [clean(name), cleanJson(inner, clean)]),
  )
}

/** As an object where it is one: templates write it out themselves. */
function argumentsOf({ arguments: given }: ToolCall): JsonValue {
  try {
    const value = JSON.parse(given) as JsonValue
    return isJsonObject(value) ? value : given
  } catch {
    return given
  }
}

/** In the words of the template's own form for tools. */
function nativeMessage(message: ChatMessage, clean: (text: string) => string): TemplateMessage {
  if (message.role === 'tool')
    return {
      role: 'tool',
      name: message.name,
      tool_call_id: message.toolCallId,
      content: clean(message.content),
    }
  const content = clean(message.content)
  const calls = message.role === 'assistant' ? (message.toolCalls ?? []) : []
  if (calls.length === 0) return { role: message.role, content }
  return {
    role: 'assistant',
    content,
    tool_calls: calls.map((call) => ({
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: cleanJson(argumentsOf(call), clean) },
    })),
  }
}

type Plain = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }

/** Without a form for tools: calls and results become text; neighbours of one role become one message, as strict templates want it. */
export function plainMessages(messages: readonly ChatMessage[]): Plain[] {
  const plain: Plain[] = []
  for (const message of messages) {
    const next = plainMessage(message)
    const last = plain.at(-1)
    if (last?.role === next.role)
      plain[plain.length - 1] = { role: last.role, content: `${last.content}\n\n${next.content}` }
    else plain.push(next)
  }
  return plain
}

function plainMessage(message: ChatMessage): Plain {
  if (message.role === 'tool')
    return { role: 'user', content: `Result of ${message.name}:\n${message.content}` }
  if (message.role !== 'assistant') return message
  const calls = (message.toolCalls ?? []).map((call) => `${call.name} ${call.arguments}`)
  return { role: 'assistant', content: [message.content, ...calls].filter((text) => text !== '').join('\n') }
}

/** The system's words in front of the first of the user, for templates that know no system. */
function withoutSystem(messages: readonly Plain[]): Plain[] {
  const system = messages.filter(({ role }) => role === 'system').map(({ content }) => content)
  const rest = messages.filter(({ role }) => role !== 'system')
  const [first] = rest
  if (system.length === 0) return rest
  const words = system.join('\n\n')
  return first?.role === 'user'
    ? [{ role: 'user', content: `${words}\n\n${first.content}` }, ...rest.slice(1)]
    : [{ role: 'user', content: words }, ...rest]
}

const SPEAKERS: Readonly<Record<Plain['role'], string>> = {
  system: 'System',
  user: 'User',
  assistant: 'Assistant',
}

/** Lines of a message are indented but for its first, so that none of them can begin a turn. */
function transcript(messages: readonly Plain[]): string {
  const turns = messages.map(
    ({ role, content }) => `${SPEAKERS[role]}: ${content.replaceAll(/\r\n|[\r\n\u2028\u2029]/g, '\n  ')}`,
  )
  return `${turns.join('\n')}\nAssistant:`
}

export function promptOf(
  given: readonly ChatMessage[],
  tools: readonly ToolDeclaration[],
  init: Pick<LocalFacts, 'hasTemplate' | 'form' | 'specialTokens'> & { readonly hasSystem: boolean },
): Prompt {
  const clean = (text: string) => withoutMarks(text, init.specialTokens)
  if (init.hasTemplate && init.form !== null && tools.length > 0)
    return {
      kind: 'messages',
      messages: given.map((message) => nativeMessage(message, clean)),
      // Those of external servers are described by strangers.
      tools: tools.map((tool) => cleanJson(wireTool(tool), clean)),
    }
  const plain = plainMessages(given).map(({ role, content }): Plain => ({ role, content: clean(content) }))
  const messages = init.hasSystem ? plain : withoutSystem(plain)
  if (init.hasTemplate) return { kind: 'messages', messages: messages.map((one) => ({ ...one })) }
  return { kind: 'text', text: transcript(messages) }
}
