import { createRequire } from 'node:module'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { VptqAids, VptqShape } from '../../node/compute/kernels/vptq.ts'
import { nativeLevels } from '../../node/compute/kernels.ts'
import { VPTQ_VECTORS } from '../../node/compute/reference/vptq-layout.ts'
import { allKernels, gaussianMatrix, seededRandom } from '../helpers/weights.ts'

const [reference, ...others] = allKernels()

function bytesOf(array: Float32Array | Uint8Array | Uint32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}

/** A strictly upper triangular matrix of small numbers. */
function feedbackOf(cols: number, seed: number): Float32Array {
  const random = seededRandom(seed)
  return Float32Array.from({ length: cols * cols }, (_, i) =>
    i % cols > Math.floor(i / cols) ? random() * 0.4 - 0.2 : 0,
  )
}

const cases = fc.record({
  rows: fc.integer({ min: 1, max: 19 }),
  cols: fc.integer({ min: 1, max: 150 }),
  vector: fc.constantFrom(...VPTQ_VECTORS),
  indexBits: fc.integer({ min: 4, max: 9 }),
  residualBits: fc.constantFrom(0, 4, 7),
  outlierShare: fc.constantFrom(0, 0, 0.1),
  isWeighted: fc.boolean(),
  isFed: fc.boolean(),
  power: fc.constantFrom(0, 0, -110, -140, 100),
  seed: fc.nat(),
})

test('the kernels give the bytes of the reference at every SIMD level', () => {
  fc.assert(
    fc.property(cases, (init) => {
      const { rows, cols, vector, indexBits, residualBits, seed } = init
      const { data } = gaussianMatrix(rows, cols, seed)
      data.fill(0, 0, Math.min(cols, 3))
      for (let i = 0; i < data.length; i++) data[i] = data[i]! * 2 ** init.power
      const columns = Array.from({ length: cols }, (_, col) => col)
      const outliers = Uint32Array.from(
        columns.filter((col) => (col * 7 + seed) % 11 < init.outlierShare * 10),
      )
      if (outliers.length >= cols) return
      const shape: VptqShape = { rows, cols, vector, indexBits, residualBits, outliers }
      const codebook = {
        entries: gaussianMatrix(2 ** indexBits, vector, seed + 1, 1).data,
        residuals: gaussianMatrix(residualBits === 0 ? 0 : 2 ** residualBits, vector, seed + 2, 0.3).data,
      }
      const aids: VptqAids = {
        columnWeights: init.isWeighted ? gaussianMatrix(1, cols, seed, 1).data.map((x) => x * x + 0.1) : null,
        feedback: init.isFed ? feedbackOf(cols, seed) : null,
      }
      const expected = reference!.vptqEncode(data, shape, codebook, aids)
      const decoded = reference!.vptqDecode(expected, shape, codebook)
      for (const kernels of others) {
        const packed = kernels.vptqEncode(data, shape, codebook, aids)
        assert.ok(bytesOf(packed).equals(bytesOf(expected)), `${kernels.simd} encodes`)
        const values = kernels.vptqDecode(expected, shape, codebook)
        assert.ok(bytesOf(values).equals(bytesOf(decoded)), `${kernels.simd} decodes`)
      }
    }),
    { seed: 5, numRuns: 250 },
  )
})

test('equal entries: the first is chosen, at every SIMD level', () => {
  for (const vector of VPTQ_VECTORS) {
    const entries = new Float32Array(64 * vector).fill(1)
    entries.fill(-1, 0, 3 * vector)
    const points = new Float32Array(6 * vector).fill(0.5)
    for (const kernels of [reference!, ...others])
      assert.equal([...kernels.vptqNearest(points, vector, entries)], [3, 3, 3, 3, 3, 3], kernels.simd)
  }
})

test('nearest is nearest', () => {
  const { data: points } = gaussianMatrix(300, 6, 3, 1)
  const { data: entries } = gaussianMatrix(256, 6, 4, 1)
  const nearest = others.at(-1)!.vptqNearest(points, 6, entries)
  for (const [i, chosen] of nearest.entries()) {
    const distance = (entry: number) => {
      let square = 0
      for (let d = 0; d < 6; d++) square += (points[i * 6 + d]! - entries[entry * 6 + d]!) ** 2
      return square
    }
    for (let entry = 0; entry < 256; entry++) assert.ok(distance(chosen) <= distance(entry) + 1e-5)
  }
})

test('k-means++ draws the same points at every SIMD level, also where points run out', () => {
  for (const [count, distinct] of [
    [700, 700],
    [300, 5],
    [3, 3],
  ] as const) {
    const { data } = gaussianMatrix(distinct, 4, count, 1)
    const points = Float32Array.from({ length: count * 4 }, (_, i) => data[i % data.length]!)
    const weights = Float32Array.from({ length: count }, (_, i) => 1 + (i % 3))
    const draws = Float64Array.from({ length: 16 }, seededRandom(9))
    const expected = reference!.vptqSpread(points, weights, 4, draws)
    const found = new Set([...expected].map((pick) => pick % distinct))
    assert.is(found.size, Math.min(16, distinct), 'no point twice while there are others')
    for (const kernels of others)
      assert.equal(kernels.vptqSpread(points, weights, 4, draws), expected, kernels.simd)
  }
})

test('the addon refuses arguments that do not fit, and lives', () => {
  if (nativeLevels().length === 0) return
  const addon = createRequire(import.meta.url)('../../native/build/village.node')
  const floats = (length: number) => new Float32Array(length)
  const none = new Uint32Array(0)
  // 5 rows in vectors of 4, 10 columns, 16 entries: two groups of 4 scales and 10 nibbles.
  const packed = new Uint8Array(26)
  const shape = [5, 10, 4, 4, 0]
  const good: unknown[] = [floats(50), packed, floats(64), floats(0), none, null, null, ...shape, 0]
  const encodeWith = (at: number, value: unknown) => addon.vptqEncode(...good.with(at, value))
  const wrong: [number, unknown][] = [
    [0, floats(49)],
    [0, null],
    [1, new Uint8Array(25)],
    [2, floats(63)],
    [2, new Float64Array(64)],
    [3, floats(4)],
    [4, Uint32Array.of(10)],
    [4, Uint32Array.of(3, 3)],
    [4, Uint32Array.from({ length: 10 }, (_, i) => i)],
    [4, null],
    [5, floats(9)],
    [6, floats(99)],
    [6, 'none'],
    [7, 0],
    [8, 1.5],
    [9, 5],
    [10, 17],
    [10, 3],
    [11, 2],
    [12, 99],
  ]
  for (const [at, value] of wrong)
    assert.throws(() => encodeWith(at, value), TypeError, `argument ${at}: ${value}`)
  assert.throws(() => addon.vptqEncode(), TypeError)
  assert.throws(() => addon.vptqDecode(packed, floats(49), floats(64), floats(0), none, ...shape), TypeError)
  assert.throws(
    () => addon.vptqDecode(packed.subarray(1), floats(50), floats(64), floats(0), none, ...shape),
    TypeError,
  )
  const nearest: unknown[] = [floats(8), floats(64), new Uint32Array(2), 2, 4, 16, 0]
  for (const [at, value] of [
    [0, floats(9)],
    [1, floats(60)],
    [2, none],
    [3, 0],
    [4, 7],
    [5, 15],
    [6, 9],
  ] as const)
    assert.throws(() => addon.vptqNearest(...nearest.with(at, value)), TypeError, `argument ${at}`)
  const spread: unknown[] = [floats(8), floats(2), new Float64Array(16), new Uint32Array(16), 2, 4, 16, 0]
  for (const [at, value] of [
    [1, floats(3)],
    [2, new Float64Array(15)],
    [2, floats(16)],
    [3, none],
  ] as const)
    assert.throws(() => addon.vptqSpread(...spread.with(at, value)), TypeError, `argument ${at}`)
  addon.vptqEncode(...good)
  addon.vptqNearest(...nearest)
  addon.vptqSpread(...spread)
})

test.run()
