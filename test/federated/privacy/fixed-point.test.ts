import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../../node/compute/training/philox.ts'
import { VillageError } from '../../../node/errors.ts'
import {
  checkFixedPoint,
  decodeSum,
  encodeInput,
  widestValueBits,
} from '../../../node/federated/privacy/fixed-point.ts'

const test = suite('fixed-point numbers')

const uniformOf = (seed: number) => {
  const random = counterRandom(seed, 1)
  let at = 0
  return () => random.word(at++) / 2 ** 32
}

const add = (inputs: readonly Uint32Array[], bits: number): Uint32Array => {
  const sum = new Uint32Array(inputs[0]!.length)
  for (const values of inputs) for (let at = 0; at < sum.length; at++) sum[at]! += values[at]!
  return sum.map((value) => value % 2 ** bits)
}

test('the sum of encoded updates is their weighted mean, to the step of the numbers', () => {
  const update = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 })
  const client = fc.record({ update, weight: fc.integer({ min: 1, max: 1_000 }) })
  fc.assert(
    fc.property(
      fc.array(client, { minLength: 1, maxLength: 20 }),
      fc.constantFrom(20, 24, 32),
      (clients, ringBits) => {
        const valueBits = widestValueBits(ringBits, clients.length)
        const spec = { range: 1, valueBits, ringBits, maxWeight: 1_000, clients: clients.length }
        checkFixedPoint(spec)
        const uniform = uniformOf(3)
        const inputs = clients.map(
          ({ update, weight }) => encodeInput(spec, Float32Array.from(update), weight, uniform).values,
        )
        const { mean, weight } = decodeSum(spec, add(inputs, ringBits))
        const step = 2 ** (1 - valueBits) * 1_000
        const total = clients.reduce((sum, one) => sum + one.weight, 0)
        // A weight is rounded to a step, or up to one.
        assert.ok(Math.abs(weight - total) <= 2 * step * clients.length)
        const weights = clients.map((one) => Math.max(step, one.weight))
        const slack = (3 * step * clients.length) / weights.reduce((sum, one) => sum + one, 0)
        for (let at = 0; at < 3; at++) {
          const exact = clients.reduce((sum, one) => sum + one.update[at]! * one.weight, 0) / total
          assert.ok(Math.abs(mean[at]! - exact) <= slack + 1e-6, `${mean[at]} is not ${exact}`)
        }
      },
    ),
    { numRuns: 100, seed: 4, endOnFailure: true },
  )
})

test('the widest values just fit', () => {
  for (const ringBits of [8, 16, 20, 32])
    for (const clients of [1, 2, 3, 10, 60]) {
      const valueBits = widestValueBits(ringBits, clients)
      const spec = { range: 1, valueBits, ringBits, maxWeight: 1, clients }
      if (valueBits >= 2) checkFixedPoint(spec)
      assert.throws(() => checkFixedPoint({ ...spec, valueBits: valueBits + 1 }))
    }
})

test('all clients at the largest value and weight do not overflow', () => {
  const spec = { range: 2, valueBits: widestValueBits(16, 30), ringBits: 16, maxWeight: 1, clients: 30 }
  for (const value of [2, -2]) {
    const inputs = Array.from(
      { length: 30 },
      () => encodeInput(spec, Float32Array.of(value), 5, uniformOf(1)).values,
    )
    assert.equal([...decodeSum(spec, add(inputs, 16)).mean], [value])
  }
})

test('rounding has no bias: many clients find a value between two steps', () => {
  const spec = { range: 1, valueBits: 4, ringBits: 24, maxWeight: 1, clients: 4_000 }
  const uniform = uniformOf(9)
  const inputs = Array.from(
    { length: 4_000 },
    () => encodeInput(spec, Float32Array.of(0.05, -0.33), 1, uniform).values,
  )
  const { mean } = decodeSum(spec, add(inputs, 24))
  // A step is 1/7: nearest values would give 0 and −0.286.
  assert.ok(Math.abs(mean[0]! - 0.05) < 0.006 && Math.abs(mean[1]! + 0.33) < 0.006)
})

test('values outside the range are clipped and counted; NaN, infinity and impossible sums are refused', () => {
  const spec = { range: 1, valueBits: 12, ringBits: 20, maxWeight: 1, clients: 8 }
  const { clipped, values } = encodeInput(spec, Float32Array.of(0.5, 3, -1e30, 1), 1, uniformOf(1))
  assert.is(clipped, 2)
  assert.equal([...decodeSum(spec, values).mean.subarray(1)], [1, -1, 1])
  const isInvalid = (error: unknown) => error instanceof VillageError && error.code === 'UPDATE_INVALID'
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => encodeInput(spec, Float32Array.of(bad), 1, uniformOf(1)), isInvalid)
  for (const weight of [0, -1, Number.NaN])
    assert.throws(() => encodeInput(spec, Float32Array.of(0), weight, uniformOf(1)), /weight/)
  // Weights of 0, below 0, and more than 8 clients can have.
  for (const weight of [0, 2 ** 20 - 5, 8 * 2_047 + 1])
    assert.throws(() => decodeSum(spec, Uint32Array.of(1, weight)), isInvalid)
  for (const wrong of [
    { range: 0 },
    { valueBits: 1 },
    { ringBits: 33 },
    { ringBits: 7 },
    { maxWeight: Number.NaN },
    { clients: 0 },
    { clients: 1_000 },
  ])
    assert.throws(() => checkFixedPoint({ ...spec, ...wrong }), /Secure aggregation/)
})

test.run()
