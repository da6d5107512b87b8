import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { searchStep, type Tried } from '../../../node/compute/compress-plan/quality-search.ts'

/** Plays the search against a measured quality by budget. */
function search(init: { least: number; most: number; keep: number }, quality: (budget: number) => number) {
  const tried: Tried[] = []
  for (;;) {
    const step = searchStep({ ...init, tried })
    if (step.type !== 'try') return { step, tried }
    assert.ok(step.budgetBytes >= init.least && step.budgetBytes <= init.most)
    tried.push({ budgetBytes: step.budgetBytes, kept: quality(step.budgetBytes) })
    assert.ok(tried.length <= 20, 'it does not end')
  }
}

const bounds = fc
  .tuple(fc.integer({ min: 1_000, max: 10_000_000 }), fc.double({ min: 1.2, max: 20, noNaN: true }))
  .map(([least, factor]) => ({ least, most: Math.floor(least * factor) }))

test('of a quality that grows with the size it finds about the smallest that is enough', () => {
  fc.assert(
    fc.property(bounds, fc.double({ min: 0, max: 1.2, noNaN: true }), ({ least, most }, share) => {
      // Everything from this size on keeps enough.
      const enough = least + (most - least) * share
      const quality = (budget: number) => (budget >= enough ? 0.96 : 0.9)
      const { step, tried } = search({ least, most, keep: 0.95 }, quality)
      if (enough > most) {
        assert.is(step.type, 'unreachable')
        return
      }
      assert.is(step.type, 'found')
      const { budgetBytes, kept } = tried.at(-1)!
      assert.ok(kept >= 0.95, 'the answer was tried last and keeps enough')
      assert.ok(budgetBytes <= Math.max(enough, least) * 1.06 + 1, `${budgetBytes} where ${enough} is enough`)
    }),
  )
})

test('of a quality that jumps about, the answer is still one that was tried and keeps enough', () => {
  fc.assert(
    fc.property(
      bounds,
      fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 10 }),
      (range, noise) => {
        let index = 0
        const { step, tried } = search({ ...range, keep: 0.5 }, () => noise[index++ % noise.length]!)
        if (step.type === 'found') assert.ok(tried.at(-1)!.kept >= 0.5)
        else
          for (const { budgetBytes } of tried)
            assert.ok(
              tried.some((one) => one.budgetBytes === budgetBytes && one.kept < 0.5),
              'a budget that passed every time was given up',
            )
      },
    ),
  )
})

test.run()
