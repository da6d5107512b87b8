import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { compareScores } from '../../../node/compute/evaluate/compare-scores.ts'
import type { ItemScore } from '../../../node/compute/evaluate/item-suite.ts'
import { bootstrapMean, mcnemar, wilson } from '../../../node/compute/evaluate/statistics.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('statistics of evaluations')

const near = (actual: number, expected: number, within = 1e-9) =>
  assert.ok(Math.abs(actual - expected) <= within, `${actual} is not ${expected}`)

test('Wilson’s interval is what textbooks have', () => {
  // Newcombe (1998), table I: 81 of 263 and 15 of 148.
  const first = wilson(81, 263)
  near(first.low, 0.2553, 5e-5)
  near(first.high, 0.3662, 5e-5)
  const second = wilson(15, 148)
  near(second.low, 0.0624, 5e-5)
  near(second.high, 0.1605, 5e-5)
  // 0 of 20 and 1 of 29.
  near(wilson(0, 20).high, 0.1611, 5e-5)
  assert.is(wilson(0, 20).low, 0)
  near(wilson(1, 29).low, 0.0061, 5e-5)
  assert.is(wilson(5, 5).high, 1)
})

test('McNemar’s exact p is the doubled binomial tail', () => {
  near(mcnemar(0, 5).p, 2 / 32)
  near(mcnemar(1, 9).p, (2 * (1 + 10)) / 1024)
  assert.is(mcnemar(4, 4).p, 1)
  assert.is(mcnemar(0, 0).p, 1)
  near(mcnemar(3, 12).p, 0.03515625, 1e-9)
  // Far beyond what 2^-n can hold in a double.
  const many = mcnemar(1000, 1100).p
  assert.ok(many > 0.02 && many < 0.04, String(many))
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), (a, b) => {
      const { p } = mcnemar(a, b)
      assert.ok(p > 0 && p <= 1)
      near(p, mcnemar(b, a).p)
    }),
  )
})

test('a bootstrap holds the mean, narrows with more items, and repeats with its seed', () => {
  const values = (count: number) => Array.from({ length: count }, (_, index) => index % 2)
  const few = bootstrapMean(values(20), 1)
  const many = bootstrapMean(values(2000), 1)
  assert.is(few.value, 0.5)
  assert.ok(few.low < 0.5 && few.high > 0.5)
  // The standard error of a share: sqrt(0.25 / n), 1.96 of them on either side.
  near(many.high - many.low, 2 * 1.96 * Math.sqrt(0.25 / 2000), 0.006)
  assert.ok(few.high - few.low > many.high - many.low)
  const spread = values(40).map((value, index) => value + index / 7)
  assert.equal(bootstrapMean(spread, 1), bootstrapMean(spread, 1))
  assert.not.equal(bootstrapMean(spread, 1), bootstrapMean(spread, 2))
})

const scoresOf = (values: readonly number[], measure = 'right'): ItemScore[] =>
  values.map((score, index) => ({ id: `${index}`, group: '', measure, score, weight: 1 }))
const repeat = (value: number, count: number) => Array.from({ length: count }, () => value)

test('a model that is better on few items is told from one that is not', () => {
  const first = [...repeat(1, 50), ...repeat(0, 20), ...repeat(0, 30)]
  const second = [...repeat(1, 50), ...repeat(1, 20), ...repeat(0, 30)]
  const [better] = compareScores(scoresOf(first), scoresOf(second), 7)
  assert.is(better!.verdict, 'second')
  assert.equal([better!.better, better!.equal, better!.worse], [20, 80, 0])
  near(better!.difference.value, 0.2)
  assert.ok(better!.difference.low > 0.1)
  assert.equal([better!.mcnemar!.onlyFirst, better!.mcnemar!.onlySecond], [0, 20])
  const [worse] = compareScores(scoresOf(second), scoresOf(first), 7)
  assert.is(worse!.verdict, 'first')
  // 11 against 9 discordant items say nothing, though one is ahead.
  const a = [...repeat(1, 11), ...repeat(0, 9), ...repeat(1, 40)]
  const b = [...repeat(0, 11), ...repeat(1, 9), ...repeat(1, 40)]
  const [none] = compareScores(scoresOf(a), scoresOf(b), 7)
  assert.is(none!.verdict, 'none')
  assert.ok(none!.difference.low < 0 && none!.difference.high > 0)
})

test('scores that are no shares are compared by bootstrap alone, each measure by itself', () => {
  const values = Array.from({ length: 60 }, (_, index) => -2 - (index % 7) / 10)
  const first = [...scoresOf(values, 'log2 by byte'), ...scoresOf([1, 0], 'right')]
  const second = [
    ...scoresOf(
      values.map((value) => value + 0.05),
      'log2 by byte',
    ),
    ...scoresOf([1, 0], 'right'),
  ]
  const [bits, right] = compareScores(first, second, 7)
  assert.is(bits!.mcnemar, null)
  near(bits!.difference.value, 0.05)
  assert.is(bits!.verdict, 'second', 'a small difference that every item has')
  assert.is(right!.verdict, 'none')
  assert.is(right!.items, 2)
})

test('a handful of items that all go one way proves nothing', () => {
  const values = (count: number, by: number) =>
    scoresOf(
      Array.from({ length: count }, (_, index) => -2 + by - index / 9),
      'log2 by byte',
    )
  assert.is(compareScores(values(5, 0), values(5, 0.1), 1)[0]!.verdict, 'none')
  assert.is(compareScores(values(6, 0), values(6, 0.1), 1)[0]!.verdict, 'second')
})

test('other items are not compared', () => {
  const scores = scoresOf([1, 0, 1])
  const other = scores.map((one, index) => (index === 1 ? { ...one, id: 'x' } : one))
  throwsCode(() => compareScores(scores, other, 1), 'EVALUATION_NOT_COMPARABLE')
  throwsCode(() => compareScores(scores, scores.slice(1), 1), 'EVALUATION_NOT_COMPARABLE')
})

test.run()
