/**
 * Fits a conversation into what a model takes. What goes first is what was said long ago: whole turns, a call together with its result; then long
 * results of tools are cut in their middle, then the oldest calls of this turn go. The system's words and the last of the user stay. Pure.
 */
import type { ChatMessage } from './chat-model.ts'

export interface ContextWish {
  readonly messages: readonly ChatMessage[]
  /** For all of the messages together. */
  readonly maxTokens: number
  count(text: string): number
}

export interface FittedContext {
  readonly messages: readonly ChatMessage[]
  /** Messages that were left out. */
  readonly dropped: number
  /** Messages that were cut in their middle. */
  readonly cut: number
  /** False: what has to stay is too long by itself. */
  readonly fits: boolean
}

/** Role, marks of the turn, an id. */
const MESSAGE_TOKENS = 8
/** Less of a result says nothing any more. */
const LEAST_UNITS = 256

export function messageTokens(message: ChatMessage, count: (text: string) => number): number {
  const calls = message.role === 'assistant' ? (message.toolCalls ?? []) : []
  const inCalls = calls.reduce(
    (sum, call) => sum + count(call.name) + count(call.arguments) + MESSAGE_TOKENS,
    0,
  )
  return MESSAGE_TOKENS + count(message.content) + inCalls
}

/** Head and tail, with a note of what is missing between them. */
export function cutMiddle(text: string, units: number): string {
  if (text.length <= units) return text
  const note = (left: number) => `\n[… ${left} characters are left out here …]\n`
  const kept = Math.max(2, units - note(text.length).length)
  const isHalf = (at: number) => /[\uDC00-\uDFFF]/.test(text[at] ?? '')
  let head = Math.ceil(kept / 2)
  let tail = text.length - Math.floor(kept / 2)
  // No half of a pair on either side.
  if (isHalf(head)) head--
  if (isHalf(tail)) tail++
  return `${text.slice(0, head)}${note(tail - head)}${text.slice(tail)}`
}

/** Messages that go together: what was asked before with all that came of it; since the last question, a call with its results. */
function unitsOf(messages: readonly ChatMessage[], lastUser: number): ChatMessage[][] {
  const units: ChatMessage[][] = []
  for (const [index, message] of messages.entries()) {
    const isPast = index < lastUser
    const continues = isPast ? message.role !== 'user' : message.role === 'tool'
    const last = units.at(-1)
    if (continues && last !== undefined && index !== lastUser && !last.includes(messages[lastUser]!))
      last.push(message)
    else units.push([message])
  }
  return units
}

export function fitContext({ messages, maxTokens, count }: ContextWish): FittedContext {
  const system = messages.filter(({ role }) => role === 'system')
  const talk = messages.filter(({ role }) => role !== 'system')
  const lastUser = talk.findLastIndex(({ role }) => role === 'user')
  const question = talk[lastUser]
  const sum = (all: readonly ChatMessage[]) =>
    all.reduce((tokens, message) => tokens + messageTokens(message, count), 0)
  let units = unitsOf(talk, lastUser)
  let total = sum(messages)
  let dropped = 0
  const cut = new Set<ChatMessage>()

  function drop(isMeant: (unit: readonly ChatMessage[], index: number) => boolean): void {
    units = units.filter((unit, index) => {
      if (total <= maxTokens || !isMeant(unit, index)) return true
      total -= sum(unit)
      dropped += unit.length
      return false
    })
  }

  /** The longest of what may be cut becomes half as long, until all fits or nothing is worth cutting. */
  function shorten(isMeant: (message: ChatMessage) => boolean): void {
    while (total > maxTokens) {
      const candidates = units.flatMap((unit, at) =>
        unit.flatMap((message, inside) =>
          isMeant(message) && message.content.length > LEAST_UNITS ? [{ at, inside, message }] : [],
        ),
      )
      const longest = candidates.sort((a, b) => b.message.content.length - a.message.content.length)[0]
      if (longest === undefined) return
      const { at, inside, message } = longest
      const shorter = Math.max(LEAST_UNITS, Math.floor(message.content.length / 2))
      const next: ChatMessage = { ...message, content: cutMiddle(message.content, shorter) }
      // The note may take as much as the cut has gained.
      if (next.content.length >= message.content.length) return
      total += messageTokens(next, count) - messageTokens(message, count)
      units[at]![inside] = next
      cut.delete(message)
      cut.add(next)
    }
  }

  const questionAt = () => units.findIndex((unit) => question !== undefined && unit.includes(question))
  drop((_unit, index) => index < questionAt())
  shorten(({ role }) => role === 'tool')
  // The latest call stays: without its result the model would make it again.
  const latest = units.at(-1)
  drop((unit) => unit !== latest && (question === undefined || !unit.includes(question)))
  shorten(({ role }) => role === 'user')
  return { messages: [...system, ...units.flat()], dropped, cut: cut.size, fits: total <= maxTokens }
}
