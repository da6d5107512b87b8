/**
 * A language model decides what comes next. It is shown the conversation, what was done so far, and the tools of the request; it answers, or names
 * calls. A call that is malformed is asked for once more with what is wrong about it; if that does not help either, the loop refuses it and the model
 * sees that.
 */
import { toVillageError, VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { type CheckArguments, createArgumentCheck } from '../loop/check-arguments.ts'
import type { Action, Observation, PlannedCall, Policy, PolicyStep } from '../loop/policy.ts'
import type {
  ChatMessage,
  ChatModel,
  ChatReply,
  ChatRequest,
  ChatUsage,
  ToolCall,
  ToolDeclaration,
} from './chat-model.ts'
import { fitContext } from './context-budget.ts'
import { frameResult, frameRule, newMark } from './frame-result.ts'
import { createThoughtFilter, withoutThoughts } from './thoughts.ts'

export interface ModelPolicyInit {
  readonly model: ChatModel
  /** What the agent is, in its own words. */
  readonly system: string
  readonly tools: readonly ToolDeclaration[]
  /** Names of tools that the asker's words speak of: they are shown first, and a small model may be shown no others. */
  readonly intended?: readonly string[]
  /** Of one answer. */
  readonly maxTokens?: number
  /** Instead of a random one; for tests. */
  readonly mark?: string
}

const ANSWER_TOKENS = 2_048
/** A model with less is asked for one call at a time. */
const SMALL_CONTEXT = 8_192
/** Of the context: the rest is for the conversation. */
const TOOLS_SHARE = 0.4
const ANSWER_SHARE = 0.25
/** Bytes of a token, for a first try; a conversation that turns out too long is fitted anew. */
const TOKEN_BYTES = 3
const FITS = 4
const SHRINK = 0.6
/** Of the arguments of a call that is not made, for the audit log. */
const MAX_STRANGE_UNITS = 4_096
const NAME = /^[a-zA-Z0-9_-]{1,64}$/

const estimate = (text: string) => Math.ceil(Buffer.byteLength(text) / TOKEN_BYTES)

/** Some templates want ids of nine letters and digits. */
const callId = (index: number) => `call${String(index).padStart(5, '0')}`

export function modelPolicy(init: ModelPolicyInit): Policy {
  const { model, system, mark = newMark() } = init
  const tools = shownTools(init)
  const check = createArgumentCheck()
  const isSmall = model.contextTokens !== null && model.contextTokens < SMALL_CONTEXT
  const answerTokens = Math.min(
    init.maxTokens ?? ANSWER_TOKENS,
    model.contextTokens === null ? ANSWER_TOKENS : Math.floor(model.contextTokens * ANSWER_SHARE),
  )

  function conversation(step: PolicyStep): ChatMessage[] {
    const words = step.messages.filter(({ role }) => role === 'system').map(({ content }) => content)
    const rule = tools.length === 0 && step.observations.length === 0 ? [] : [frameRule(mark)]
    return [
      { role: 'system', content: [system, ...rule, ...words].join('\n\n') },
      ...step.messages.filter(({ role }) => role !== 'system'),
      ...step.observations.flatMap((observation, index) => shown(observation, index, mark)),
    ]
  }

  /** Throws what the model throws; CONTEXT_TOO_LONG where even what must stay is too long. */
  async function ask(
    messages: readonly ChatMessage[],
    wish: Pick<ChatRequest, 'toolChoice'>,
    signal: AbortSignal,
    onText: (text: string) => void,
  ): Promise<ChatReply> {
    const declared = tools.reduce((sum, tool) => sum + estimate(JSON.stringify(tool)), 0)
    let room = model.contextTokens === null ? null : model.contextTokens - answerTokens - declared
    for (let attempt = 1; ; attempt++) {
      const fitted =
        room === null ? messages : noted(fitContext({ messages, maxTokens: room, count: estimate }), model)
      try {
        return await model.respond(
          {
            messages: fitted,
            ...(tools.length > 0 && { tools, ...wish, ...(isSmall && { parallelToolCalls: false }) }),
            sampling: { maxTokens: answerTokens },
          },
          signal,
          (delta) => {
            if (delta.kind === 'text') onText(delta.text)
          },
        )
      } catch (error) {
        const isTooLong = error instanceof VillageError && error.code === 'CONTEXT_TOO_LONG'
        if (!isTooLong || attempt === FITS) throw error
        const before = room ?? messages.reduce((sum, { content }) => sum + estimate(content), 0)
        room = Math.floor(before * SHRINK)
      }
    }
  }

  /** What is wrong with a call, or the call. */
  function read(call: ToolCall): PlannedCall | { readonly problem: string; readonly name: string } {
    const tool = tools.find(({ name }) => name === call.name)
    if (tool === undefined)
      return {
        name: call.name,
        problem: `there is no tool of that name; there is ${tools.map(({ name }) => name).join(', ')}`,
      }
    const value = parse(call.arguments)
    if (!isJsonObject(value)) return { name: call.name, problem: 'its arguments are no JSON object' }
    const problem = complaint(check, tool, value)
    return problem === null
      ? { tool: tool.name, arguments: value, reason: `${model.id} asked for it` }
      : { name: call.name, problem }
  }

  const isCall = (one: ReturnType<typeof read>): one is PlannedCall => 'tool' in one

  async function repaired(
    reply: ChatReply,
    messages: readonly ChatMessage[],
    signal: AbortSignal,
  ): Promise<{ calls: PlannedCall[]; usage: ChatUsage | null }> {
    const calls = reply.toolCalls.map(read)
    const broken = calls.findIndex((call) => !isCall(call))
    if (broken < 0) return { calls: calls.filter(isCall), usage: null }
    const bad = reply.toolCalls[broken]!
    const { problem } = calls[broken] as { problem: string }
    const isKnown = tools.some(({ name }) => name === bad.name)
    const again = await ask(
      [
        ...messages,
        { role: 'assistant', content: `${bad.name} ${bad.arguments}`.slice(0, 2_000) },
        { role: 'user', content: `That call cannot be made: ${problem}. Make it once more, correctly.` },
      ],
      { toolChoice: isKnown ? { name: bad.name } : 'required' },
      signal,
      () => undefined,
    )
    const [second] = again.toolCalls
    const next = second === undefined ? calls[broken]! : read(second)
    const kept = calls.map((call, index) => (index === broken ? next : call))
    return {
      usage: again.usage,
      calls: [
        ...kept.map((call, index) =>
          isCall(call)
            ? call
            : malformed(index === broken && second !== undefined ? second : reply.toolCalls[index]!, tools),
        ),
        ...(isCall(next) && !isKnown ? [malformed(bad, tools)] : []),
      ],
    }
  }

  return {
    model: model.id,
    async next(step, signal, onText) {
      const messages = conversation(step)
      const thoughts = createThoughtFilter()
      const reply = await ask(messages, {}, signal, (text) => onText(thoughts.push(text)))
      onText(thoughts.end())
      if (reply.toolCalls.length === 0) {
        const text = withoutThoughts(reply.text).trim()
        const action: Action = { kind: 'answer', text: text === '' ? emptyText(model.id, reply) : text }
        return { action, usage: reply.usage }
      }
      const { calls, usage } = await repaired(reply, messages, signal)
      return {
        action: { kind: 'call', calls },
        usage: usage === null ? reply.usage : added(reply.usage, usage),
      }
    },
  }
}

/** Those that the asker's words speak of first; of the rest as many as leave room for the conversation. */
export function shownTools({ model, tools, intended = [] }: ModelPolicyInit): ToolDeclaration[] {
  const rank = ({ name }: ToolDeclaration) =>
    intended.includes(name) ? intended.indexOf(name) : intended.length
  const sorted = [...tools].sort((a, b) => rank(a) - rank(b))
  if (model.contextTokens === null) return sorted
  let room = model.contextTokens * TOOLS_SHARE
  return sorted.filter((tool, index) => {
    room -= estimate(JSON.stringify(tool))
    return room >= 0 || index === 0
  })
}

function shown(observation: Observation, index: number, mark: string): ChatMessage[] {
  const { tool, arguments: given } = observation.call
  const id = callId(index)
  const name = NAME.test(tool) ? tool : 'unknown'
  return [
    { role: 'assistant', content: '', toolCalls: [{ id, name, arguments: JSON.stringify(given) }] },
    { role: 'tool', toolCallId: id, name, content: frameResult(observation, mark) },
  ]
}

/** What was left out is said where the model reads first. Throws CONTEXT_TOO_LONG. */
function noted(
  { messages, dropped, cut, fits }: ReturnType<typeof fitContext>,
  { id, contextTokens }: ChatModel,
): readonly ChatMessage[] {
  if (!fits)
    throw new VillageError(
      'CONTEXT_TOO_LONG',
      `The question and what an agent is told do not fit the ${contextTokens} tokens of ${id} together`,
      { fields: { model: id, most: contextTokens } },
    )
  if (dropped === 0 && cut === 0) return messages
  const words = [
    ...(dropped > 0 ? [`${dropped} earlier messages are left out`] : []),
    ...(cut > 0 ? [`${cut} long texts are cut`] : []),
  ]
  const [first, ...rest] = messages
  const note = `(${words.join(' and ')} to fit.)`
  return first?.role === 'system'
    ? [{ role: 'system', content: `${first.content}\n\n${note}` }, ...rest]
    : messages
}

function parse(text: string): JsonValue | undefined {
  // A tool without arguments may be called with nothing at all.
  if (text.trim() === '') return {}
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    return undefined
  }
}

function complaint(check: CheckArguments, tool: ToolDeclaration, given: JsonObject): string | null {
  try {
    check(tool, given)
    return null
  } catch (error) {
    return toVillageError(error).message
  }
}

/** A call that the loop refuses: there is no such tool, or the tool has no such argument. */
function malformed({ name, arguments: given }: ToolCall, tools: readonly ToolDeclaration[]): PlannedCall {
  const tool = tools.find((shown) => shown.name === name)
  const reason = 'the model asked for it in a form that cannot be read'
  if (tool === undefined) {
    // Whoever reads the audit log sees what a model tried, though it knows of no such tool.
    const value = given.length <= MAX_STRANGE_UNITS ? parse(given) : undefined
    return {
      tool: NAME.test(name) ? name : 'unknown',
      arguments: isJsonObject(value) ? value : { malformed: given.slice(0, 500) },
      reason: 'the model asked for it, and was not shown it',
      problem: `There is no tool ${name.slice(0, 64)} in this request`,
    }
  }
  // A tool of a server that takes whatever it is given would run.
  const isStrict = tool.parameters.additionalProperties === false
  return { tool: isStrict ? name : 'unknown', arguments: { malformed: given.slice(0, 500) }, reason }
}

const emptyText = (model: string, { finish }: ChatReply) =>
  finish === 'length' ? `${model} used all its tokens before it said anything.` : `${model} said nothing.`

const added = (a: ChatUsage, b: ChatUsage): ChatUsage => ({
  promptTokens: a.promptTokens + b.promptTokens,
  cachedTokens: a.cachedTokens + b.cachedTokens,
  completionTokens: a.completionTokens + b.completionTokens,
})
