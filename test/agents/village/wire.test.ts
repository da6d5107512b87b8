/** Frames of the protocol of agents: what goes in comes out, what is too large is cut, and hostile bytes are refused. */

import { readFileSync } from 'node:fs'
import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AgentAnswer, AgentEvent, LoopLimits } from '../../../node/agents/agent.ts'
import type { ChatMessage } from '../../../node/agents/chat/chat-model.ts'
import { cutBytes, pieces } from '../../../node/agents/village/cut-bytes.ts'
import {
  decodeAnswer,
  decodeEvent,
  encodeAnswer,
  encodeEvent,
} from '../../../node/agents/village/reply-wire.ts'
import { decodeRequest, encodeRequest } from '../../../node/agents/village/request-wire.ts'
import { VillageError } from '../../../node/errors.ts'
import { AGENT_LIMITS, AGENTS_PROTOCOL, AskFrame, ReplyFrame } from '../../../node/mesh/protocols/agents.ts'
import { throwsCode } from '../../helpers/throws.ts'

const MOST: LoopLimits = { turns: 8, ms: 1000, tokens: 500, repeats: 2 }
const words = fc.string({ unit: 'binary', maxLength: 300 })

test('texts are cut between characters, and pieces give the whole', () => {
  fc.assert(
    fc.property(words, fc.integer({ min: 4, max: 200 }), (text, maxBytes) => {
      const cut = cutBytes(text, maxBytes)
      assert.ok(Buffer.byteLength(cut) <= maxBytes)
      assert.ok(text.toWellFormed().startsWith(cut))
      const parts = pieces(text, maxBytes)
      assert.ok(parts.every((part) => Buffer.byteLength(part) <= maxBytes && part !== ''))
      assert.is(parts.join(''), text.toWellFormed())
    }),
  )
})

const messages: fc.Arbitrary<ChatMessage[]> = fc
  .array(
    fc.oneof(
      fc.record({
        role: fc.constantFrom('user' as const, 'assistant' as const, 'system' as const),
        content: words,
      }),
      fc.record({ role: fc.constant('tool' as const), content: words, toolCallId: words, name: words }),
    ),
    { maxLength: 50 },
  )
  .chain((before) => words.map((last): ChatMessage[] => [...before, { role: 'user', content: last }]))

test('a request keeps its spoken words and is only ever narrowed', () => {
  fc.assert(
    fc.property(messages, fc.nat(5000), fc.nat(5000), (given, turns, tokens) => {
      const frame = encodeRequest({
        agent: 'magi',
        messages: given,
        limits: { ...(turns === 0 ? {} : { turns }), ...(tokens === 0 ? {} : { tokens }) },
      })
      const got = decodeRequest(AskFrame.decode(AskFrame.encode(frame)), MOST)
      const spoken = given
        .filter(({ role }) => role === 'user' || role === 'assistant')
        .map(({ role, content }) => ({ role, content: content.toWellFormed() }))
      assert.equal(got.messages, spoken.slice(-AGENT_LIMITS.maxMessages))
      for (const name of ['turns', 'ms', 'tokens', 'repeats'] as const)
        assert.ok(got.limits[name] >= 1 && got.limits[name] <= MOST[name])
    }),
  )
})

test('what is too long for a question is refused, older turns are left out', () => {
  const long = 'x'.repeat(60_000)
  const frame = encodeRequest({
    agent: 'sage',
    messages: Array.from({ length: 9 }, () => ({ role: 'user' as const, content: long })),
  })
  assert.is(frame.messages.length, 3)
  throwsCode(
    () => encodeRequest({ agent: 'sage', messages: [{ role: 'user', content: 'x'.repeat(70_000) }] }),
    'INVALID_ARGUMENT',
  )
  throwsCode(
    () => encodeRequest({ agent: 'sage', messages: [{ role: 'assistant', content: 'hello' }] }),
    'INVALID_ARGUMENT',
  )
  throwsCode(
    () =>
      encodeRequest({
        agent: 'sage',
        messages: [{ role: 'user', content: 'q' }],
        options: { collections: ['x'.repeat(5000)] },
      }),
    'INVALID_ARGUMENT',
  )
})

test('hostile requests are malformed, or narrowed', () => {
  const right = {
    agent: 'sage',
    messages: [{ role: 1, content: 'q' }],
    turns: 0,
    ms: 0,
    tokens: 0,
    repeats: 0,
    options: '',
  }
  for (const wrong of [
    { messages: [] },
    { messages: [{ role: 0, content: 'q' }] },
    { messages: [{ role: 7, content: 'q' }] },
    { messages: [{ role: 2, content: 'q' }] },
    { options: '{' },
    { options: '[]' },
    { options: '"x"' },
    { messages: Array.from({ length: 4 }, () => ({ role: 1, content: 'x'.repeat(60_000) })) },
  ])
    throwsCode(() => decodeRequest({ ...right, ...wrong }, MOST), 'PROTOCOL_MALFORMED')
  throwsCode(() => decodeRequest({ ...right, agent: 'twin' }, MOST), 'AGENT_UNKNOWN')
  const sly = '{"__proto__":{"x":1},"node":"other","model":"big","local":true,"collections":["a"]}'
  assert.equal(Object.keys(decodeRequest({ ...right, options: sly }, MOST).options), ['collections'])
})

test('any bytes give a frame or PROTOCOL_MALFORMED, and any frame an event, an answer or ANSWER_IMPLAUSIBLE', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      for (const read of [
        () => decodeRequest(AskFrame.decode(bytes), MOST),
        () => {
          const frame = ReplyFrame.decode(bytes)
          decodeEvent(frame)
          if (frame.answer !== undefined) decodeAnswer(frame.answer, { peer: 'p', agent: 'sage' })
        },
      ])
        try {
          read()
        } catch (error) {
          assert.instance(error, VillageError)
          assert.match(
            (error as VillageError).code,
            /^(?:PROTOCOL_MALFORMED|ANSWER_IMPLAUSIBLE|AGENT_UNKNOWN)$/,
          )
        }
    }),
    { numRuns: 500 },
  )
})

test('the largest answer and the largest events fit a frame', () => {
  const large = 'é'.repeat(200_000)
  const item = {
    ...{ number: 1, collection: large, document: large, title: large, source: large, page: 3 },
    ...{
      headings: Array.from({ length: 99 }, () => large),
      start: 0,
      end: 9,
      text: large,
      score: 1,
      vouchedBy: [],
    },
  }
  const answer: AgentAnswer = {
    ...{ id: large, agent: 'sage', node: 'n', model: large, text: large, finish: 'tokens', observations: [] },
    evidence: {
      ...{ question: large, confidence: 1, threshold: 0, isFound: false },
      queries: Array.from({ length: 99 }, () => large),
      items: Array.from({ length: 99 }, (_, index) => ({ ...item, number: index + 1 })),
      missing: Array.from({ length: 99 }, () => large),
    },
    ...{ usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 1 }, turns: 3, tookMs: 1.5 },
  }
  const bytes = ReplyFrame.encode(encodeAnswer(answer))
  assert.ok(bytes.length <= AGENTS_PROTOCOL.maxFrameBytes, `${bytes.length}`)
  const got = decodeAnswer(ReplyFrame.decode(bytes).answer!, { peer: 'p', agent: 'sage' })
  assert.ok(got.evidence!.items.length > 0)
  const events: AgentEvent[] = [
    { kind: 'text', text: large },
    { kind: 'plan', steps: Array.from({ length: 999 }, () => ({ tool: large, reason: large })) },
    { kind: 'call', call: large, agent: 'king', tool: large, arguments: { a: large } },
    { kind: 'progress', call: large, message: large },
    { kind: 'result', call: large, state: 'failed', summary: large },
    { kind: 'approval', approval: 'a', call: 'c', tool: 't', arguments: {}, expiresAtMs: 1 },
  ]
  for (const event of events)
    for (const frame of encodeEvent(event)) {
      const sent = ReplyFrame.encode(frame)
      assert.ok(sent.length <= AGENTS_PROTOCOL.maxFrameBytes)
      assert.ok(decodeEvent(ReplyFrame.decode(sent)) !== null)
    }
})

test('frames are those of the vectors', () => {
  const vectors = JSON.parse(
    readFileSync(new URL('../../vectors/mesh/agents.json', import.meta.url), 'utf8'),
  ) as { name: string; message: 'ask' | 'reply'; hex: string; value: never }[]
  assert.ok(vectors.length >= 6)
  for (const { name, message, hex, value } of vectors) {
    const codec = message === 'ask' ? AskFrame : ReplyFrame
    assert.is(Buffer.from((codec as typeof AskFrame).encode(value)).toString('hex'), hex, name)
    const back = JSON.parse(JSON.stringify(codec.decode(Buffer.from(hex, 'hex')))) as object
    assert.equal(back, value, name)
  }
})

test.run()
