import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  BFLOAT16,
  encodeFloats,
  FLOAT16,
  FLOAT32,
  float16ToNumber,
} from '../../../node/compute/onnx/data-types.ts'
import { checkNBits, dequantizeNBits } from '../../../node/compute/onnx/nbits.ts'
import { normalisedLoss, quantizeTo8Bits, runnableForm } from '../../../node/compute/onnx/requantize.ts'
import { gaussianMatrix } from '../../helpers/weights.ts'
import { noise, quantize } from './small-models.ts'

const test = suite('runtime forms that are not exact')
const none = () => ({ squaredError: 0, squaredNorm: 0 })

test('no weight moves by more than half a step of its block', () => {
  const shapes = fc.record({
    rows: fc.integer({ min: 1, max: 6 }),
    cols: fc.integer({ min: 1, max: 100 }),
    seed: fc.integer(),
    power: fc.integer({ min: -12, max: 6 }),
    scaleType: fc.constantFrom(FLOAT32, FLOAT16),
  })
  fc.assert(
    fc.property(shapes, ({ rows, cols, seed, power, scaleType }) => {
      const values = noise(rows * cols, seed).map((value) => value * 2 ** power)
      const form = quantizeTo8Bits(values, rows, cols, scaleType, none())
      checkNBits('w', form, rows, cols)
      const run = dequantizeNBits(form, rows, cols)
      const blocks = Math.ceil(cols / form.blockSize)
      for (const [i, value] of values.entries()) {
        const scale = form.scales[Math.floor(i / cols) * blocks + Math.floor((i % cols) / form.blockSize)]!
        // A scale that was rounded down to half precision clips the largest weight a little more.
        const clip = 127 * Math.max(scale * 2 ** -10, scaleType === FLOAT16 ? 2 ** -25 : 0)
        assert.ok(Math.abs(value - run[i]!) <= scale / 2 + clip, `${value} became ${run[i]}`)
        if (scaleType === FLOAT16)
          assert.is(
            scale,
            float16ToNumber(new Uint16Array(encodeFloats(FLOAT16, Float32Array.of(scale))!.buffer)[0]!),
          )
      }
    }),
  )
})

test('the loss of 8 bits is measured, and a few hundred-thousandths', () => {
  const { rows, cols, data } = gaussianMatrix(32, 256)
  const shape = { rows, cols, elementType: FLOAT32, quantized: true }
  const loss = none()
  const form = runnableForm({ kind: 'dense', data }, shape, 'int8', loss)
  assert.is(form.kind, 'nbits')
  const run = dequantizeNBits(form as Extract<typeof form, { kind: 'nbits' }>, rows, cols)
  let error = 0
  let norm = 0
  for (const [i, value] of data.entries()) {
    error += (value - run[i]!) ** 2
    norm += value ** 2
  }
  assert.ok(Math.abs(normalisedLoss(loss) - error / norm) < 1e-12)
  assert.ok(normalisedLoss(loss) > 1e-6 && normalisedLoss(loss) < 5e-5, `${normalisedLoss(loss)}`)
})

test('dense values and grids are exact where the type holds them, and measured where it does not', () => {
  const { rows, cols, data } = gaussianMatrix(8, 64)
  const dense = { kind: 'dense' as const, data }
  const shape = { rows, cols, quantized: true }
  const exact = none()
  assert.is(runnableForm(dense, { ...shape, elementType: FLOAT32 }, 'dense', exact).kind, 'dense')
  const grid = quantize(data, rows, cols, { bits: 4, blockSize: 32, zeroPoints: false })
  assert.equal(runnableForm(grid, { ...shape, elementType: FLOAT32 }, 'int8', exact), grid)
  assert.is(normalisedLoss(exact), 0)
  for (const elementType of [FLOAT16, BFLOAT16]) {
    const rounded = none()
    runnableForm(dense, { ...shape, elementType, quantized: false }, 'int8', rounded)
    const limit = elementType === FLOAT16 ? 2 ** -22 : 2 ** -16
    assert.ok(normalisedLoss(rounded) > 0 && normalisedLoss(rounded) < limit, `${normalisedLoss(rounded)}`)
  }
  const scales = none()
  const half = runnableForm(grid, { ...shape, elementType: FLOAT16 }, 'int8', scales)
  assert.is(half.kind, 'nbits')
  assert.ok(normalisedLoss(scales) > 0 && normalisedLoss(scales) < 1e-6)
})

test('a grid without a quantised operator becomes its floats', () => {
  const { rows, cols, data } = gaussianMatrix(4, 48)
  const grid = quantize(data, rows, cols, { bits: 8, blockSize: 16, zeroPoints: true })
  const form = runnableForm(grid, { rows, cols, elementType: FLOAT32, quantized: false }, 'int8', none())
  assert.equal(form, { kind: 'dense', data: dequantizeNBits(grid, rows, cols) })
})

test.run()
