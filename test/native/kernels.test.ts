import { createRequire } from 'node:module'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BlockwiseShape } from '../../node/compute/kernels/blockwise.ts'
import type { SeedlmAids, SeedlmShape } from '../../node/compute/kernels/seedlm.ts'
import { loadKernels, nativeLevels } from '../../node/compute/kernels.ts'
import { seedlmRow } from '../../node/compute/reference/seedlm.ts'
import { allKernels, gaussianMatrix, seededRandom } from '../helpers/weights.ts'

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

const SEEDLM_VARIANTS = [
  { blockWeights: 8, coefficients: 3 },
  { blockWeights: 12, coefficients: 4 },
] as const
const seedlmScale = Math.fround(0.08 / 64)

/** Column weights and an error feedback of the right form for `cols` columns. */
function aidsFor(cols: number): { columnWeights: Float32Array; feedback: Float32Array } {
  const columnWeights = gaussianMatrix(1, cols, 5).data.map((value) => Math.abs(value) * 50 + 0.1)
  const feedback = gaussianMatrix(cols, cols, 6, 0.1).data
  for (let row = 0; row < cols; row++) feedback.fill(0, row * cols, row * cols + row + 1)
  return { columnWeights, feedback }
}

test('seedlm kernels give the bytes of the reference at every SIMD level', () => {
  for (const variant of SEEDLM_VARIANTS) {
    // 37 columns: the last block is padded, and the rows end inside a batch.
    const { rows, cols, data } = gaussianMatrix(9, 37, variant.blockWeights)
    data.fill(0, 0, variant.blockWeights)
    data[40] = 3
    data[60] = 1e-20
    const aids = aidsFor(cols)
    const cases: [string, number, SeedlmAids][] = [
      ['plain', 0, {}],
      ['exact', 0, { exact: true }],
      ['with outliers', 3, {}],
      ['weighted', 0, { columnWeights: aids.columnWeights }],
      ['with feedback', 2, aids],
    ]
    for (const [name, outliers, given] of cases) {
      const shape: SeedlmShape = { rows, cols, ...variant, scale: seedlmScale, outliers }
      const expected = reference!.seedlmEncode(data, shape, given)
      const decoded = reference!.seedlmDecode(expected, shape)
      for (const kernels of others) {
        sameBytes(kernels.seedlmEncode(data, shape, given), expected, `${kernels.simd} encoding ${name}`)
        sameBytes(kernels.seedlmDecode(expected, shape), decoded, `${kernels.simd} decoding ${name}`)
      }
    }
  }
})

test('seedlm decodes every seed alike at every SIMD level', () => {
  for (const variant of SEEDLM_VARIANTS) {
    const blocks = 65535
    const cols = blocks * variant.blockWeights
    const shape: SeedlmShape = { rows: 1, cols, ...variant, scale: 0.01, outliers: 0 }
    const random = seededRandom(variant.blockWeights)
    const payload = Uint8Array.from({ length: seedlmRow(shape).bytes }, () => random() * 256)
    for (let block = 0; block < blocks; block++) {
      payload[block * 2] = (block + 1) & 255
      payload[block * 2 + 1] = (block + 1) >>> 8
    }
    const expected = reference!.seedlmDecode(payload, shape)
    for (const kernels of others) sameBytes(kernels.seedlmDecode(payload, shape), expected, kernels.simd)
  }
})

test('seedlm keeps its bytes where aids are absurd', () => {
  const { rows, cols, data } = gaussianMatrix(3, 40, 9)
  for (const variant of SEEDLM_VARIANTS)
    for (const factor of [1e30, -1e38]) {
      const shape: SeedlmShape = { rows, cols, ...variant, scale: seedlmScale, outliers: 1 }
      const { feedback } = aidsFor(cols)
      const aids = {
        feedback: feedback.map((value) => value * factor),
        columnWeights: new Float32Array(cols).fill(3e38),
      }
      const expected = reference!.seedlmEncode(data, shape, aids)
      for (const kernels of others)
        sameBytes(kernels.seedlmEncode(data, shape, aids), expected, `${kernels.simd} with ${factor}`)
    }
})

test('seedlm bytes do not depend on the SIMD level over many blocks', () => {
  const { rows, cols, data } = gaussianMatrix(64, 128, 5)
  for (const variant of SEEDLM_VARIANTS) {
    const shape: SeedlmShape = { rows, cols, ...variant, scale: seedlmScale, outliers: 1 }
    const [first, ...rest] = others.map((kernels) => kernels.seedlmEncode(data, shape))
    for (const other of rest) sameBytes(other, first!, 'another level')
  }
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
  const fitting = [data, seedlm, 1, 32, 8, 3, 1, 0, 0, 0]
  addon.seedlmEncode(...fitting, undefined, undefined)
  assert.throws(() => addon.seedlmEncode(data, seedlm, 1, 32, 8, 4, 1, 0, 0, 0), TypeError)
  assert.throws(() => addon.seedlmEncode(data, seedlm, 1, 32, 8, 3, 0, 0, 0, 0), TypeError)
  assert.throws(() => addon.seedlmEncode(data, out, 1, 32, 8, 3, 1, 0, 0, 0), TypeError)
  assert.throws(() => addon.seedlmEncode(data, seedlm, 1, 32, 8, 3, 1, 33, 0, 0), TypeError)
  assert.throws(() => addon.seedlmEncode(...fitting.slice(0, -1), 2), TypeError)
  assert.throws(() => addon.seedlmEncode(...fitting, new Float32Array(31)), TypeError)
  assert.throws(() => addon.seedlmEncode(...fitting, undefined, data), TypeError)
  assert.throws(() => addon.seedlmDecode(out, data, 1, 32, 8, 3, 1, 0, 0), TypeError)
  addon.blockwiseEncode(data.fill(1), out, ...good, 0, 0, 0)
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
    kernels.keepMemorySmall()
    kernels.releaseMemory()
  }
})

test.run()
