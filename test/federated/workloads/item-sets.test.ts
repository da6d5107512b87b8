import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../../node/compute/training/philox.ts'
import {
  chooseItems,
  contentShare,
  itemsByTask,
  splitOf,
} from '../../../node/federated/workloads/item-sets.ts'

const test = suite('sets of items')

test('the split is of the content alone, and as large as it should be', () => {
  assert.is(splitOf('some question', 0.5), splitOf('some question', 0.5))
  const final = Array.from({ length: 2_000 }, (_, index) => splitOf(`question ${index}`, 0.3))
  const shareOf = (split: string) => final.filter((one) => one === split).length / final.length
  assert.ok(Math.abs(shareOf('final') - 0.3) < 0.04)
  assert.ok(Math.abs(shareOf('validation') - 0.28) < 0.04)
  assert.ok(Math.abs(shareOf('selection') - 0.42) < 0.04)
  assert.ok(contentShare('a') !== contentShare('b'))
})

test('a mean over the items is the weighted mean over the tasks', () => {
  assert.equal(itemsByTask([500, 500, 500], [1, 1, 1], 120), [40, 40, 40])
  assert.equal(itemsByTask([500, 500], [3, 1], 120), [90, 30])
  // One task has few: the others are cut alike.
  assert.equal(itemsByTask([500, 20, 500], [1, 1, 1], 600), [20, 20, 20])
  assert.equal(itemsByTask([5, 500], [1, 1], 1_000), [5, 5])
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0.1, max: 10, noNaN: true })), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.integer({ min: 6, max: 900 }),
      (tasks, total) => {
        const available = tasks.map(([count]) => count)
        const taken = itemsByTask(
          available,
          tasks.map(([, weight]) => weight),
          total,
        )
        for (const [task, count] of taken.entries()) assert.ok(count >= 1 && count <= available[task]!)
        assert.ok(taken.reduce((sum, count) => sum + count, 0) <= total + tasks.length)
      },
    ),
  )
})

test('items that tell models apart come first, and each pattern of answers is represented', () => {
  // 40 items that all answer, 40 that none does, 10 that only the first answers, 10 only the second.
  const first = Float32Array.from({ length: 100 }, (_, item) =>
    item < 40 || (item >= 80 && item < 90) ? 1 : 0,
  )
  const second = Float32Array.from({ length: 100 }, (_, item) => (item < 40 || item >= 90 ? 1 : 0))
  const all = Array.from({ length: 100 }, (_, item) => item)
  const chosen = chooseItems([first, second], all, 30)
  assert.is(chosen.length, 30)
  const within = (from: number, to: number) => chosen.filter((item) => item >= from && item < to).length
  assert.ok(within(80, 90) >= 6 && within(90, 100) >= 6, chosen.join())
  assert.ok(within(0, 40) >= 4 && within(40, 80) >= 4, chosen.join())
  assert.equal(chooseItems([first, second], all, 200), all)
  assert.equal(chooseItems([first, second], all, 30), chosen)
})

test('a chosen third orders models like all items do, better than a third taken at random', () => {
  const models = 12
  const items = 240
  let wins = 0
  let losses = 0
  for (let seed = 1; seed <= 40; seed++) {
    const random = counterRandom(seed, 1)
    let at = 0
    const uniform = () => random.word(at++) / 2 ** 32
    const difficulty = Array.from({ length: items }, () => uniform() * 1.6 - 0.3)
    const answers = Array.from({ length: models }, () => {
      const skill = uniform()
      return Float32Array.from(difficulty, (hard) => (skill + 0.2 * (uniform() - 0.5) > hard ? 1 : 0))
    })
    const all = Array.from({ length: items }, (_, item) => item)
    // Chosen by six of the models, tried on the six others.
    const chosen = chooseItems(answers.slice(0, 6), all, items / 3)
    const others = answers.slice(6)
    const misorders = (subset: readonly number[]) => {
      const mean = (own: Float32Array, of: readonly number[]) =>
        of.reduce((sum, item) => sum + own[item]!, 0) / of.length
      let wrong = 0
      for (const a of others)
        for (const b of others)
          if (mean(a, all) > mean(b, all) && mean(a, subset) <= mean(b, subset)) wrong += 1
      return wrong
    }
    const plain = misorders(all.slice(0, items / 3))
    const informed = misorders(chosen)
    if (informed < plain) wins += 1
    if (informed > plain) losses += 1
  }
  assert.ok(wins > losses, `${wins} wins, ${losses} losses`)
})

test.run()
