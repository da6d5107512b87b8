import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { detectGrokking, type GrokkingLook } from '../../../node/federated/geometry/grokking.ts'

const series = (
  losses: readonly number[],
  dimensions: readonly (number | null)[],
  error = 0.1,
): GrokkingLook[] =>
  losses.map((loss, at) => ({
    step: 100 * at,
    loss,
    dimension: dimensions[at]!,
    standardError: dimensions[at] === null ? null : error,
  }))

/** Learned by heart within six looks, then nothing. */
const LEARNED = [4, 2, 1, 0.5, 0.2, 0.1, 0.09, 0.08, 0.08, 0.07, 0.07, 0.07, 0.06, 0.06, 0.06, 0.06]
const FLAT = LEARNED.map(() => 8)
/** From the eighth look on. */
const FALLING = LEARNED.map((_, at) => (at < 8 ? 8 : Math.max(3, 8 - 0.7 * (at - 7))))

test('a dimension that falls while training has slowed is the sign, once', () => {
  const signs = detectGrokking(series(LEARNED, FALLING))
  assert.is(signs.length, 1)
  const [{ step, dimensionBefore, dimension }] = signs as [(typeof signs)[0]]
  // Two looks in a row must agree, and a median of three lags by one.
  assert.ok(step >= 1_000 && step <= 1_300, String(step))
  assert.ok(dimension < 0.9 * dimensionBefore)
})

test('no sign: the dimension stays, or it falls while training goes on', () => {
  assert.equal(detectGrokking(series(LEARNED, FLAT)), [])
  const goingOn = LEARNED.map((_, at) => 4 - 0.25 * at)
  assert.equal(detectGrokking(series(goingOn, FALLING)), [])
})

test('no sign: a single look that is low, or a fall within the error', () => {
  const dip = FLAT.map((value, at) => (at === 10 ? 3 : value))
  assert.equal(detectGrokking(series(LEARNED, dip)), [])
  assert.equal(detectGrokking(series(LEARNED, FALLING, 3)), [])
})

test('no sign where nothing was ever learned, and none of too few looks', () => {
  assert.equal(
    detectGrokking(
      series(
        LEARNED.map(() => 4),
        FALLING,
      ),
    ),
    [],
  )
  assert.equal(detectGrokking(series(LEARNED, FALLING).slice(0, 5)), [])
  assert.equal(detectGrokking([]), [])
})

test('looks without a dimension are passed over', () => {
  const holes = FALLING.map((value, at) => (at % 4 === 1 ? null : value))
  assert.is(detectGrokking(series(LEARNED, holes)).length, 1)
})

test('a second fall is a second sign, after the dimension has risen', () => {
  const losses = [...LEARNED, ...LEARNED.map(() => 0.06)]
  const again = [...FALLING, ...FALLING]
  assert.is(detectGrokking(series(losses, again)).length, 2)
  const stairs = [...FALLING, ...FALLING.map((value) => value * 0.4)]
  assert.is(detectGrokking(series(losses, stairs)).length, 1)
})

/** What scripts/bench/grokking.ts measured, a training that groks: npm run bench -- geometry --only grokking. */
const recorded = readFileSync(new URL('../../vectors/geometry/grokking.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as GrokkingLook & { heldOutLoss: number })

test('a training that groks gives one sign, where it begins to be right about what it has not seen', () => {
  const signs = detectGrokking(recorded)
  assert.is(signs.length, 1, JSON.stringify(signs))
  const at = recorded.findIndex(({ step }) => step === signs[0]!.step)
  // Everything was known by heart long before.
  assert.ok(recorded.slice(0, 5).some(({ loss }) => loss < 0.01))
  const heldOut = recorded.map(({ heldOutLoss }) => heldOutLoss)
  assert.ok(Math.max(...heldOut.slice(0, at)) > 5 && Math.min(...heldOut.slice(at)) < 0.05)
  assert.ok(signs[0]!.dimension < signs[0]!.dimensionBefore / 2)
})

test('what came later changes nothing of what was said before', () => {
  const positive = fc.double({ min: 0.1, max: 20, noNaN: true })
  fc.assert(
    fc.property(fc.array(fc.tuple(positive, positive), { maxLength: 40 }), (given) => {
      const looks = series(
        given.map(([loss]) => loss),
        given.map(([, dimension]) => dimension),
      )
      const all = detectGrokking(looks)
      for (let count = 0; count <= looks.length; count++) {
        const early = detectGrokking(looks.slice(0, count))
        assert.equal(early, all.slice(0, early.length))
        const due = all.filter(({ step }) => step < count * 100)
        assert.is(early.length, due.length)
      }
    }),
    { numRuns: 100 },
  )
})

test.run()
