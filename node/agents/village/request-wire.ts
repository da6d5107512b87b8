/** A request to an agent of another member: what of it travels, and what of one that came is taken. */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { AGENT_LIMITS, type AskFrame, ROLE_CODES } from '../../mesh/protocols/agents.ts'
import type { AgentName, AgentRequest, LoopLimits } from '../agent.ts'
import type { ChatMessage } from '../chat/chat-model.ts'

/** What is asked of a member. */
export type MemberRequest = Pick<AgentRequest, 'agent' | 'messages' | 'limits' | 'options'>

export const AGENT_NAMES: readonly AgentName[] = ['king', 'sage', 'magi']
export const isAgentName = (name: string): name is AgentName => AGENT_NAMES.some((known) => known === name)

/** Options that say what is asked, not on which node, by which model or whether privately: those are not the asker's affair there. */
const OPTIONS: ReadonlySet<string> = new Set([
  'collections',
  'deadlineMs',
  'filters',
  'language',
  'mode',
  'perDocument',
  'sentences',
  'sources',
  'steps',
  'threshold',
])

function malformed(reason: string): never {
  throw new VillageError('PROTOCOL_MALFORMED', `A request to an agent is malformed: ${reason}`)
}

function allowedOptions(options: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(options).filter(([name]) => OPTIONS.has(name)))
}

/** The last turns of the conversation that fit. Throws INVALID_ARGUMENT where the last one alone does not. */
function fittingTurns(messages: readonly ChatMessage[]): AskFrame['messages'] {
  const turns: AskFrame['messages'] = []
  let room: number = AGENT_LIMITS.maxConversationBytes
  // What this node itself put in (the Twin's memories, results of tools) stays here.
  const spoken = messages.filter(({ role }) => role === 'user' || role === 'assistant')
  for (const { role, content } of spoken.toReversed()) {
    const sizeBytes = Buffer.byteLength(content)
    if (
      sizeBytes > AGENT_LIMITS.maxMessageBytes ||
      sizeBytes > room ||
      turns.length >= AGENT_LIMITS.maxMessages
    )
      break
    room -= sizeBytes
    turns.unshift({ role: ROLE_CODES[role as keyof typeof ROLE_CODES], content: content.toWellFormed() })
  }
  if (turns.at(-1) === undefined || spoken.at(-1)?.role !== 'user')
    throw new VillageError(
      'INVALID_ARGUMENT',
      `A question to a member ends with a message of the role user, of at most ${AGENT_LIMITS.maxMessageBytes} bytes.`,
    )
  return turns
}

/** Throws INVALID_ARGUMENT. */
export function encodeRequest({ agent, messages, limits, options }: MemberRequest): AskFrame {
  const { node: _, ...rest } = options ?? {}
  const wished = allowedOptions(rest)
  const text = Object.keys(wished).length === 0 ? '' : JSON.stringify(wished)
  if (Buffer.byteLength(text) > AGENT_LIMITS.maxOptionsBytes)
    throw new VillageError('INVALID_ARGUMENT', 'The options are too large for a question to a member.')
  return {
    agent,
    messages: fittingTurns(messages),
    turns: limits?.turns ?? 0,
    ms: limits?.ms ?? 0,
    tokens: limits?.tokens ?? 0,
    repeats: limits?.repeats ?? 0,
    options: text,
  }
}

function readOptions(text: string): JsonObject {
  if (text === '') return {}
  let value: JsonValue
  try {
    value = JSON.parse(text) as JsonValue
  } catch {
    return malformed('its options are not JSON')
  }
  return isJsonObject(value) ? allowedOptions(value) : malformed('its options are no object')
}

/** The smaller of each; 0 wishes nothing. */
function narrowed(frame: AskFrame, most: LoopLimits): LoopLimits {
  const least = (wish: number, limit: number) => (wish === 0 ? limit : Math.min(wish, limit))
  return {
    turns: least(frame.turns, most.turns),
    ms: least(frame.ms, most.ms),
    tokens: least(frame.tokens, most.tokens),
    repeats: least(frame.repeats, most.repeats),
  }
}

/** Throws PROTOCOL_MALFORMED, and AGENT_UNKNOWN for a name that is no agent's. */
export function decodeRequest(
  frame: AskFrame,
  most: LoopLimits,
): { agent: AgentName; messages: ChatMessage[]; limits: LoopLimits; options: JsonObject } {
  if (!isAgentName(frame.agent)) throw new VillageError('AGENT_UNKNOWN')
  const sizeBytes = frame.messages.reduce((sum, { content }) => sum + Buffer.byteLength(content), 0)
  if (sizeBytes > AGENT_LIMITS.maxConversationBytes) malformed('its conversation is too long')
  const messages = frame.messages.map(({ role, content }): ChatMessage => {
    if (role === ROLE_CODES.user) return { role: 'user', content }
    return role === ROLE_CODES.assistant ? { role: 'assistant', content } : malformed('a turn has no role')
  })
  if (messages.at(-1)?.role !== 'user') malformed('its last turn is not the asker’s')
  return { agent: frame.agent, messages, limits: narrowed(frame, most), options: readOptions(frame.options) }
}
