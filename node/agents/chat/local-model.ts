/** A language model of the registry as something to talk to. */
import { randomUUID } from 'node:crypto'
import type { Completion } from '../../compute/generate/engine-messages.ts'
import type { Generation } from '../../compute/generate/generation.ts'
import type { Constraint, Sampling, TokenEvent } from '../../compute/generate/language-model.ts'
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonValue } from '../../json.ts'
import {
  ANSWER,
  arguing,
  argumentsConstraint,
  callConstraint,
  choiceOf,
  choosing,
  withTools,
} from './call-protocol.ts'
import type {
  ChatDelta,
  ChatFormat,
  ChatMessage,
  ChatModel,
  ChatReply,
  ChatRequest,
  ChatSampling,
  ChatUsage,
  ToolCall,
  ToolDeclaration,
} from './chat-model.ts'
import { mostTokens } from './endpoint-model.ts'
import type { LocalFacts } from './local-facts.ts'
import { promptOf, TRANSCRIPT_STOPS } from './local-prompt.ts'
import { createCallScanner } from './native-calls.ts'

interface Init {
  /** Of the registry. */
  readonly id: string
  readonly facts: LocalFacts
  readonly newId?: () => string
}

const ANSWER_TOKENS = 1024
const CHOICE_TOKENS = 32

type Tell = (delta: ChatDelta) => void
type Part = Pick<ChatReply, 'text' | 'toolCalls' | 'finish'>

export function createLocalModel(
  { generation }: { generation: Pick<Generation, 'generate'> },
  init: Init,
): ChatModel {
  const { id, facts } = init
  const newId = init.newId ?? (() => `call_${randomUUID().replaceAll('-', '')}`)
  // Until the template has refused one.
  let hasSystem = true

  /** One conversation: what its steps took adds up. */
  function talk(request: ChatRequest, signal: AbortSignal, tell: Tell) {
    const usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 }
    const { sampling = {} } = request

    async function generate(
      messages: readonly ChatMessage[],
      tools: readonly ToolDeclaration[],
      wish: { maxTokens: number; constraint?: Constraint },
      onToken?: (event: TokenEvent) => void,
    ): Promise<Completion> {
      const stop = [
        ...(sampling.stop ?? []),
        ...(facts.hasTemplate || wish.constraint ? [] : TRANSCRIPT_STOPS),
      ]
      const run = () =>
        generation.generate(
          id,
          {
            prompt: promptOf(messages, tools, { ...facts, hasSystem }),
            sampling: samplingOf(sampling),
            ...wish,
            // A grammar decides where its text ends.
            ...(wish.constraint === undefined && stop.length > 0 && { stop }),
          },
          signal,
          onToken,
        )
      const completion = await run().catch((error: unknown) => {
        const isRefused = error instanceof VillageError && error.code === 'CHAT_TEMPLATE_FAILED'
        if (!isRefused || !hasSystem || !messages.some(({ role }) => role === 'system')) throw error
        hasSystem = false
        return run()
      })
      usage.promptTokens += completion.promptTokens
      usage.cachedTokens += completion.cachedTokens
      usage.completionTokens += completion.tokens.length
      return completion
    }

    const maxTokens = sampling.maxTokens ?? ANSWER_TOKENS

    /** Text, of the form that was asked for. */
    async function answer(messages: readonly ChatMessage[]): Promise<Part> {
      const constraint = constraintOf(request.format)
      // A transcript goes on behind a colon: the blank there is no part of what is said.
      let isBegun = facts.hasTemplate
      let text = ''
      const done = await generate(
        messages,
        [],
        { maxTokens, ...(constraint !== undefined && { constraint }) },
        (event) => {
          const piece = isBegun ? event.text : event.text.trimStart()
          if (piece === '') return
          isBegun = true
          text += piece
          tell({ kind: 'text', text: piece })
        },
      )
      return { text, toolCalls: [], finish: finishOf(done) }
    }

    /** Text or calls, as the model was trained to write them. */
    async function native(
      messages: readonly ChatMessage[],
      tools: readonly ToolDeclaration[],
    ): Promise<Part> {
      const scanner = createCallScanner(facts.form!, namesOf(tools))
      let text = ''
      const say = (piece: string) => {
        if (piece === '') return
        text += piece
        tell({ kind: 'text', text: piece })
      }
      const done = await generate(messages, tools, { maxTokens }, (event) => say(scanner.push(event.text)))
      const rest = scanner.end()
      say(rest.text)
      const calls = request.parallelToolCalls === false ? rest.calls.slice(0, 1) : rest.calls
      return {
        text,
        toolCalls: calls.map((call, index) => handOver({ id: newId(), ...call }, index)),
        finish: finishOf(done),
      }
    }

    /** A call whatever comes, as JSON in the words of the model's own form. */
    async function forced(
      messages: readonly ChatMessage[],
      tools: readonly ToolDeclaration[],
    ): Promise<Part> {
      const argumentsName = facts.form === 'llama' ? 'parameters' : 'arguments'
      const constraint = callConstraint(tools, argumentsName)
      const done = await generate(messages, tools, { maxTokens, constraint })
      const { name, arguments: given } = readCall(done.text, argumentsName)
      return {
        text: '',
        toolCalls: [handOver({ id: newId(), name, arguments: given }, 0)],
        finish: finishOf(done),
      }
    }

    /** A word for what comes next, then the arguments. */
    async function byProtocol(
      messages: readonly ChatMessage[],
      tools: readonly ToolDeclaration[],
      canAnswer: boolean,
    ): Promise<Part> {
      const told = withTools(messages, tools)
      const name = canAnswer || tools.length > 1 ? await choose(told, tools, canAnswer) : tools[0]!.name
      if (name === ANSWER) return answer(messages)
      const tool = tools.find((one) => one.name === name)!
      const call = { id: newId(), name, arguments: '' }
      tell({ kind: 'call', index: 0, id: call.id, name })
      const constraint = argumentsConstraint(tool)
      const done = await generate(
        arguing(choosing(told, canAnswer), name),
        [],
        { maxTokens, constraint },
        (event) => {
          if (event.text !== '') tell({ kind: 'arguments', index: 0, text: event.text })
        },
      )
      return { text: '', toolCalls: [{ ...call, arguments: done.text }], finish: finishOf(done) }
    }

    async function choose(
      told: readonly ChatMessage[],
      tools: readonly ToolDeclaration[],
      canAnswer: boolean,
    ): Promise<string> {
      const constraint = choiceOf(tools, canAnswer)
      const wish = { maxTokens: CHOICE_TOKENS, constraint }
      const { text } = await generate(choosing(told, canAnswer), [], wish)
      // Cut before it was whole: the tools of one longer name still have it in common.
      if (canAnswer && ANSWER.startsWith(text)) return ANSWER
      return (
        tools.find((tool) => tool.name === text)?.name ??
        tools.find((tool) => tool.name.startsWith(text))!.name
      )
    }

    function handOver(call: ToolCall, index: number): ToolCall {
      tell({ kind: 'call', index, id: call.id, name: call.name })
      if (call.arguments !== '') tell({ kind: 'arguments', index, text: call.arguments })
      return call
    }

    return { usage: usage as ChatUsage, answer, native, forced, byProtocol }
  }

  return {
    id,
    place: 'local',
    contextTokens: facts.contextTokens,
    countTokens: mostTokens,
    async respond(request, signal, onDelta): Promise<ChatReply> {
      signal.throwIfAborted()
      const { messages, toolChoice = 'auto', format } = request
      const offered = toolChoice === 'none' ? [] : (request.tools ?? [])
      const tools =
        typeof toolChoice === 'object' ? offered.filter(({ name }) => name === toolChoice.name) : offered
      if (typeof toolChoice === 'object' && tools.length === 0)
        throw new VillageError(
          'CHAT_FIELD_UNSUPPORTED',
          'The tool that is to be called is not among the tools',
          {
            fields: { field: 'toolChoice' },
          },
        )
      const talking = talk(request, signal, onDelta ?? (() => undefined))
      const isNative = facts.form !== null
      const isFree = toolChoice === 'auto'
      let part: Part
      if (tools.length === 0) part = await talking.answer(messages)
      else if (isNative && !isFree) part = await talking.forced(messages, tools)
      // A form of the answer cannot hold for a turn that may be a call instead: that is decided first.
      else if (isNative && (format ?? { kind: 'text' }).kind === 'text')
        part = await talking.native(messages, tools)
      else part = await talking.byProtocol(messages, tools, isFree)
      const isCall = part.toolCalls.length > 0 && part.finish === 'stop'
      return { model: id, ...part, finish: isCall ? 'tool-calls' : part.finish, usage: talking.usage }
    },
  }
}

const namesOf = (tools: readonly ToolDeclaration[]) => tools.map(({ name }) => name)

const finishOf = ({ finish }: Completion): 'stop' | 'length' =>
  finish === 'length' || finish === 'context' ? 'length' : 'stop'

function constraintOf(format: ChatFormat | undefined): Constraint | undefined {
  if (format === undefined || format.kind === 'text') return undefined
  // What is called JSON mode is an object everywhere else.
  return { kind: 'json-schema', schema: format.kind === 'json' ? { type: 'object' } : format.schema }
}

const samplingOf = ({ stop: _, maxTokens: __, ...rest }: ChatSampling): Sampling => rest

/** A text that was held by a grammar: where it is not whole, its limit of tokens ended it. */
function readCall(text: string, argumentsName: string): { name: string; arguments: string } {
  try {
    const value = JSON.parse(text) as JsonValue
    if (isJsonObject(value) && typeof value.name === 'string')
      return { name: value.name, arguments: JSON.stringify(value[argumentsName] ?? {}) }
  } catch {
    // Cut short.
  }
  return { name: /"name"\s*:\s*"([^"\\]*)"/.exec(text)?.[1] ?? '', arguments: text }
}
