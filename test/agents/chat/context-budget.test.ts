import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { ChatMessage } from '../../../node/agents/chat/chat-model.ts'
import { cutMiddle, fitContext, messageTokens } from '../../../node/agents/chat/context-budget.ts'

const test = suite('context budget')
const count = (text: string) => text.length
const tokens = (messages: readonly ChatMessage[]) =>
  messages.reduce((sum, message) => sum + messageTokens(message, count), 0)

const text = fc.string({ maxLength: 40 })
const long = fc.integer({ min: 0, max: 3_000 }).map((length) => 'x'.repeat(length))
let ids = 0

/** A turn of the past or of now: a question, then calls with their results, then perhaps an answer. */
const turn = fc.record({
  question: fc.oneof(text, long),
  calls: fc.array(fc.record({ results: fc.integer({ min: 1, max: 2 }), content: long }), { maxLength: 3 }),
  answer: fc.option(fc.oneof(text, long), { nil: null }),
})

function messagesOf(
  turns: readonly (typeof turn extends fc.Arbitrary<infer T> ? T : never)[],
): ChatMessage[] {
  return turns.flatMap(({ question, calls, answer }, index): ChatMessage[] => [
    { role: 'user', content: question },
    ...calls.flatMap(({ results, content }): ChatMessage[] => {
      const made = Array.from({ length: results }, () => ({ id: `c${ids++}`, name: 'find', arguments: '{}' }))
      return [
        { role: 'assistant', content: '', toolCalls: made },
        ...made.map(({ id, name }): ChatMessage => ({ role: 'tool', toolCallId: id, name, content })),
      ]
    }),
    ...(answer === null || index === turns.length - 1
      ? []
      : [{ role: 'assistant', content: answer } as const]),
  ])
}

const conversation = fc
  .tuple(text, fc.array(turn, { minLength: 1, maxLength: 5 }))
  .map(([system, turns]): ChatMessage[] => [{ role: 'system', content: system }, ...messagesOf(turns)])

test('what fits is left as it is; what is said to fit fits', () => {
  fc.assert(
    fc.property(conversation, fc.integer({ min: 0, max: 12_000 }), (messages, maxTokens) => {
      const fitted = fitContext({ messages, maxTokens, count })
      if (tokens(messages) <= maxTokens) assert.equal(fitted, { messages, dropped: 0, cut: 0, fits: true })
      assert.is(fitted.fits, tokens(fitted.messages) <= maxTokens)
      assert.is(fitted.messages.length, messages.length - fitted.dropped)
    }),
  )
})

test('the system and the last question stay, and a result stands behind its call', () => {
  fc.assert(
    fc.property(conversation, fc.integer({ min: 0, max: 6_000 }), (messages, maxTokens) => {
      const { messages: left } = fitContext({ messages, maxTokens, count })
      assert.equal(left[0], messages[0])
      const asked = messages.findLast(({ role }) => role === 'user')!.content
      const kept = left.findLast(({ role }) => role === 'user')!.content
      if (kept !== asked) {
        assert.ok(asked.length > 256 && kept.length < asked.length)
        assert.ok(asked.startsWith(kept.slice(0, 50)) && asked.endsWith(kept.slice(-50)))
      }
      const open = new Set<string>()
      for (const message of left) {
        if (message.role === 'assistant') for (const { id } of message.toolCalls ?? []) open.add(id)
        if (message.role === 'tool') assert.ok(open.delete(message.toolCallId), 'a result without its call')
      }
      assert.is(open.size, 0, 'a call without its result')
    }),
  )
})

test('the past goes before anything of now is cut', () => {
  const past: ChatMessage[] = [
    { role: 'user', content: 'a'.repeat(500) },
    { role: 'assistant', content: 'b'.repeat(500) },
  ]
  const now: ChatMessage[] = [
    { role: 'user', content: 'c'.repeat(300) },
    { role: 'assistant', content: '', toolCalls: [{ id: '1', name: 'find', arguments: '{}' }] },
    { role: 'tool', toolCallId: '1', name: 'find', content: 'd'.repeat(900) },
  ]
  const fitted = fitContext({ messages: [...past, ...now], maxTokens: 1_400, count })
  assert.equal(fitted, { messages: now, dropped: 2, cut: 0, fits: true })
  const tighter = fitContext({ messages: [...past, ...now], maxTokens: 1_000, count })
  assert.is(tighter.dropped, 2)
  assert.is(tighter.cut, 1)
  assert.match(tighter.messages.at(-1)!.content, /^d+\n\[… \d+ characters are left out here …\]\nd+$/)
})

test('a cut text keeps both ends, within its length, and never half a character', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 100, maxLength: 400 }),
      fc.integer({ min: 64, max: 500 }),
      (given, units) => {
        const short = cutMiddle(given, units)
        if (given.length <= units) assert.is(short, given)
        else assert.ok(short.length <= units + 2)
        assert.ok(!given.isWellFormed() || short.isWellFormed())
      },
    ),
  )
})

test.run()
