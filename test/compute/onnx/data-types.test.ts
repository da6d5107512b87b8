import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  bfloat16ToNumber,
  dataTypeByCode,
  decodeElements,
  encodeFloats,
  FLOAT16,
  FLOAT32,
  float16ToNumber,
  INT64,
  numberToBfloat16,
  numberToFloat16,
} from '../../../node/compute/onnx/data-types.ts'

const test = suite('ONNX data types')

test('every binary16 and bfloat16 value survives the way through a number', () => {
  for (let bits = 0; bits < 65_536; bits++) {
    for (const [decode, encode] of [
      [float16ToNumber, numberToFloat16],
      [bfloat16ToNumber, numberToBfloat16],
    ] as const) {
      const value = decode(bits)
      if (Number.isNaN(value)) assert.ok(Number.isNaN(decode(encode(value))))
      else if (encode(value) !== bits) assert.unreachable(`bits ${bits} became ${encode(value)}`)
    }
  }
})

/** The neighbours by brute force: the nearest of the 65,536 values, the even one of two. */
function nearestBits(value: number, decode: (bits: number) => number, limit: number): number {
  let best = 0
  for (let bits = 0; bits < limit; bits++) {
    const closer = Math.abs(decode(bits) - value) - Math.abs(decode(best) - value)
    if (closer < 0 || (closer === 0 && bits % 2 === 0)) best = bits
  }
  return best
}

test('rounding is to the nearest, ties to even', () => {
  const values = fc.oneof(
    fc.double({ min: 0, max: 65_504, noNaN: true }),
    fc.double({ min: 0, max: 1e-4, noNaN: true }),
    fc.constantFrom(2 ** -25, 3 * 2 ** -25, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -14 - 2 ** -25),
  )
  fc.assert(
    fc.property(values, (value) => {
      const single = Math.fround(value)
      assert.is(numberToFloat16(single), nearestBits(single, float16ToNumber, 0x7c00))
      assert.is(numberToFloat16(-single), 0x8000 | nearestBits(single, float16ToNumber, 0x7c00))
    }),
    { numRuns: 60, seed: 3 },
  )
  assert.is(numberToFloat16(65_519), 0x7bff)
  assert.is(numberToFloat16(65_520), 0x7c00)
  assert.is(numberToFloat16(-1e9), 0xfc00)
  assert.is(numberToBfloat16(1 + 2 ** -8), 0x3f80)
  assert.is(numberToBfloat16(1 + 3 * 2 ** -8), 0x3f82)
})

test('elements of each readable type decode', () => {
  const bytes = new Uint8Array(16)
  new DataView(bytes.buffer).setBigInt64(0, -5n, true)
  new DataView(bytes.buffer).setBigInt64(8, 1n << 40n, true)
  const out = new Float32Array(3)
  decodeElements(dataTypeByCode(INT64)!, bytes, out, 1)
  assert.equal([...out], [0, -5, 2 ** 40])
  const values = Float32Array.of(1.5, -0.25, 3)
  for (const code of [FLOAT32, FLOAT16, 16]) {
    const decoded = new Float32Array(3)
    decodeElements(dataTypeByCode(code)!, encodeFloats(code, values)!, decoded, 0)
    assert.equal(decoded, values)
  }
  assert.is(encodeFloats(INT64, values), undefined)
  assert.is(dataTypeByCode(99), undefined)
})

test.run()
