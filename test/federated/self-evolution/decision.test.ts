/** When a winner is adopted: one-sided tests, and a level that stands any number of looks at the same items. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../../node/compute/evaluate/seeded-random.ts'
import { alphaOfLook } from '../../../node/federated/self-evolution/alpha-spending.ts'
import { superiorityP, testSuperiority } from '../../../node/federated/self-evolution/superiority.ts'

const test = suite('decision of self-evolution')

const ALPHA = 0.05
const ITEMS = 80
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

test('the levels of all looks and of all that may have been adopted before add up to alpha at most', () => {
  // Of k − 1 earlier answers there are C(k − 1, j) with j adoptions.
  let spent = 0
  for (let look = 1; look <= 400; look++) {
    let ways = 1
    for (let adoptions = 0; adoptions < look; adoptions++) {
      spent += ways * alphaOfLook(ALPHA, look, adoptions)
      ways = (ways * (look - 1 - adoptions)) / (adoptions + 1)
    }
  }
  assert.ok(spent <= ALPHA, String(spent))
  assert.ok(alphaOfLook(ALPHA, 1, 0) > ALPHA / 4)
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 50 }), (look, adoptions) => {
      fc.pre(adoptions < look)
      assert.ok(alphaOfLook(ALPHA, look + 1, adoptions) < alphaOfLook(ALPHA, look, adoptions))
    }),
  )
})

test('the exact test against the binomial distribution by hand', () => {
  const pairs = (better: number, worse: number) => ({
    winner: [...new Array(better).fill(1), ...new Array(worse).fill(0), 1, 0],
    present: [...new Array(better).fill(0), ...new Array(worse).fill(1), 1, 0],
  })
  const p = (better: number, worse: number) =>
    testSuperiority({ ...pairs(better, worse), isBinary: true, alpha: ALPHA, seed: 1 }).p
  assert.ok(Math.abs(p(5, 0) - 1 / 32) < 1e-12)
  assert.ok(Math.abs(p(6, 1) - 8 / 128) < 1e-12)
  assert.is(p(3, 3), 1)
  assert.is(p(0, 9), 1)
  assert.is(p(0, 0), 1)
})

test('flipped signs agree with the exact distribution of few differences, on the better side alone', () => {
  const winner = [0.9, 0.8, 0.7, 0.6, 0.95, 0.5, 0.85, 0.75]
  const present = [0.4, 0.5, 0.6, 0.1, 0.35, 0.55, 0.15, 0.25]
  const differences = winner.map((score, item) => score - present[item]!)
  const observed = differences.reduce((sum, one) => sum + one, 0)
  let asHigh = 0
  for (let signs = 0; signs < 2 ** differences.length; signs++) {
    const sum = differences.reduce((total, one, item) => total + ((signs >> item) & 1 ? one : -one), 0)
    if (sum >= observed - 1e-9) asHigh += 1
  }
  const exact = asHigh / 2 ** differences.length
  const { p } = testSuperiority({ winner, present, isBinary: false, alpha: ALPHA, seed: 7 })
  assert.ok(Math.abs(p - exact) < 0.003, `${p} ${exact}`)
  const worse = testSuperiority({ winner: present, present: winner, isBinary: false, alpha: ALPHA, seed: 7 })
  assert.ok(worse.p > 0.95)
})

/** The best of many that are all as good as the present one: it was lucky on the items of selection. */
function luckiest(random: () => number, candidates: number): { selection: number[]; final: number[] } {
  const draw = () => Array.from({ length: ITEMS }, () => (random() < 0.6 ? 1 : 0))
  const all = Array.from({ length: candidates }, () => ({ selection: draw(), final: draw() }))
  return all.reduce((best, one) => (mean(one.selection) > mean(best.selection) ? one : best))
}

test('2,000 winners that were only lucky: falsely adopted in no more than alpha of the goals', () => {
  const random = seededRandom(11)
  let adopted = 0
  let adoptedBySelection = 0
  const LOOKS = 2_000
  const LOOKS_BY_GOAL = 10
  for (let goal = 0; goal < LOOKS / LOOKS_BY_GOAL; goal++) {
    const present = luckiest(random, 1)
    let isAdopted = false
    for (let look = 1; look <= LOOKS_BY_GOAL; look++) {
      const winner = luckiest(random, 10)
      const alpha = alphaOfLook(ALPHA, look, 0)
      const common = { isBinary: true, alpha, seed: look }
      if (superiorityP({ ...common, winner: winner.final, present: present.final }) < alpha) isAdopted = true
      if (superiorityP({ ...common, winner: winner.selection, present: present.selection }) < ALPHA)
        adoptedBySelection += 1
    }
    if (isAdopted) adopted += 1
  }
  const share = adopted / (LOOKS / LOOKS_BY_GOAL)
  assert.ok(share <= ALPHA, `${share} of the goals`)
  assert.ok(adoptedBySelection > 3 * ALPHA * LOOKS, 'the items that chose the winner would have adopted it')
})

test('a first look at 2,000 goals: no more than alpha, with right and wrong as with shares', () => {
  for (const isBinary of [true, false]) {
    const random = seededRandom(isBinary ? 3 : 4)
    const alpha = alphaOfLook(ALPHA, 1, 0)
    let adopted = 0
    const looks = isBinary ? 2_000 : 100
    for (let goal = 0; goal < looks; goal++) {
      const draw = () => Array.from({ length: 40 }, () => (isBinary ? (random() < 0.6 ? 1 : 0) : random()))
      const p = superiorityP({ winner: draw(), present: draw(), isBinary, alpha, seed: goal })
      if (p < alpha) adopted += 1
    }
    assert.ok(adopted / looks <= ALPHA, `${adopted} of ${looks}`)
  }
})

test('a winner that is better indeed is adopted', () => {
  const random = seededRandom(5)
  const alpha = alphaOfLook(ALPHA, 3, 1)
  const present = Array.from({ length: 400 }, () => (random() < 0.5 ? 1 : 0))
  const winner = Array.from({ length: 400 }, () => (random() < 0.75 ? 1 : 0))
  assert.ok(superiorityP({ winner, present, isBinary: true, alpha, seed: 1 }) < alpha)
})

test.run()
