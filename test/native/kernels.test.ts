import { createRequire } from 'node:module'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlockwiseShape } from '../../node/compute/kernels/blockwise.ts'
import type { SeedlmShape } from '../../node/compute/kernels/seedlm.ts'
import { loadKernels, nativeLevels } from '../../node/compute/kernels.ts'
import { allKernels, gaussianMatrix } from '../helpers/weights.ts'

const [reference, ...others] = allKernels()
const native = others.filter((kernels) => kernels.native)

function bytesOf(array: Float32Array | Uint8Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength)
}

function sameBytes(
  actual: Float32Array | Uint8Array,
  expected: Float32Array | Uint8Array,
  what: string,
): void {
  assert.ok(bytesOf(actual).equals(bytesOf(expected)), `${what} differs from the reference`)
}

/** Ordinary weights with zeros, outliers, subnormals and huge values among them. */
const weights = (count: number) =>
  fc.array(
    fc.oneof(
      { weight: 12, arbitrary: fc.float({ min: -1, max: 1, noNaN: true }) },
      { weight: 2, arbitrary: fc.constantFrom(0, -0, 1, -1) },
      { weight: 1, arbitrary: fc.float({ min: -1e9, max: 1e9, noNaN: true, noDefaultInfinity: true }) },
      { weight: 1, arbitrary: fc.constantFrom(1e-42, -1e-42, 3e38, -3e38, 1e-20) },
    ),
    { minLength: count, maxLength: count },
  )

const blockwiseShapes = fc.record({
  rows: fc.integer({ min: 1, max: 4 }),
  cols: fc.integer({ min: 1, max: 150 }),
  bits: fc.constantFrom<4 | 8>(4, 8),
  blockSize: fc.constantFrom(16, 32, 64, 128, 256),
  zeroPoints: fc.boolean(),
  scaleBytes: fc.constantFrom<2 | 4>(2, 4),
  scaleExponent: fc.integer({ min: -100, max: 100 }),
})

test('block-wise kernels give the bytes of the reference at every SIMD level', () => {
  const cases = blockwiseShapes.chain((shape) =>
    fc.tuple(fc.constant<BlockwiseShape>(shape), weights(shape.rows * shape.cols)),
  )
  fc.assert(
    fc.property(cases, ([shape, values]) => {
      // The contract of the kernel: weights over 2^scaleExponent stay below 2^27 (the codec sees to it).
      const largest = Math.min(2 ** (27 + shape.scaleExponent), 3e38)
      const data = Float32Array.from(values, (value) => Math.max(-largest, Math.min(largest, value)))
      const expected = reference!.blockwiseEncode(data, shape)
      const decoded = reference!.blockwiseDecode(expected, shape)
      for (const kernels of others) {
        sameBytes(kernels.blockwiseEncode(data, shape), expected, `${kernels.simd} encoding`)
        sameBytes(kernels.blockwiseDecode(expected, shape), decoded, `${kernels.simd} decoding`)
      }
    }),
    { seed: 7, numRuns: 300 },
  )
})

test('seedlm kernels give the bytes of the reference at every SIMD level', () => {
  const variants = [
    [8, 3],
    [12, 4],
  ] as const
  for (const [blockWeights, coefficients] of variants) {
    // 37 columns: the last block is padded, and the rows end inside a batch.
    const { rows, cols, data } = gaussianMatrix(9, 37, blockWeights)
    data.fill(0, 0, blockWeights)
    data[40] = 3
    data[60] = 1e-20
    const shape: SeedlmShape = { rows, cols, blockWeights, coefficients, scale: Math.fround(0.08 / 64) }
    const expected = reference!.seedlmEncode(data, shape)
    const decoded = reference!.seedlmDecode(expected, shape)
    for (const kernels of others) {
      sameBytes(kernels.seedlmEncode(data, shape), expected, `${kernels.simd} encoding`)
      sameBytes(kernels.seedlmDecode(expected, shape), decoded, `${kernels.simd} decoding`)
    }
  }
})

test('seedlm bytes do not depend on the SIMD level over many blocks', () => {
  const { rows, cols, data } = gaussianMatrix(64, 128, 5)
  const shape: SeedlmShape = { rows, cols, blockWeights: 8, coefficients: 3, scale: Math.fround(0.08 / 64) }
  const [first, ...rest] = others.map((kernels) => kernels.seedlmEncode(data, shape))
  for (const other of rest) sameBytes(other, first!, 'another level')
})

test('the addon refuses arguments that do not fit, and lives', () => {
  if (native.length === 0) return
  const addon = createRequire(import.meta.url)('../../native/build/village.node')
  const good = [1, 32, 4, 32, 0, 2, 0]
  const data = new Float32Array(32)
  const out = new Uint8Array(18)
  const refusals: unknown[][] = [
    [],
    [new Float32Array(31), out, ...good, 0],
    [new Float64Array(32), out, ...good, 0],
    [null, out, ...good, 0],
    [data, new Uint8Array(17), ...good, 0],
    [data, null, ...good, 0],
    [data, out, ...good],
    [data, out, ...good, nativeLevels().length],
    [data, out, -1, 32, 4, 32, 0, 2, 0, 0],
    [data, out, 1.5, 32, 4, 32, 0, 2, 0, 0],
    [data, out, 2 ** 28, 2 ** 28, 4, 32, 0, 2, 0, 0],
    [data, out, 1, 32, 5, 32, 0, 2, 0, 0],
    [data, out, 1, 32, 4, 31, 0, 2, 0, 0],
    [data, out, 1, 32, 4, 32, 0, 3, 0, 0],
    [data, out, 1, 32, 4, 32, 0, 2, Number.NaN, 0],
  ]
  for (const args of refusals) assert.throws(() => addon.blockwiseEncode(...args), TypeError)
  assert.throws(() => addon.blockwiseDecode(new Uint8Array(17), data, ...good), TypeError)
  assert.throws(() => addon.blockwiseDecode(out, new Float32Array(31), ...good), TypeError)
  const seedlm = new Uint8Array(16)
  assert.throws(() => addon.seedlmEncode(data, seedlm, 1, 32, 8, 4, 1, 0), TypeError)
  assert.throws(() => addon.seedlmEncode(data, seedlm, 1, 32, 8, 3, 0, 0), TypeError)
  assert.throws(() => addon.seedlmEncode(data, out, 1, 32, 8, 3, 1, 0), TypeError)
  assert.throws(() => addon.seedlmDecode(out, data, 1, 32, 8, 3, 1), TypeError)
  addon.blockwiseEncode(data.fill(1), out, ...good, 0)
  assert.ok(
    out.some((byte) => byte !== 0),
    'and works on',
  )
})

test('loadKernels says which kernels serve and why', () => {
  const off = loadKernels({ native: 'off' })
  assert.is(off.native, false)
  assert.is(off.simd, 'wasm')
  assert.ok(off.reason !== null && off.reason.length > 0)
  const kernels = loadKernels()
  assert.is(kernels.native, native.length > 0)
  assert.is(kernels.reason === null, kernels.native)
  if (native.length > 0) assert.throws(() => loadKernels({ simd: 'mmx' }), /mmx/)
})

test('memory is given back without harm, as often as it is asked for', () => {
  for (const kernels of [reference!, ...others]) {
    kernels.releaseMemory()
    kernels.releaseMemory()
  }
})

test.run()
