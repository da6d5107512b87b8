/** Dot products of half-precision rows: the oracle against plain sums, and every SIMD level against the oracle. */
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadKernels, nativeLevels } from '../../node/compute/kernels.ts'
import { fromHalfBits, toHalfBits } from '../../node/compute/reference/f16.ts'
import { halfDots } from '../../node/compute/reference/half-dot.ts'
import { gaussianMatrix } from '../helpers/weights.ts'

const test = suite('half-dot')
const bytesOf = (array: ArrayBufferView): Buffer =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength)

/** Finite halves of every kind: large, small, subnormal, zero of both signs. */
function halves(length: number, seed: number): Uint16Array {
  const source = gaussianMatrix(1, length, seed, 1).data
  return Uint16Array.from(source, (value, at) => toHalfBits(value * 10 ** -(at % 7)))
}

test('a dot product is the sum of the products', () => {
  for (const cols of [1, 31, 32, 33, 200]) {
    const rows = halves(3 * cols, cols)
    const query = gaussianMatrix(1, cols, 7, 1).data
    const dots = new Float64Array(4).fill(-1)
    halfDots(rows, query, 3, dots)
    for (let row = 0; row < 3; row++) {
      let expected = 0
      for (let col = 0; col < cols; col++) expected += fromHalfBits(rows[row * cols + col]!) * query[col]!
      assert.ok(Math.abs(dots[row]! - expected) <= 1e-12 * cols, `${cols}: ${dots[row]} for ${expected}`)
    }
    assert.is(dots[3], -1, 'no more than was asked for')
  }
})

test('sums are added in the written order', () => {
  // 2^53 and two ones: in the order of the columns both ones would be lost.
  const query = new Float32Array(33)
  const rows = new Uint16Array(33).fill(toHalfBits(1))
  query[0] = 2 ** 53
  query[1] = 1
  query[17] = 1
  const dots = new Float64Array(1)
  halfDots(rows, query, 1, dots)
  assert.is(dots[0], 2 ** 53 + 2)
})

test('every SIMD level gives the bits of the reference', () => {
  const levels = nativeLevels()
  if (levels.length === 0) console.log('skipped: native levels (the addon is not built)')
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 130 }),
      fc.nat(),
      (count, cols, seed) => {
        const rows = halves(count * cols, seed)
        const query = gaussianMatrix(1, cols, seed ^ 1, 1).data
        const expected = new Float64Array(count)
        halfDots(rows, query, count, expected)
        for (const simd of levels) {
          const dots = new Float64Array(count)
          loadKernels({ simd }).halfDots(rows, query, count, dots)
          assert.ok(bytesOf(dots).equals(bytesOf(expected)), `${simd}: ${count} × ${cols}, seed ${seed}`)
        }
      },
    ),
    { numRuns: 60, seed: 5 },
  )
})

test('every half is read as itself, infinities and NaN too', () => {
  const rows = Uint16Array.from({ length: 65_536 }, (_, bits) => bits)
  const one = new Float32Array([1])
  for (const simd of ['typescript', ...nativeLevels()]) {
    const dots = new Float64Array(rows.length)
    loadKernels({ simd }).halfDots(rows, one, rows.length, dots)
    // A sum begins at +0, so that -0 comes out as +0.
    for (const bits of rows) assert.equal(dots[bits], fromHalfBits(bits) + 0, `${simd}: ${bits}`)
  }
})

test('the addon refuses what does not fit', () => {
  for (const simd of nativeLevels()) {
    const { halfDots: native } = loadKernels({ simd })
    assert.throws(() => native(new Uint16Array(7), new Float32Array(4), 2, new Float64Array(2)), /do not fit/)
    assert.throws(() => native(new Uint16Array(8), new Float32Array(4), 2, new Float64Array(1)), /do not fit/)
    assert.throws(() => native(new Uint16Array(0), new Float32Array(0), 1, new Float64Array(1)), /do not fit/)
    native(new Uint16Array(0), new Float32Array(4), 0, new Float64Array(0))
  }
})

test.run()
