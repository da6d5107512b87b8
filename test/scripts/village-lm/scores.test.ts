import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { GenerateRequest, LanguageModel } from '../../../node/compute/generate/language-model.ts'
import { DOMAINS } from '../../../scripts/village-lm/curriculum/domains.ts'
import type { TaskItem } from '../../../scripts/village-lm/curriculum/item.ts'
import { answerIn, answersRight, countRight, wilson } from '../../../scripts/village-lm/scores.ts'
import { heldOutItems, suiteLine } from '../../../scripts/village-lm/suites.ts'

const items = DOMAINS.flatMap((domain) => heldOutItems(domain, 12))
const signal = new AbortController().signal

/** A test double that knows what to say to each prompt; a token is a character. */
function answering(say: (item: TaskItem) => string): LanguageModel {
  const encode = (text: string) => [...text].map((character) => character.codePointAt(0)!)
  const decode = (tokens: readonly number[]) => String.fromCodePoint(...tokens)
  const itemOf = (tokens: readonly number[]) => items.find(({ prompt }) => prompt === decode(tokens))!
  const model = {
    tokenizer: { encode },
    async score(requests: readonly { context: readonly number[]; continuation: readonly number[] }[]) {
      return requests.map(({ context, continuation }) => {
        const liked = decode(continuation) === say(itemOf(context))
        return { logProbabilities: Float32Array.of(liked ? -0.1 : -2, 0), greedy: liked }
      })
    },
    async generate(requests: readonly GenerateRequest[]) {
      return requests.map(({ tokens, stop }) => ({ text: say(itemOf(tokens)).split(stop![0]!)[0]! }))
    },
  }
  return model as unknown as LanguageModel // only what the scoring calls
}

test('right answers are right, and others are not', async () => {
  const right = await answersRight(
    answering(({ completion }) => completion),
    items,
    signal,
  )
  assert.ok(right.every(Boolean))
  const wrong = await answersRight(
    answering(({ completion, choices }) =>
      choices === undefined ? `${completion}0` : choices.find((choice) => choice !== completion)!,
    ),
    items,
    signal,
  )
  assert.not(wrong.some(Boolean))
})

test('a text is cut where the next question begins, and the number after the last mark counts', async () => {
  const right = await answersRight(
    answering(({ completion, choices }) =>
      choices === undefined ? `${completion}\nQuestion: #### 7` : completion,
    ),
    items,
    signal,
  )
  assert.ok(right.every(Boolean))
  assert.is(answerIn(' 2 + 3 = 5\n5 - 1 = 4\n#### 4', true), '4')
  assert.is(answerIn(' 2 + 3 = 5', true), '')
  assert.is(answerIn(' t a c\nand more', false), 't a c')
})

test('scores are counted by group', () => {
  const score = countRight(
    items,
    items.map((_, index) => index % 2 === 0),
  )
  assert.is(score.items, items.length)
  assert.is(score.right, items.length / 2)
  assert.is(
    score.groups.reduce((sum, group) => sum + group.items, 0),
    items.length,
  )
  const names = score.groups.map(({ name }) => name)
  assert.equal(names, [...names].sort())
})

test("Wilson's interval: values worked out by hand, and never outside 0 to 1", () => {
  const { low, high } = wilson({ right: 10, items: 20 })
  assert.ok(Math.abs(low - 0.299298) < 1e-5 && Math.abs(high - 0.700702) < 1e-5)
  assert.is(wilson({ right: 20, items: 20 }).high, 1)
  assert.ok(Math.abs(wilson({ right: 20, items: 20 }).low - 0.838875) < 1e-5)
  assert.is(wilson({ right: 0, items: 20 }).low, 0)
})

test('a line of a suite has all that an evaluation needs', () => {
  for (const [index, item] of items.entries()) {
    const line = JSON.parse(suiteLine(item, `x-${index}`))
    assert.is(line.id, `x-${index}`)
    if (item.choices !== undefined) {
      assert.equal([line.type, line.context], ['choice', item.prompt])
      assert.is(line.choices[line.answer], item.completion)
    } else {
      assert.equal([line.type, line.prompt, line.answer], ['generate', item.prompt, item.answer])
      assert.is(line.match, item.completion.includes('####') ? 'number' : 'exact')
      // What must come out is not cut away by a stop.
      assert.ok(line.stop.every((stop: string) => !item.completion.includes(stop)))
    }
  }
})

test.run()
