import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { answerItems } from '../../../node/compute/evaluate/answer-items.ts'
import { checkAnswers, checkShapes } from '../../../node/compute/evaluate/check-answers.ts'
import { difference, GAP_TOLERANCE } from '../../../node/compute/evaluate/compare-records.ts'
import type { GenerateRecord, ItemRecord, SampleToken } from '../../../node/compute/evaluate/item-records.ts'
import type { GenerateItem, Item } from '../../../node/compute/evaluate/items.ts'
import { BOS, createScriptedModel, EOS, scriptedTokenizer } from '../../helpers/scripted-model.ts'

const test = suite('checking of answers')
const signal = new AbortController().signal
const code = (letter: string) => letter.charCodeAt(0)

/** Goes round a, b, c, d; after `dd` it ends. `bias` nudges single tokens behind a text. */
function letterModel(bias: (before: string, letter: string) => number = () => 0, contextTokens = 64) {
  return createScriptedModel({
    contextTokens,
    logit(before, token) {
      const text = scriptedTokenizer.decode(before)
      const last = text.at(-1) ?? 'd'
      const next = 'abcd'[('abcd'.indexOf(last) + 1) % 4]!
      const ends = text.endsWith('dd')
      if (token === EOS) return ends ? 6 : -6
      const letter = String.fromCharCode(token)
      return (letter === next ? 4 : letter >= 'a' && letter <= 'z' ? 0 : -8) + bias(text, letter)
    },
  })
}

const generate = (prompt: string, more: Partial<GenerateItem> = {}): GenerateItem => ({
  type: 'generate',
  prompt,
  stop: [],
  maxTokens: 8,
  samples: 1,
  temperature: 0,
  seed: 0,
  ...more,
})
const answer = (model: ReturnType<typeof letterModel>, items: readonly Item[]) =>
  answerItems({ kind: 'language', model }, items, signal)
const check = (
  model: ReturnType<typeof letterModel>,
  items: readonly Item[],
  claimed: readonly ItemRecord[],
) => checkAnswers({ kind: 'language', model }, items, claimed, signal)
const token = (letter: string, runnerUp = 'z', gap = 4): SampleToken => ({
  token: letter === 'EOS' ? EOS : code(letter),
  runnerUp: runnerUp === 'EOS' ? EOS : code(runnerUp),
  gap,
})
const textRecord = (text: string, more: Partial<GenerateRecord['samples'][number]> = {}): GenerateRecord => ({
  type: 'generate',
  promptTokens: 2,
  dropped: 0,
  samples: [{ tokens: [...text].map((letter) => token(letter)), finish: 'length', text, ...more }],
})

test('choices are scored by their own tokens, in the order of the items', async () => {
  const model = letterModel()
  const items: Item[] = [
    { type: 'choice', context: 'xa', choices: ['b', 'c', 'bc'] },
    { type: 'text', text: 'abcd', stride: null },
    generate('a'),
    { type: 'choice', context: '', choices: ['a', 'q'] },
  ]
  const records = await answer(model, items)
  assert.equal(
    records.map(({ type }) => type),
    ['choice', 'text', 'generate', 'choice'],
  )
  const first = records[0]!
  assert.ok(first.type === 'choice')
  assert.equal(
    first.choices.map(({ tokens, greedy }) => [tokens, greedy]),
    [
      [1, true],
      [1, false],
      [2, true],
    ],
  )
  assert.ok(first.choices[0]!.logProbability > first.choices[1]!.logProbability)
  const second = records[2]!
  assert.ok(second.type === 'generate')
  assert.is(second.samples[0]!.text, 'bcdabcda')
  assert.is(await check(model, items, records), null)
})

test('an item that is too long for the model says how many tokens were left out', async () => {
  const model = letterModel(undefined, 16)
  const long = 'abcd'.repeat(8)
  const [choice, text, reading] = await answer(model, [
    { type: 'choice', context: long, choices: ['a', 'bb'] },
    generate(long, { maxTokens: 4 }),
    { type: 'text', text: long, stride: null },
  ])
  assert.ok(choice?.type === 'choice' && text?.type === 'generate' && reading?.type === 'text')
  // BOS and 32 letters, of which all but the last token of the longest choice is fed to 16 places.
  assert.is(choice.dropped, 33 + 2 - 1 - 16)
  assert.equal([text.promptTokens, text.dropped], [12, 33 - 12])
  assert.equal([reading.tokens, reading.windows], [32, 2])
  assert.ok(model.scored.every(({ context, continuation }) => context.length + continuation.length <= 17))
  assert.equal(model.scored[0]!.context[0] === BOS, false)
})

test('any part of a text that the model would not write is found', async () => {
  const model = letterModel()
  const item = generate('a')
  const [honest] = (await answer(model, [item])) as [GenerateRecord]
  const sample = honest.samples[0]!
  for (let at = 0; at < sample.tokens.length; at++) {
    const tokens = sample.tokens.map((one, index) => (index === at ? token('k', 'b', 0.01) : one))
    const text = tokens.map((one) => String.fromCharCode(one.token)).join('')
    const lie = { ...honest, samples: [{ ...sample, tokens, text }] }
    assert.is((await check(model, [item], [lie]))?.item, 0, `position ${at}`)
  }
  const cut = { ...honest, samples: [{ ...sample, tokens: sample.tokens.slice(0, 3), text: 'bcd' }] }
  assert.ok((await check(model, [item], [cut])) !== null, 'cut short')
  const other = { ...honest, samples: [{ ...sample, text: 'zzz' }] }
  assert.ok((await check(model, [item], [other])) !== null, 'a text that the tokens do not say')
  const outside = { ...honest, samples: [{ ...sample, tokens: [{ token: 9999, runnerUp: 1, gap: 1 }] }] }
  assert.ok((await check(model, [item], [outside])) !== null, 'a token that there is not')
})

test('at a near tie both ways are right, and what follows must be the model’s own', async () => {
  // Behind `ab` the letters c and k are nearly as likely, k a little less.
  const tie = (before: string, letter: string) =>
    before.endsWith('ab') && letter === 'k' ? 4 - GAP_TOLERANCE / 2 : 0
  const model = letterModel(tie)
  const item = generate('a', { maxTokens: 4 })
  const [own] = (await answer(model, [item])) as [GenerateRecord]
  assert.is(own.samples[0]!.text, 'bcda')
  // Behind k the model begins anew with a.
  const [sample] = textRecord('bkab').samples
  const tokens = [...'bkab'].map((letter) => (letter === 'k' ? token('k', 'c', 0.01) : token(letter)))
  const other: GenerateRecord = { ...textRecord('bkab'), samples: [{ ...sample!, tokens }] }
  assert.is(await check(model, [item], [other]), null)
  assert.is(difference(own, other), null, 'records alone show the tie as well')
  assert.ok((await check(model, [item], [textRecord('bkzz')])) !== null, 'nobody writes that behind the tie')
  const far = letterModel((before, letter) => (before.endsWith('ab') && letter === 'k' ? 3 : 0))
  assert.ok((await check(far, [item], [other])) !== null, 'a whole nat is no tie')
})

test('a text may end, or go on, where the end was nearly as likely', async () => {
  const model = createScriptedModel({
    logit(before, one) {
      const text = scriptedTokenizer.decode(before)
      if (one === EOS) return text.endsWith('b') ? 4 - GAP_TOLERANCE / 2 : -6
      return one === code(text.endsWith('b') ? 'c' : 'b') ? 4 : -4
    },
  })
  const item = generate('a', { maxTokens: 2 })
  const [own] = (await answer(model, [item])) as [GenerateRecord]
  assert.is(own.samples[0]!.text, 'bc')
  const ended = textRecord('b', { finish: 'eos' })
  assert.is(await check(model, [item], [ended]), null)
  assert.ok(
    (await check(model, [item], [{ ...ended, samples: [{ ...ended.samples[0]!, finish: 'stop' }] }])) !==
      null,
  )
  assert.ok(
    (await check(model, [item], [textRecord('', { finish: 'eos' })])) !== null,
    'it never ends at once',
  )
})

test('stops end a text, and beyond them nothing is claimed', async () => {
  const model = letterModel()
  const item = generate('a', { stop: ['d'] })
  const [own] = (await answer(model, [item])) as [GenerateRecord]
  assert.equal([own.samples[0]!.text, own.samples[0]!.finish], ['bc', 'stop'])
  assert.is(await check(model, [item], [own]), null)
  const beyond = { ...own, samples: [{ ...own.samples[0]!, text: 'bcd' }] }
  assert.ok((await check(model, [item], [beyond])) !== null)
})

test('likelihoods are compared with a tolerance that a lie does not pass', async () => {
  const model = letterModel()
  const items: Item[] = [
    { type: 'choice', context: 'xa', choices: ['b', 'c'] },
    { type: 'text', text: 'abcdabcdk', stride: null },
  ]
  const [choice, reading] = await answer(model, items)
  assert.ok(choice?.type === 'choice' && reading?.type === 'text')
  const nudged = (by: number): ItemRecord[] => [
    {
      ...choice,
      choices: choice.choices.map((one) => ({ ...one, logProbability: one.logProbability - by })),
    },
    { ...reading, logProbability: reading.logProbability - by },
  ]
  assert.is(await check(model, items, nudged(0.01)), null)
  assert.is((await check(model, items, nudged(0.5)))?.item, 0)
  assert.is((await check(model, items, [choice, nudged(1)[1]!]))?.item, 1)
  const swapped: ItemRecord = { ...choice, choices: [...choice.choices].reverse() }
  assert.is((await check(model, items, [swapped, reading]))?.item, 0)
  assert.is((await check(model, items, [reading, choice]))?.item, 0, 'another kind of answer')
  const fewer: ItemRecord = { ...choice, choices: choice.choices.slice(1) }
  assert.is((await check(model, items, [fewer, reading]))?.item, 0)
})

test('records that answer no such item are found without the model', () => {
  const items: Item[] = [
    { type: 'text', text: 'a', stride: null },
    { type: 'embed', text: 'a' },
    generate('a', { maxTokens: 1 }),
  ]
  const reading = { type: 'text', logProbability: -1, tokens: 1, windows: 1 } as const
  const embedding = { type: 'embed', vector: Float32Array.of(1, 2) } as const
  assert.is(checkShapes(items, [reading, embedding, textRecord('b')], 2), null)
  assert.is(checkShapes(items, [{ ...reading, tokens: 0 }, embedding], 2)?.item, 0)
  assert.is(checkShapes(items, [reading, embedding], 3)?.item, 1)
  assert.is(checkShapes(items, [embedding, reading], 2)?.item, 0)
  assert.is(checkShapes(items, [reading, embedding, textRecord('bc')], 2)?.item, 2)
})

test('what was drawn is drawn again, or at least not outlandish', async () => {
  const model = letterModel()
  const item = generate('a', { temperature: 1, samples: 2, maxTokens: 3 })
  const [own] = (await answer(model, [item])) as [GenerateRecord]
  assert.equal(
    model.generated.map(({ sampling }) => sampling.seed),
    [0, 1],
  )
  assert.is(await check(model, [item], [own]), null)
  const replaced = (text: string): GenerateRecord => ({
    ...own,
    samples: own.samples.map((sample) => ({
      ...sample,
      text,
      tokens: [...text].map((letter) => ({ token: code(letter), runnerUp: code(letter), gap: 0 })),
    })),
  })
  assert.ok((await check(model, [item], [replaced('###')])) !== null)
  assert.is(await check(model, [item], [replaced('bcz')]), null, 'a draw that another machine may well give')
})

test.run()
