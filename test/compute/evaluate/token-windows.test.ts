import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  createPrompting,
  encodePair,
  fitPair,
  rollingWindows,
} from '../../../node/compute/evaluate/token-windows.ts'
import { BOS, EOS, scriptedTokenizer } from '../../helpers/scripted-model.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('token windows')

const card = { bosToken: BOS, eosTokens: [EOS], contextTokens: 8 }
const prompting = createPrompting({ card, tokenizer: scriptedTokenizer })
const codes = (text: string) => [...text].map((letter) => letter.charCodeAt(0))

/** Joins `ab` into one token, wherever it stands. */
const MERGED = 99
const merging = {
  encode: (text: string) =>
    [...text.replaceAll('ab', '\u0001')].map((one) => (one === '\u0001' ? MERGED : one.charCodeAt(0))),
}

test('spaces at the end of a context go with the continuation', () => {
  const pair = encodePair(prompting, 'Answer: ', 'A')
  assert.equal(pair, { context: [BOS, ...codes('Answer:')], continuation: codes(' A') })
})

test('context and continuation are encoded together: a token over the border is the continuation’s', () => {
  const bare = createPrompting({ card: { ...card, bosToken: null }, tokenizer: merging })
  // Alone the context has two tokens, with the continuation its last letter merges: the border is where it ended alone.
  assert.equal(encodePair(bare, 'xa', 'bc'), {
    context: [120, MERGED],
    continuation: [99],
  })
  assert.equal(encodePair(bare, 'xa', 'b'), { context: [120], continuation: [MERGED] })
})

test('an empty context is the token that begins texts', () => {
  assert.equal(encodePair(prompting, '', 'A'), { context: [BOS], continuation: codes('A') })
  const ends = createPrompting({ card: { ...card, bosToken: null }, tokenizer: scriptedTokenizer })
  assert.equal(encodePair(ends, '', 'A'), { context: [EOS], continuation: codes('A') })
  assert.equal(encodePair(ends, ' ', 'A'), { context: [EOS], continuation: codes(' A') })
  const none = createPrompting({
    card: { ...card, bosToken: null, eosTokens: [] },
    tokenizer: scriptedTokenizer,
  })
  throwsCode(() => encodePair(none, '', 'A'), 'MODEL_CARD_INVALID')
})

test('what does not fit is cut from the beginning, and its tokens are counted', () => {
  const pair = { context: [1, 2, 3, 4, 5, 6, 7, 8], continuation: [9, 10] }
  // All but the last token are fed: 9 of 8 places.
  assert.equal(fitPair(pair, 8), { context: [2, 3, 4, 5, 6, 7, 8], continuation: [9, 10], dropped: 1 })
  assert.is(fitPair(pair, 9).dropped, 0)
  throwsCode(() => fitPair({ context: [1], continuation: [1, 2, 3, 4] }, 3), 'EVALUATION_DATA_INVALID')
})

test('windows are those of the harness’s own example', () => {
  const tokens = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
  assert.equal(rollingWindows(tokens, { startToken: 99, contextTokens: 4, stride: null }), [
    { context: [99], continuation: [0, 1, 2, 3] },
    { context: [3], continuation: [4, 5, 6, 7] },
    { context: [5, 6, 7], continuation: [8, 9] },
  ])
  assert.equal(rollingWindows([5], { startToken: 99, contextTokens: 4, stride: null }), [
    { context: [99], continuation: [5] },
  ])
})

test('every token is scored once, in windows that fit, with all the context that there is room for', () => {
  fc.assert(
    fc.property(
      fc.nat(40),
      fc.integer({ min: 1, max: 12 }),
      fc.option(fc.integer({ min: 1, max: 20 }), { nil: null }),
      (length, contextTokens, stride) => {
        const tokens = Array.from({ length }, (_, index) => index)
        const windows = rollingWindows(tokens, { startToken: -1, contextTokens, stride })
        assert.equal(
          windows.flatMap(({ continuation }) => continuation),
          tokens,
        )
        for (const [index, { context, continuation }] of windows.entries()) {
          assert.ok(context.length >= 1)
          const fed = context.length + continuation.length - 1
          assert.ok(fed <= contextTokens)
          if (index > 0) assert.is(fed, contextTokens)
          const before = continuation[0]! - context.length
          const expected = context.map((_, at) => (before + at < 0 ? -1 : before + at))
          assert.equal(context, expected)
        }
      },
    ),
  )
})

test.run()
