import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Codec, CodecParams, WeightMatrix } from '../../../node/compute/codecs/codec.ts'
import {
  bitsPerWeight,
  measure,
  normalisedError,
  relativeError,
} from '../../../node/compute/codecs/encode-stats.ts'
import { CODECS, codecById, codecByName, decodeSlice } from '../../../node/compute/codecs/table.ts'
import { statsOf } from '../../../node/compute/codecs/tensor-stats.ts'
import { HEADER_BYTES, joinSlices, readSlice } from '../../../node/compute/codecs/wire.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { VillageError } from '../../../node/errors.ts'
import { canonicalJson } from '../../../node/json.ts'
import { neededAids } from '../../helpers/codebooks.ts'
import { gaussianMatrix, rowsOf } from '../../helpers/weights.ts'

const kernels = loadKernels()

/** Every codec with the settings that change its format. */
const VARIANTS: [string, CodecParams][] = [
  ['int8', {}],
  ['int8', { blockSize: 32, zeroPoints: true, scaleType: 'fp32' }],
  ['int4', {}],
  ['int4', { blockSize: 128 }],
  ['int4', { blockSize: 16, zeroPoints: true }],
  ['int4', { blockSize: 64, zeroPoints: true, scaleType: 'fp32' }],
  ['ternary', { force: true }],
  ['ternary', { force: true, packing: '2bit' }],
  ['ternary', { force: true, scales: 'row' }],
  ['int4', { scales: 'hqq' }],
  ['int8', { scales: 'hqq', zeroPoints: true }],
  ['planes', {}],
  ['planes', { blockSize: 32 }],
  ['seedlm', {}],
  ['seedlm', { bits: 3 }],
  ['trellis', {}],
  ['trellis', { bits: 3, blockSize: 32 }],
  ['trellis', { bits: 2, blockSize: 64 }],
  ['vptq', { bits: 2, layout: 'small' }],
  ['vptq', { bits: 3, layout: 'small' }],
  ['vptq', { bits: 4, layout: 'small' }],
  ['vptq', { bits: 3, layout: 'residual' }],
]

function refusal(run: () => unknown): VillageError {
  try {
    run()
  } catch (error) {
    if (error instanceof VillageError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

function encode(codec: Codec, params: CodecParams, matrix: WeightMatrix): Uint8Array {
  return codec.encode(matrix, codec.parseParams(params), kernels, neededAids(codec, params))
}

function decode(codec: Codec, params: CodecParams, packed: Uint8Array): WeightMatrix {
  return decodeSlice(packed, kernels, neededAids(codec, params).codebook)
}

/** The runtime form as onnxruntime reads it, written from its documentation. */
function runtimeValues(codec: Codec, params: CodecParams, packed: Uint8Array): Float32Array {
  const { rows, cols } = readSlice(packed)
  const form = codec.runtimeForm(packed, kernels, neededAids(codec, params).codebook)
  if (form.kind === 'dense') return form.data
  const { bits, blockSize, scales, zeroPoints } = form
  const blocks = Math.ceil(cols / blockSize)
  assert.is(form.packed.length, (rows * blocks * blockSize * bits) / 8)
  assert.is(scales.length, rows * blocks)
  const zeroPointBytes = Math.ceil((blocks * bits) / 8)
  if (zeroPoints !== null) assert.is(zeroPoints.length, rows * zeroPointBytes)
  const field = (bytes: Uint8Array, bit: number) => (bytes[bit >> 3]! >> (bit & 7)) & (2 ** bits - 1)
  const values = new Float32Array(rows * cols)
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < blocks * blockSize; col++) {
      const block = Math.floor(col / blockSize)
      const code = field(form.packed, (row * blocks * blockSize + col) * bits)
      const zero =
        zeroPoints === null ? 2 ** (bits - 1) : field(zeroPoints, row * zeroPointBytes * 8 + block * bits)
      if (col < cols) values[row * cols + col] = (code - zero) * scales[row * blocks + block]!
      else assert.is(code, zero, 'padding is worth nothing')
    }
  return values
}

test('ids and names are distinct, and find their codec', () => {
  assert.is(new Set(CODECS.map((codec) => codec.id)).size, CODECS.length)
  for (const codec of CODECS) {
    assert.is(codecById(codec.id), codec)
    assert.is(codecByName(codec.name), codec)
    assert.ok(codec.id >= 1 && codec.id <= 255)
    assert.ok(
      VARIANTS.some(([name]) => name === codec.name),
      `${codec.name} is tested below`,
    )
  }
  assert.is(refusal(() => codecById(200)).code, 'CODEC_MALFORMED')
  assert.match(refusal(() => codecByName('zip')).message, /int8, int4, ternary, seedlm, vptq/)
})

test('stable ids: what is stored today can be read for ever', () => {
  assert.equal(
    CODECS.map((codec) => [codec.id, codec.name]),
    [
      [1, 'int8'],
      [2, 'int4'],
      [3, 'ternary'],
      [4, 'seedlm'],
      [5, 'vptq'],
      [6, 'trellis'],
      [7, 'planes'],
    ],
  )
})

test('parameters: defaults are canonical, and what is wrong is named', () => {
  for (const codec of CODECS) {
    const defaults = codec.parseParams({})
    assert.equal(codec.parseParams(defaults), defaults)
    assert.equal(codec.parseParams(undefined), defaults)
    assert.equal(JSON.parse(canonicalJson(defaults)), defaults)
    for (const wrong of [null, 3, 'x', []])
      assert.is(refusal(() => codec.parseParams(wrong)).code, 'INVALID_ARGUMENT')
    const unknown = refusal(() => codec.parseParams({ wings: 2 }))
    assert.is(unknown.code, 'INVALID_ARGUMENT')
    assert.is(unknown.fields.argument, 'params.wings')
  }
  const wrong: [string, CodecParams][] = [
    ['int4', { blockSize: 48 }],
    ['int4', { blockSize: '32' }],
    ['int8', { zeroPoints: 1 }],
    ['int8', { scaleType: 'fp64' }],
    ['int8', { scaleExponent: 0.5 }],
    ['int8', { scaleExponent: 101 }],
    ['ternary', { packing: 'tight' }],
    ['ternary', { scale: -1 }],
    ['seedlm', { bits: 5 }],
    ['seedlm', { scale: 0 }],
    ['seedlm', { scale: 1e39 }],
    ['trellis', { bits: 5 }],
    ['trellis', { blockSize: 16 }],
    ['trellis', { scaleExponent: 0.5 }],
    ['trellis', { scaleExponent: 121 }],
    ['vptq', { bits: 5 }],
    ['vptq', { layout: 'wide' }],
    ['vptq', { layout: 'residual', bits: 2 }],
    ['vptq', { outlierShare: 0.5 }],
    ['vptq', { codebook: 'abc' }],
    ['vptq', { outliers: '!' }],
  ]
  for (const [name, params] of wrong) {
    const error = refusal(() => codecByName(name).parseParams(params))
    assert.is(error.code, 'INVALID_ARGUMENT')
    assert.is(error.fields.argument, `params.${Object.keys(params)[0]}`)
  }
})

for (const [name, params] of VARIANTS) {
  const codec = codecByName(name)
  const label = `${name} ${canonicalJson(params)}`

  test(`${label}: any shape comes back in its shape, with bounded error, as it runs`, () => {
    const shapes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 140 }), fc.nat())
    fc.assert(
      fc.property(shapes, ([rows, cols, seed]) => {
        const matrix = gaussianMatrix(rows, cols, seed)
        const packed = encode(codec, params, matrix)
        const decoded = decode(codec, params, packed)
        assert.is(decoded.rows, rows)
        assert.is(decoded.cols, cols)
        const stats = measure(matrix, decoded, packed.length)
        assert.ok(stats.squaredError <= stats.squaredNorm, 'no worse than zeros')
        assert.equal(runtimeValues(codec, params, packed), decoded.data)
        assert.equal(encode(codec, params, matrix), packed, 'deterministic')
      }),
      { seed: 11, numRuns: name === 'seedlm' ? 12 : 60 },
    )
  })

  test(`${label}: slices join to the bytes of the whole`, () => {
    const group = codec.rowGroup(codec.parseParams(params))
    // Groups are whole but for the last.
    const rows = 11 * group - (group > 1 ? 1 : 0)
    const aids = neededAids(codec, params)
    const whole = gaussianMatrix(rows, name === 'seedlm' ? 60 : 131, 3)
    const fitted = codec.fit(codec.parseParams(params), statsOf(whole))
    const expected = codec.encode(whole, fitted, kernels, aids)
    for (const cuts of [
      [0, 11],
      [0, 1, 2, 11],
      [0, 4, 7, 8, 11],
    ]) {
      const ends = cuts.map((cut) => Math.min(cut * group, rows))
      const slices = ends
        .slice(1)
        .map((to, i) => codec.encode(rowsOf(whole, ends[i]!, to), fitted, kernels, aids))
      assert.equal(joinSlices(slices), expected)
    }
  })

  test(`${label}: zeros, one weight, and extreme weights`, () => {
    const zeros = { rows: 3, cols: 21, data: new Float32Array(63) }
    assert.equal(decode(codec, params, encode(codec, params, zeros)).data, zeros.data)
    for (const value of [1, -1, 0.3, 1e-30, -1e30, 2 ** -140]) {
      const one = { rows: 1, cols: 1, data: Float32Array.of(value) }
      const packed = encode(codec, params, one)
      const error = Math.abs(decode(codec, params, packed).data[0]! - one.data[0]!)
      assert.ok(error <= Math.abs(value), `${value} is lost by ${error}`)
      // Normal float32 weights keep at least their size, however small or large the tensor.
      if (Math.abs(value) > 2 ** -100)
        assert.ok(error <= 0.13 * Math.abs(value), `${value} is off by ${error}`)
    }
  })

  test(`${label}: refuses what cannot be encoded`, () => {
    const matrix = gaussianMatrix(4, 40)
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      const broken = { ...matrix, data: matrix.data.slice() }
      broken.data[2 * 40 + 7] = value
      const error = refusal(() => encode(codec, params, broken))
      assert.is(error.code, 'CODEC_NON_FINITE')
      assert.equal([error.fields.row, error.fields.col], [2, 7])
    }
    const shapes: [number, number, number][] = [
      [0, 4, 0],
      [4, 0, 0],
      [2, 2, 3],
      [1.5, 2, 3],
      [2 ** 20, 2 ** 20, 4],
    ]
    for (const [rows, cols, length] of shapes)
      assert.is(
        refusal(() => encode(codec, params, { rows, cols, data: new Float32Array(length) })).code,
        'INVALID_ARGUMENT',
      )
  })
}

test('block-wise codecs: more bits, smaller blocks and zero points cost bits and gain accuracy', () => {
  const matrix = gaussianMatrix(32, 512)
  const figures = (name: string, params: CodecParams) => {
    const packed = encode(codecByName(name), params, matrix)
    return measure(matrix, decodeSlice(packed, kernels), packed.length)
  }
  const int4 = figures('int4', { blockSize: 128 })
  // 4 bits and a half-precision scale by 128; the MSE-optimal clipping of Gaussian weights leaves about
  // 0.0093.
  const header = 1024
  assert.ok(int4.packedBytes <= 32 * (512 / 2 + (512 / 128) * 2) + header)
  assert.ok(normalisedError(int4) < 0.0096, `int4 error is ${normalisedError(int4)}`)
  const small = figures('int4', { blockSize: 32 })
  assert.ok(normalisedError(small) < normalisedError(int4))
  assert.ok(bitsPerWeight(small) > bitsPerWeight(int4))
  assert.ok(normalisedError(figures('int4', { blockSize: 128, zeroPoints: true })) < normalisedError(int4))
  assert.ok(relativeError(figures('int8', {})) < 0.007)
})

test('block-wise codecs keep shifted weights with zero points', () => {
  const matrix = gaussianMatrix(8, 128)
  for (let i = 0; i < matrix.data.length; i++) matrix.data[i] = matrix.data[i]! + 0.1
  const error = (zeroPoints: boolean) => {
    const packed = encode(codecByName('int4'), { zeroPoints }, matrix)
    return relativeError(measure(matrix, decodeSlice(packed, kernels), packed.length))
  }
  assert.ok(error(true) < 0.8 * error(false))
})

test('half-precision scales hold tensors of any magnitude', () => {
  const plain = gaussianMatrix(4, 64)
  const packed = encode(codecByName('int4'), {}, plain)
  const expected = normalisedError(measure(plain, decodeSlice(packed, kernels), packed.length))
  for (const power of [-90, -30, 30, 90]) {
    const scaled = { ...plain, data: plain.data.map((weight) => weight * 2 ** power) }
    const blob = encode(codecByName('int4'), {}, scaled)
    const error = normalisedError(measure(scaled, decodeSlice(blob, kernels), blob.length))
    assert.ok(Math.abs(error - expected) < 0.001, `2^${power}: ${error} instead of ${expected}`)
  }
  const large = { rows: 1, cols: 32, data: new Float32Array(32).fill(1e9) }
  const tooSmall = refusal(() => encode(codecByName('int4'), { scaleExponent: 0 }, large))
  assert.is(tooSmall.code, 'INVALID_ARGUMENT')
  assert.is(tooSmall.fields.argument, 'params.scaleExponent')
})

test('ternary: lossless for native models, otherwise only when forced', () => {
  const codec = codecByName('ternary')
  const trits = gaussianMatrix(9, 47)
  const native = { ...trits, data: trits.data.map((weight) => Math.sign(Math.round(weight * 60)) * 0.0371) }
  for (const packing of ['5in8', '2bit']) {
    const packed = encode(codec, { packing }, native)
    assert.equal(decodeSlice(packed, kernels).data, native.data)
    const digits = packing === '5in8' ? 5 : 4
    assert.is(readSlice(packed).payload.length, 9 * Math.ceil(47 / digits))
  }
  assert.is(codec.needsForce, true)
  assert.is(refusal(() => encode(codec, {}, trits)).code, 'CODEC_NEEDS_FORCE')
  assert.is(refusal(() => codec.fit(codec.parseParams({}), statsOf(trits))).code, 'CODEC_NEEDS_FORCE')
  const other = refusal(() => encode(codec, { scale: 0.05 }, native))
  assert.is(other.code, 'CODEC_NEEDS_FORCE', 'another scale would change the weights')
  const packed = encode(codec, { force: true }, trits)
  const { scale } = readSlice(packed).params
  const stats = statsOf(trits)
  assert.is(scale, Math.fround(stats.sumAbs / stats.weights), 'absmean')
})

test('seedlm: 4 bits a weight exactly, within the error of the exact search', () => {
  const matrix = gaussianMatrix(64, 128, 17)
  const packed = encode(codecByName('seedlm'), {}, matrix)
  const { payload } = readSlice(packed)
  assert.is(payload.length * 8, 4 * matrix.data.length)
  assert.ok(packed.length - payload.length < HEADER_BYTES + 64)
  const four = relativeError(measure(matrix, decodeSlice(packed, kernels), packed.length))
  assert.ok(four <= 0.1234, `relative error is ${four}`)
  const three = gaussianMatrix(32, 144, 17)
  const packedThree = encode(codecByName('seedlm'), { bits: 3 }, three)
  assert.is(readSlice(packedThree).payload.length * 8, 3 * three.data.length)
  const error = relativeError(measure(three, decodeSlice(packedThree, kernels), packedThree.length))
  assert.ok(error < 0.23, `relative error is ${error}`)
})

test('seedlm: rows of very different size keep their relative error', () => {
  const matrix = gaussianMatrix(12, 64, 23)
  for (let row = 0; row < 12; row++)
    for (let col = 0; col < 64; col++)
      matrix.data[row * 64 + col] = matrix.data[row * 64 + col]! * 2 ** -(row % 6)
  const decoded = decodeSlice(encode(codecByName('seedlm'), {}, matrix), kernels)
  for (let row = 0; row < 12; row++) {
    const error = relativeError(measure(rowsOf(matrix, row, row + 1), rowsOf(decoded, row, row + 1), 0))
    assert.ok(error < 0.16, `row ${row}: ${error}`)
  }
})

test('seedlm: a scale that does not fit the weights is refused', () => {
  const matrix = gaussianMatrix(1, 16)
  const error = refusal(() => encode(codecByName('seedlm'), { scale: 1e-9 }, matrix))
  assert.is(error.code, 'INVALID_ARGUMENT')
  assert.is(error.fields.argument, 'params.scale')
})

test.run()
