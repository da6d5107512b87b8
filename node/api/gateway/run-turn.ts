/** One turn of the gateway: an agent or a chat model is asked, its answer is streamed on, and what it took is counted. */
import type { AgentAnswer, AgentName, AgentRequest } from '../../agents/agent.ts'
import type { Agents } from '../../agents/agents.ts'
import type { ChatDelta, ChatModel, ChatRequest, ChatUsage, ToolCall } from '../../agents/chat/chat-model.ts'
import type { Keys } from '../keys/keys.ts'
import { USUAL_AGENT_TOKENS } from '../keys/metered-agents.ts'
import type { Principal } from '../principal.ts'
import { checkStrictCalls } from './check-strict.ts'
import { refuse, wrong } from './read-fields.ts'
import type { AgentWish } from './village-field.ts'

export interface TurnComponents {
  readonly agents: Pick<Agents, 'ask'>
  readonly chatModels: { need(id: string): Promise<ChatModel> }
  readonly keys: Pick<Keys, 'addTokens' | 'reserve'>
}

export interface Turn {
  /** As `model` of the request names it. */
  readonly model: string
  readonly request: ChatRequest
  readonly wish: AgentWish
  readonly principal: Principal
}

export interface TurnResult {
  /** The model that answered; for agents the agent's name. */
  readonly model: string
  readonly text: string
  /** What was streamed; for agents more than the answer, where a model said something before it called a tool. */
  readonly streamed: string
  readonly toolCalls: readonly ToolCall[]
  readonly finish: 'stop' | 'length' | 'tool-calls'
  readonly usage: ChatUsage
  /** null: no agent was asked. */
  readonly answer: AgentAnswer | null
}

/** What a request is taken to use while it runs, where it says nothing: only what it used is counted in the end. */
const USUAL_TOKENS = 1_024

const AGENT_NAMES: readonly string[] = ['king', 'sage', 'magi'] satisfies AgentName[]

/** Agents come before models of the same name. */
export const isAgentName = (model: string): model is AgentName => AGENT_NAMES.includes(model)
export { AGENT_NAMES }

type OnDelta = (delta: ChatDelta) => void

function promptTokens(model: ChatModel, { messages, tools = [] }: ChatRequest): number {
  const texts = messages.map((message) => message.content)
  for (const message of messages)
    if (message.role === 'assistant') for (const call of message.toolCalls ?? []) texts.push(call.arguments)
  for (const tool of tools) texts.push(JSON.stringify(tool))
  return texts.reduce((sum, text) => sum + model.countTokens(text), 0)
}

/** Passes deltas on, and at the end those that the model kept to itself: a stream always adds up to the answer. */
function completeDeltas(onDelta: OnDelta) {
  let text = ''
  let written = ''
  const calls = new Map<number, string>()
  return {
    add(delta: ChatDelta): void {
      if (delta.kind === 'text') text += delta.text
      if (delta.kind === 'call') calls.set(delta.index, '')
      else written += delta.text
      if (delta.kind === 'arguments') calls.set(delta.index, (calls.get(delta.index) ?? '') + delta.text)
      onDelta(delta)
    },
    /** Of text and of arguments. */
    written: () => written,
    text: () => text,
    end(whole: string, toolCalls: readonly ToolCall[]): void {
      const rest = whole.startsWith(text) ? whole.slice(text.length) : ''
      if (rest !== '') this.add({ kind: 'text', text: rest })
      for (const [index, { id, name, arguments: given }] of toolCalls.entries()) {
        if (!calls.has(index)) this.add({ kind: 'call', index, id, name })
        const sent = calls.get(index) ?? ''
        if (given.startsWith(sent) && given.length > sent.length)
          this.add({ kind: 'arguments', index, text: given.slice(sent.length) })
      }
    },
  }
}

async function askModel(
  { chatModels, keys }: TurnComponents,
  { model: id, request, principal }: Turn,
  signal: AbortSignal,
  onDelta: OnDelta,
): Promise<TurnResult> {
  const model = await chatModels.need(id)
  const deltas = completeDeltas(onDelta)
  const prompt = promptTokens(model, request)
  const held = keys.reserve(principal, prompt + (request.sampling?.maxTokens ?? USUAL_TOKENS))
  let isCounted = false
  try {
    const reply = await model.respond(request, signal, deltas.add)
    keys.addTokens(principal, reply.usage)
    isCounted = true
    if (reply.finish !== 'length') checkStrictCalls(request.tools ?? [], reply.toolCalls)
    deltas.end(reply.text, reply.toolCalls)
    return { ...reply, streamed: deltas.text(), answer: null }
  } catch (error) {
    // Who hangs up before the end has used what was made so far, and what was read for it.
    if (!isCounted && deltas.written() !== '')
      keys.addTokens(principal, {
        promptTokens: prompt,
        completionTokens: model.countTokens(deltas.written()),
      })
    throw error
  } finally {
    held.release()
  }
}

/**
 * A model behind an agent may say something before it calls a tool; that was streamed on, and the answer is what comes after. So the
 * stream shows both, with a blank line between, and the answer's text alone is what a request without a stream gets.
 */
function agentText(onDelta: OnDelta) {
  let streamed = ''
  let current = ''
  const send = (text: string) => {
    if (text === '') return
    streamed += text
    onDelta({ kind: 'text', text })
  }
  function add(text: string): void {
    if (current === '' && streamed !== '' && text !== '') send('\n\n')
    current += text
    send(text)
  }
  return {
    add,
    pause(): void {
      current = ''
    },
    end(text: string): string {
      if (text.startsWith(current)) add(text.slice(current.length))
      else {
        current = ''
        add(text)
      }
      return streamed
    },
  }
}

async function askAgent(
  components: TurnComponents,
  agent: AgentName,
  { request, wish, principal }: Turn,
  signal: AbortSignal,
  onDelta: OnDelta,
): Promise<TurnResult> {
  const { messages } = request
  for (const [index, message] of messages.entries())
    if (message.role === 'tool' || (message.role === 'assistant' && message.toolCalls !== undefined))
      refuse(`messages[${index}]`, 'an agent has tools of its own')
  if (messages.at(-1)?.role !== 'user') wrong('messages', 'must end with one of the user')
  const asked: AgentRequest = { agent, messages, asker: principal, ...wish }
  const text = agentText(onDelta)
  const held = components.keys.reserve(principal, wish.limits?.tokens ?? USUAL_AGENT_TOKENS)
  let answer: AgentAnswer
  // What models take for it is counted as it is taken: keys/metered-agents.ts.
  try {
    answer = await components.agents.ask(asked, signal, (event) => {
      if (event.kind === 'text') text.add(event.text)
      else if (event.kind === 'call') text.pause()
    })
  } finally {
    held.release()
  }
  return {
    model: agent,
    text: answer.text,
    streamed: text.end(answer.text),
    toolCalls: [],
    finish: answer.finish === 'answer' ? 'stop' : 'length',
    usage: answer.usage,
    answer,
  }
}

/** Throws what the chat model and the agent throw, and CHAT_FIELD_UNSUPPORTED. */
export function runTurn(
  components: TurnComponents,
  turn: Turn,
  signal: AbortSignal,
  onDelta: OnDelta = () => undefined,
): Promise<TurnResult> {
  return isAgentName(turn.model)
    ? askAgent(components, turn.model, turn, signal, onDelta)
    : askModel(components, turn, signal, onDelta)
}
