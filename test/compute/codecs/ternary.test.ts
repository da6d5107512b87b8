/** Natively ternary weights, however they were exported, and what others would lose. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams, WeightMatrix } from '../../../node/compute/codecs/codec.ts'
import { bitsPerWeight, measure, normalisedError } from '../../../node/compute/codecs/encode-stats.ts'
import { decodeSlice } from '../../../node/compute/codecs/table.ts'
import { addToStats, EMPTY_STATS, statsOf } from '../../../node/compute/codecs/tensor-stats.ts'
import { ternary } from '../../../node/compute/codecs/ternary.ts'
import { joinSlices, readSlice, writeSlice } from '../../../node/compute/codecs/wire.ts'
import type { TernaryShape } from '../../../node/compute/kernels/ternary.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { dequantizeNBits } from '../../../node/compute/onnx/nbits.ts'
import { fromHalfBits, toHalfBits } from '../../../node/compute/reference/f16.ts'
import { VillageError } from '../../../node/errors.ts'
import { allKernels, gaussianMatrix, rowsOf, seededRandom } from '../../helpers/weights.ts'

const kernels = loadKernels()
const [reference, ...others] = allKernels()

/** Trits times the scale of their row. */
function ternaryMatrix(rows: number, cols: number, scaleOf: (row: number) => number): WeightMatrix {
  const random = seededRandom(rows * 1000 + cols)
  const data = new Float32Array(rows * cols)
  for (let i = 0; i < data.length; i++)
    data[i] = (Math.floor(random() * 3) - 1) * Math.fround(scaleOf(Math.floor(i / cols)))
  return { rows, cols, data }
}

function bfloat16(value: number): number {
  const bits = new Uint32Array(Float32Array.of(value).buffer)
  bits[0] = ((bits[0]! + 0x7fff + ((bits[0]! >>> 16) & 1)) & 0xffff0000) >>> 0
  return new Float32Array(bits.buffer)[0]!
}

function refusal(run: () => unknown): VillageError {
  try {
    run()
  } catch (error) {
    if (error instanceof VillageError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

const EXPORTS: [string, (row: number) => number][] = [
  ['one scale', () => 0.0371],
  ['a scale by row', (row) => 0.01 + row / 977],
  ['a scale by row, rounded to half precision', (row) => fromHalfBits(toHalfBits(0.01 + row / 977))],
  ['a scale by row, rounded to bfloat16', (row) => bfloat16(0.01 + row / 977)],
  ['a scale by group of rows', (row) => (row < 5 ? 0.2 : 0.3)],
  ['rows of zeros among others', (row) => (row % 3 === 0 ? 0 : 1 / (row + 1))],
]

for (const [about, scaleOf] of EXPORTS)
  for (const packing of ['5in8', '2bit'])
    test(`${about}, ${packing}: recognised and lossless, as it runs`, () => {
      const matrix = ternaryMatrix(11, 643, scaleOf)
      const packed = ternary.encode(matrix, ternary.parseParams({ packing }), kernels)
      assert.equal(decodeSlice(packed, kernels).data, matrix.data)
      const stats = measure(matrix, decodeSlice(packed, kernels), packed.length - 110)
      assert.ok(bitsPerWeight(stats) < 2.1, `${bitsPerWeight(stats)} bits a weight`)
      const form = ternary.runtimeForm(packed, kernels)
      if (form.kind !== 'nbits') throw new Error('ternary runs as two bits')
      assert.is(form.bits, 2)
      assert.equal(dequantizeNBits(form, 11, 643), matrix.data)
    })

test('scales by row: slices join to the bytes of the whole', () => {
  const whole = ternaryMatrix(9, 70, (row) => 1 / (row + 2))
  const fitted = ternary.fit(ternary.parseParams({}), statsOf(whole))
  assert.is(fitted.scales, 'row')
  const slices = [0, 1, 5].map((from, i) =>
    ternary.encode(rowsOf(whole, from, [1, 5, 9][i]!), fitted, kernels),
  )
  assert.equal(joinSlices(slices), ternary.encode(whole, fitted, kernels))
})

test('statistics do not depend on how rows were cut', () => {
  const matrix = gaussianMatrix(40, 33, 4)
  const whole = statsOf(matrix)
  for (const cuts of [
    [0, 1, 40],
    [0, 16, 17, 40],
  ]) {
    let stats = EMPTY_STATS
    for (let i = 1; i < cuts.length; i++)
      stats = addToStats(stats, rowsOf(matrix, cuts[i - 1]!, cuts[i]!), cuts[i - 1])
    assert.equal(stats, whole)
  }
})

test('what is not ternary is refused with what the cast would cost', () => {
  const ordinary = gaussianMatrix(32, 64, 4)
  const { code, message, fields } = refusal(() => ternary.fit(ternary.parseParams({}), statsOf(ordinary)))
  assert.is(code, 'CODEC_NEEDS_FORCE')
  const forced = ternary.encode(ordinary, ternary.parseParams({ force: true }), kernels)
  const real = normalisedError(measure(ordinary, decodeSlice(forced, kernels), forced.length))
  const said = fields.normalisedError as number
  assert.ok(Math.abs(said - real) < 0.03, `${said} was said, ${real} is lost`)
  assert.match(message, new RegExp(`${(100 * said).toFixed(1)}%`))
  // One weight that is not of its row's magnitude.
  const almost = ternaryMatrix(8, 64, (row) => row + 1)
  almost.data[100] = 0.5
  assert.is(refusal(() => ternary.encode(almost, {}, kernels)).code, 'CODEC_NEEDS_FORCE')
  // Any row of one weight is ternary by itself: that is no reason to store a scale each.
  assert.is(refusal(() => ternary.encode(gaussianMatrix(64, 1), {}, kernels)).code, 'CODEC_NEEDS_FORCE')
})

test('forced scales by row lose less than BitNet’s scale', () => {
  const ordinary = gaussianMatrix(32, 256, 4)
  const error = (params: CodecParams) => {
    const packed = ternary.encode(ordinary, ternary.parseParams({ force: true, ...params }), kernels)
    return normalisedError(measure(ordinary, decodeSlice(packed, kernels), packed.length))
  }
  // Absmean loses 0.26 of Gaussian weights; the best three levels 0.1902 (Max, 1960).
  assert.ok(error({}) > 0.24)
  assert.ok(error({ scales: 'row' }) < 0.195)
})

test('a scale and scales by row exclude each other', () => {
  const error = refusal(() => ternary.parseParams({ scale: 1, scales: 'row' }))
  assert.is(error.code, 'INVALID_ARGUMENT')
  assert.is(error.fields.argument, 'params.scale')
})

test('hostile rows are refused', () => {
  const matrix = ternaryMatrix(3, 33, (row) => row + 1)
  const slice = readSlice(ternary.encode(matrix, ternary.parseParams({}), kernels))
  const changed = (at: number, values: number[]): Uint8Array => {
    const payload = slice.payload.slice()
    payload.set(values, at)
    return writeSlice({ ...slice, payload })
  }
  const hostile = [
    changed(0, [0, 0, 0x80, 0x7f]), // infinity
    changed(0, [0, 0, 0xc0, 0x7f]), // NaN
    changed(0, [0, 0, 0, 0x80]), // minus zero
    changed(0, [0, 0, 0x80, 0xbf]), // minus one
    changed(4, [243]),
    changed(10, [0]), // digits behind the end of the row
    writeSlice({ ...slice, params: { packing: '5in8', scales: 'tensor' } }),
    writeSlice({ ...slice, params: { packing: '5in8', scales: 'row', force: true } }),
    writeSlice({ ...slice, params: { scales: 'row' } }),
    writeSlice({ ...slice, params: { packing: '5in8', scale: 1 } }),
  ]
  for (const packed of hostile) {
    assert.is(refusal(() => ternary.decode(packed, kernels)).code, 'CODEC_MALFORMED')
    assert.is(refusal(() => ternary.runtimeForm(packed, kernels)).code, 'CODEC_MALFORMED')
  }
})

test('native kernels give the bytes of the reference', () => {
  const cases = fc.record({
    rows: fc.integer({ min: 1, max: 5 }),
    cols: fc.integer({ min: 1, max: 90 }),
    perByte: fc.constantFrom<4 | 5>(4, 5),
    rowScales: fc.boolean(),
    scale: fc.constantFrom(0, 0.5, 1e-42, 3e38),
    seed: fc.nat(),
    flips: fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
  })
  fc.assert(
    fc.property(cases, ({ seed, flips, scale, ...rest }) => {
      const shape: TernaryShape = { ...rest, scale: Math.fround(scale) }
      const { data } = gaussianMatrix(shape.rows, shape.cols, seed, seed % 7 === 0 ? 1e38 : 1)
      for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) data[i] = 3e38
      const expected = reference!.ternaryEncode(data, shape)
      const hostile = expected.payload.slice()
      for (const [at, value] of flips) hostile[at % hostile.length] = value
      const decoded = reference!.ternaryDecode(hostile, shape)
      for (const each of others) {
        assert.equal(each.ternaryEncode(data, shape), expected, each.simd)
        assert.equal(each.ternaryDecode(hostile, shape), decoded, each.simd)
      }
    }),
    { seed: 3, numRuns: 400 },
  )
})

test.run()
