import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { counterRandom } from '../../../node/compute/training/philox.ts'
import { clipToNorm } from '../../../node/federated/learn/clip-to-norm.ts'
import {
  addGaussian,
  cryptographicNormals,
  type NormalSource,
  normalsOf,
} from '../../../node/federated/privacy/gaussian-noise.ts'

const test = suite('noise of differential privacy')

function seededNormals(seed: number): NormalSource {
  const random = counterRandom(seed, 1)
  let at = 0
  return normalsOf((target) => {
    for (let i = 0; i < target.length; i++) target[i] = random.word(at++)
  })
}

const moments = (values: Float64Array) => {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const about = (power: number) =>
    values.reduce((sum, value) => sum + (value - mean) ** power, 0) / values.length
  const variance = about(2)
  return { mean, variance, kurtosis: about(4) / variance ** 2, skew: about(3) / variance ** 1.5 }
}

test('noise is normal, independent, and of the deviation asked for', () => {
  const values = new Float64Array(200_001)
  addGaussian(values, 5, seededNormals(3))
  const { mean, variance, kurtosis, skew } = moments(values)
  // Four standard errors each.
  assert.ok(Math.abs(mean) < (4 * 5) / Math.sqrt(values.length))
  assert.ok(Math.abs(variance / 25 - 1) < 4 * Math.sqrt(2 / values.length))
  assert.ok(Math.abs(kurtosis - 3) < 4 * Math.sqrt(24 / values.length))
  assert.ok(Math.abs(skew) < 4 * Math.sqrt(6 / values.length))
  for (const lag of [1, 2, 8_192]) {
    let product = 0
    for (let at = lag; at < values.length; at++) product += (values[at]! * values[at - lag]!) / 25
    assert.ok(Math.abs(product / values.length) < 4 / Math.sqrt(values.length))
  }
  const beyond = values.filter((value) => Math.abs(value) > 10).length / values.length
  assert.ok(Math.abs(beyond - 0.0455) < 4 * Math.sqrt(0.0455 / values.length))
})

test('noise goes on top of the values, and the results lie on one grid, whatever they were', () => {
  const values = Float64Array.from({ length: 10_001 }, (_, at) => Math.PI * at * 1e-7 + 40)
  addGaussian(values, 3, seededNormals(4))
  assert.ok(Math.abs(moments(values).mean - 40) < 4 * (3 / 100))
  const grid = 2 ** -15
  assert.ok(values.every((value) => Number.isInteger(value / grid)))
})

test('the cryptographic source gives other noise each time, the seeded one the same', () => {
  const draw = (source: NormalSource) => {
    const values = new Float32Array(9)
    source(values)
    return [...values]
  }
  assert.equal(draw(seededNormals(1)), draw(seededNormals(1)))
  assert.not.equal(draw(seededNormals(1)), draw(seededNormals(2)))
  assert.not.equal(draw(cryptographicNormals), draw(cryptographicNormals))
})

test('a deviation that hides nothing is refused', () => {
  for (const deviation of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => addGaussian(new Float64Array(1), deviation, cryptographicNormals), /above 0/)
})

test('a clipped update is within its norm after rounding, and a small one is left alone', () => {
  const normals = seededNormals(5)
  const norm = (update: Float32Array) => Math.sqrt(update.reduce((sum, value) => sum + value * value, 0))
  for (let round = 0; round < 50; round++) {
    const update = new Float32Array(1_000)
    normals(update)
    const before = norm(update)
    assert.is(clipToNorm(update, 3), before)
    assert.ok(norm(update) <= 3 && norm(update) > 3 * (1 - 1e-6))
  }
  const small = Float32Array.of(0.3, -0.4)
  clipToNorm(small, 0.5001)
  assert.equal(small, Float32Array.of(0.3, -0.4))
})

test.run()
