/**
 * Chat completions of OpenAI's API as a server sends them, whole or in chunks, checked and put together. Everything in them is hostile until it
 * is looked at: types, sizes, the order of pieces.
 */
import { VillageError } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { ChatDelta, ChatReply, ChatUsage, ToolCall } from './chat-model.ts'

export interface CompletionReader {
  /** A chunk of a stream. Throws CHAT_ENDPOINT_FAILED. */
  chunk(value: unknown): void
  /** A whole completion. Throws CHAT_ENDPOINT_FAILED. */
  whole(value: unknown): void
  /** Whether a reason to finish has come. */
  readonly isFinished: boolean
  /** Throws CHAT_ENDPOINT_FAILED where it is not finished. `usage`: what is said where the server says nothing. */
  reply(usage: ChatUsage): Omit<ChatReply, 'model'>
}

const MAX_TEXT_UNITS = 4 * 2 ** 20
const MAX_CALLS = 64
const MAX_ARGUMENT_UNITS = 2 ** 20
const MAX_NAME_UNITS = 128
/** `function_call` is the word of older servers. */
const FINISHES: Readonly<Record<string, ChatReply['finish']>> = {
  stop: 'stop',
  eos: 'stop',
  length: 'length',
  content_filter: 'stop',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
}

const invalid = (problem: string) =>
  new VillageError('CHAT_ENDPOINT_FAILED', `The endpoint answered with ${problem}`)

interface Building {
  id: string
  name: string
  arguments: string
}

const objectOf = (value: JsonValue | undefined): JsonObject => (isJsonObject(value) ? value : {})
const textOf = (value: JsonValue | undefined, what: string): string => {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  throw invalid(`${what} that is no text`)
}

/** A text, or parts of which those with a text are said. */
function contentOf(value: JsonValue | undefined): string {
  if (!Array.isArray(value)) return textOf(value, 'a text')
  return (value as readonly JsonValue[])
    .map((part) => (isJsonObject(part) && part.type === 'text' ? textOf(part.text, 'a text') : ''))
    .join('')
}

export function createCompletionReader(init: {
  onDelta?: (delta: ChatDelta) => void
  newId: () => string
}): CompletionReader {
  const tell = init.onDelta ?? (() => undefined)
  let text = ''
  const calls: Building[] = []
  let finish: ChatReply['finish'] | null = null
  let usage: ChatUsage | null = null

  function addText(piece: string): void {
    if (piece === '') return
    text += piece
    if (text.length > MAX_TEXT_UNITS) throw invalid('a text that is too long')
    tell({ kind: 'text', text: piece })
  }

  function addCall(index: number, given: JsonObject): void {
    const { name: rawName, arguments: rawArguments } = objectOf(given.function)
    const name = textOf(rawName, 'the name of a tool')
    // Some servers give arguments as an object instead of its text.
    const piece = isJsonObject(rawArguments)
      ? JSON.stringify(rawArguments)
      : textOf(rawArguments, 'arguments')
    let call = calls[index]
    if (call === undefined) {
      if (index !== calls.length || index >= MAX_CALLS) throw invalid('calls of tools out of their order')
      if (name === '' || name.length > MAX_NAME_UNITS) throw invalid('a call without the name of a tool')
      const id = textOf(given.id, 'the id of a call').slice(0, MAX_NAME_UNITS)
      call = { id: id === '' || calls.some((one) => one.id === id) ? init.newId() : id, name, arguments: '' }
      calls.push(call)
      tell({ kind: 'call', index, id: call.id, name })
    }
    call.arguments += piece
    if (call.arguments.length > MAX_ARGUMENT_UNITS) throw invalid('arguments that are too long')
    if (piece !== '') tell({ kind: 'arguments', index, text: piece })
  }

  function addMessage(message: JsonObject): void {
    addText(contentOf(message.content))
    // What some models say instead of an answer.
    addText(textOf(message.refusal, 'a refusal'))
    const given = message.tool_calls
    if (given === undefined || given === null) return
    if (!Array.isArray(given)) throw invalid('calls of tools that are no list')
    for (const [position, one] of (given as readonly JsonValue[]).entries()) {
      if (!isJsonObject(one)) throw invalid('a call that is no object')
      // Servers that send each call in one piece may leave the index out: an id that is new is a new call.
      const known = calls.findIndex(({ id }) => id === one.id)
      const fallback = known >= 0 ? known : one.id === undefined ? position : calls.length
      const index = one.index ?? fallback
      if (!Number.isInteger(index) || (index as number) < 0) throw invalid('a call with an odd index')
      addCall(index as number, one)
    }
  }

  function addUsage(value: JsonValue | undefined): void {
    if (!isJsonObject(value)) return
    const count = (number: JsonValue | undefined): number =>
      Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : 0
    usage = {
      promptTokens: count(value.prompt_tokens),
      completionTokens: count(value.completion_tokens),
      cachedTokens: Math.min(
        count(objectOf(value.prompt_tokens_details).cached_tokens),
        count(value.prompt_tokens),
      ),
    }
  }

  function take(value: unknown, part: 'delta' | 'message'): void {
    if (!isJsonObject(value)) throw invalid('something that is no completion')
    if (isJsonObject(value.error)) throw invalid('an error in its stream')
    addUsage(value.usage)
    const choices = value.choices ?? []
    if (!Array.isArray(choices)) throw invalid('choices that are no list')
    for (const choice of choices as readonly JsonValue[]) {
      if (!isJsonObject(choice)) throw invalid('a choice that is no object')
      // One was asked for.
      if (choice.index !== undefined && choice.index !== 0) continue
      addMessage(objectOf(choice[part]))
      if (typeof choice.finish_reason === 'string') finish = FINISHES[choice.finish_reason] ?? 'stop'
    }
  }

  return {
    chunk: (value) => take(value, 'delta'),
    whole(value) {
      take(value, 'message')
      // Some servers leave it out of whole answers.
      finish ??= 'stop'
    },
    get isFinished() {
      return finish !== null
    },
    reply(fallback) {
      if (finish === null) throw invalid('an end before it was done')
      const toolCalls = calls.map((call): ToolCall => ({ ...call }))
      // Not all servers say so.
      const ending = finish !== 'length' && toolCalls.length > 0 ? 'tool-calls' : finish
      return {
        text,
        toolCalls,
        finish: ending === 'tool-calls' && toolCalls.length === 0 ? 'stop' : ending,
        usage: usage ?? fallback,
      }
    },
  }
}
