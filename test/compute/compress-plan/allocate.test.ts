import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allocate, leastCost, type Option } from '../../../node/compute/compress-plan/allocate.ts'

const option = fc.record({
  cost: fc.integer({ min: 1, max: 40 }),
  loss: fc.integer({ min: 0, max: 100 }),
})
const items = fc.array(fc.array(option, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 6 })

/** The least loss of all choices within the budget, by looking at every one. */
function bruteForce(given: readonly (readonly Option[])[], budget: number): number | null {
  let best: number | null = null
  const walk = (item: number, cost: number, loss: number): void => {
    if (cost > budget) return
    if (item === given.length) best = best === null ? loss : Math.min(best, loss)
    else for (const one of given[item]!) walk(item + 1, cost + one.cost, loss + one.loss)
  }
  walk(0, 0, 0)
  return best
}

test('it finds the least loss that brute force finds, and says when there is no choice', () => {
  fc.assert(
    fc.property(items, fc.integer({ min: 1, max: 240 }), (given, budget) => {
      const found = allocate(given, budget)
      const expected = bruteForce(given, budget)
      assert.is(found === null, expected === null)
      if (found === null) return
      assert.ok(found.exact)
      assert.is(found.loss, expected)
      assert.ok(found.cost <= budget)
      assert.is(
        found.cost,
        found.chosen.reduce((sum, chosen, item) => sum + given[item]![chosen]!.cost, 0),
      )
      assert.is(
        found.loss,
        found.chosen.reduce((sum, chosen, item) => sum + given[item]![chosen]!.loss, 0),
      )
    }),
    { numRuns: 2_000 },
  )
})

test('a larger budget never loses more', () => {
  fc.assert(
    fc.property(items, fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 100 }), (given, a, b) => {
      const least = leastCost(given)
      const small = allocate(given, least + Math.min(a, b))!
      const large = allocate(given, least + Math.max(a, b))!
      assert.ok(large.loss <= small.loss)
    }),
  )
})

test('two hundred tensors with rate and distortion as codecs have them are shared out within a step of the bound', () => {
  const random = fc.sample(fc.double({ min: 0.01, max: 1, noNaN: true }), { seed: 7, numRuns: 200 })
  const given = random.map((sensitivity, item) =>
    [2, 3, 4, 5, 8].map((bits) => ({
      cost: bits * (10_000 + ((item * 7_919) % 90_000)),
      loss: sensitivity * 4 ** -bits,
    })),
  )
  const budget = leastCost(given) * 1.7
  const found = allocate(given, budget)!
  assert.ok(found.cost <= budget)
  // What is left of the budget would not pay for the next step of any tensor that has one worth taking.
  assert.ok(found.cost > budget * 0.995, `${found.cost / budget} of the budget is used`)
  assert.equal(allocate(given, budget), found, 'the same again')
})

test('models of tens of thousands of tensors are shared out as well', () => {
  const given = Array.from({ length: 30_000 }, (_, item) =>
    [2, 3, 4, 8].map((bits) => ({
      cost: bits * (1_000 + (item % 97)),
      loss: (1 + (item % 13)) * 4 ** -bits,
    })),
  )
  const budget = leastCost(given) * 1.7
  const found = allocate(given, budget)!
  assert.ok(
    found.cost <= budget && found.cost > budget * 0.999,
    `${found.cost / budget} of the budget is used`,
  )
  assert.is(found.exact, false)
  assert.is(
    found.loss,
    found.chosen.reduce((sum, chosen, item) => sum + given[item]![chosen]!.loss, 0),
  )
})

test.run()
