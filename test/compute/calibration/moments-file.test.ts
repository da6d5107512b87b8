/** Sums on their way from worker to owner. */
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  addEncodedMoments,
  decodeMoments,
  encodeMoments,
  type Moments,
  momentsBytes,
  momentsDistance,
} from '../../../node/compute/calibration/moments-file.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { gaussianMatrix } from '../../helpers/weights.ts'

const test = suite('moments file')

function moments(cols: number, full: boolean, seed: number): Moments {
  const sums = new Float64Array(full ? cols * cols : cols)
  const values = gaussianMatrix(cols, cols, seed, 1).data
  if (full)
    for (let i = 0; i < cols; i++) for (let j = i; j < cols; j++) sums[i * cols + j] = values[i * cols + j]!
  else sums.set(values.subarray(0, cols))
  for (let i = 0; i < cols; i++) sums[full ? i * cols + i : i] = Math.abs(values[i]!)
  return { cols, full, samples: 10 + seed, sums }
}

const parts = (seed: number): Moments[] => [
  moments(3, true, seed),
  moments(7, false, seed),
  moments(1, true, seed),
]

test('what is encoded is decoded', () => {
  const encoded = encodeMoments(parts(1))
  assert.is(encoded.length, momentsBytes(parts(1)))
  assert.equal(decodeMoments(encoded), parts(1))
})

test('parts add up in their order', () => {
  const [a, b] = [parts(1), parts(2)]
  const totals = addEncodedMoments(addEncodedMoments(null, encodeMoments(a)), encodeMoments(b))
  for (const [index, total] of totals.entries()) {
    assert.is(total.samples, 10 + 1 + 10 + 2)
    for (const [at, sum] of total.sums.entries()) assert.is(sum, a[index]!.sums[at]! + b[index]!.sums[at]!)
  }
})

test('damaged bytes are refused', () => {
  const good = encodeMoments(parts(1))
  throwsCode(
    () => addEncodedMoments(decodeMoments(good), encodeMoments(parts(1).slice(1))),
    'CALIBRATION_MALFORMED',
  )
  throwsCode(
    () => addEncodedMoments(decodeMoments(good), encodeMoments([moments(4, true, 1), ...parts(1).slice(1)])),
    'CALIBRATION_MALFORMED',
  )
  const changed = (change: (view: DataView) => void): Uint8Array => {
    const bytes = good.slice()
    change(new DataView(bytes.buffer))
    return bytes
  }
  for (const bytes of [
    new Uint8Array(0),
    good.subarray(0, good.length - 4),
    Buffer.concat([good, Buffer.alloc(4)]),
    changed((view) => view.setUint32(0, 1, true)),
    changed((view) => view.setUint32(4, 2, true)),
    changed((view) => view.setUint32(8, 0, true)),
    changed((view) => view.setUint32(8, 4, true)),
    changed((view) => view.setUint32(12, 2 ** 24, true)),
    changed((view) => view.setUint32(12, 0, true)),
    changed((view) => view.setUint32(16, 2, true)),
    changed((view) => view.setFloat64(20, Number.NaN, true)),
    changed((view) => view.setFloat64(20, 0, true)),
    changed((view) => view.setFloat32(28, -1, true)),
    changed((view) => view.setFloat32(32, Number.POSITIVE_INFINITY, true)),
  ])
    throwsCode(() => decodeMoments(bytes), 'CALIBRATION_MALFORMED')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      throwsCode(() => decodeMoments(bytes), 'CALIBRATION_MALFORMED')
      assert.is(momentsDistance(bytes, good), Infinity)
    }),
    { numRuns: 200, seed: 1 },
  )
})

test('the distance tells rounding from a lie', () => {
  const good = encodeMoments(parts(1))
  assert.is(momentsDistance(good, good), 0)
  const shifted = Buffer.concat([Buffer.alloc(1), good]).subarray(1)
  assert.is(momentsDistance(good, shifted), 0, 'wherever the bytes lie in memory')
  const scaled = (factor: number) =>
    encodeMoments(parts(1).map((part) => ({ ...part, sums: part.sums.map((sum) => sum * factor) })))
  assert.ok(Math.abs(momentsDistance(good, scaled(1.001)) - 0.001) < 1e-5)
  assert.ok(momentsDistance(good, scaled(2)) > 0.9)
  assert.ok(momentsDistance(scaled(0), good) > 1e9, 'something against nothing')
  assert.ok(
    momentsDistance(good, encodeMoments(parts(1).map((part) => ({ ...part, samples: 9 })))) === Infinity,
  )
  // A column a thousand times smaller than the others, doubled: nothing to the norm, all to the column.
  const uneven = (factor: number) => {
    const sums = Float64Array.of(4, 1, 0.001, 0, 4, 0.001, 0, 0, 4e-6 * factor)
    return encodeMoments([{ cols: 3, full: true, samples: 5, sums }])
  }
  assert.ok(momentsDistance(uneven(1), uneven(2)) > 0.1)
  assert.ok(momentsDistance(uneven(1), uneven(1.001)) < 0.001)
  // What is rounding of nothing stays that.
  const nearlyDead = (square: number) =>
    encodeMoments([{ cols: 2, full: false, samples: 5, sums: Float64Array.of(1, square) }])
  assert.ok(momentsDistance(nearlyDead(0), nearlyDead(1e-10)) < 0.001)
  const notANumber = good.slice()
  new DataView(notANumber.buffer).setFloat32(32, Number.NaN, true)
  assert.is(momentsDistance(good, notANumber), Infinity)
  assert.is(momentsDistance(good, encodeMoments(parts(1).reverse())), Infinity)
})

test.run()
