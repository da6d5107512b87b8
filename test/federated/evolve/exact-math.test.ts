/** The functions that members compute alike: against those of the language, and against their own golden bits. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { exponential, power } from '../../../node/federated/evolve/exact-math.ts'

const test = suite('exact math')

const near = (found: number, wanted: number, relative: number, what: string) =>
  assert.ok(
    found === wanted || Math.abs(found - wanted) <= relative * Math.abs(wanted),
    `${what}: ${found}, not ${wanted}`,
  )

test('the exponential is within 1e-15 of that of the language', () => {
  fc.assert(
    fc.property(fc.double({ min: -700, max: 709, noNaN: true }), (x) =>
      near(exponential(x), Math.exp(x), 1e-15, `exp(${x})`),
    ),
    { numRuns: 5_000, seed: 1 },
  )
})

test('the exponential at its ends', () => {
  assert.is(exponential(0), 1)
  assert.is(exponential(710), Number.POSITIVE_INFINITY)
  assert.is(exponential(-746), 0)
  assert.is(exponential(-745), 5e-324)
  assert.ok(Number.isNaN(exponential(Number.NaN)))
  near(exponential(709.78), Math.exp(709.78), 1e-15, 'near the largest')
})

test('a power is within 1e-12 of that of the language', () => {
  const base = fc.double({ min: 1e-12, max: 1e12, noNaN: true })
  const exponent = fc.double({ min: -20, max: 20, noNaN: true })
  fc.assert(
    fc.property(base, exponent, (x, y) => near(power(x, y), x ** y, 1e-12, `${x} ** ${y}`)),
    { numRuns: 5_000, seed: 2 },
  )
  assert.is(power(0, 0), 1)
  assert.is(power(0, 2), 0)
  assert.is(power(0, -1), Number.POSITIVE_INFINITY)
})

test('the same bits on every machine', () => {
  assert.equal(
    [exponential(1), exponential(-3.25), exponential(100.5), power(0.3, 1 / 16), power(7, -2.5)],
    GOLDEN,
  )
})

const GOLDEN = [
  Math.E + 2 ** -51,
  0.03877420783172201,
  4.4319559098458955e43,
  0.9275131559667915,
  0.007713560673657703,
]

test.run()
