import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams, WeightMatrix } from '../../../node/compute/codecs/codec.ts'
import { bitsPerWeight, measure, normalisedError } from '../../../node/compute/codecs/encode-stats.ts'
import { trellis } from '../../../node/compute/codecs/trellis.ts'
import { readSlice, writeSlice } from '../../../node/compute/codecs/wire.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { scaleOfCode, type TrellisBits, trellisValues } from '../../../node/compute/reference/trellis.ts'
import { VillageError } from '../../../node/errors.ts'
import { allKernels, gaussianMatrix, rowsOf, seededRandom } from '../../helpers/weights.ts'

const kernels = loadKernels()
const BITS: TrellisBits[] = [2, 3, 4]

function encode(matrix: WeightMatrix, params: CodecParams = {}): Uint8Array {
  return trellis.encode(matrix, trellis.parseParams(params), kernels)
}

function figures(matrix: WeightMatrix, params: CodecParams): { error: number; bits: number } {
  const packed = encode(matrix, params)
  const stats = measure(matrix, trellis.decode(packed, kernels), packed.length)
  return { error: normalisedError(stats), bits: bitsPerWeight(stats) }
}

function code(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof VillageError) return error.code
    throw error
  }
  return 'nothing was refused'
}

test('Gaussian weights: close to the rate-distortion limit at every number of bits', () => {
  const matrix = gaussianMatrix(64, 2048, 5)
  const limits = { 4: 2 ** -8, 3: 2 ** -6, 2: 2 ** -4 }
  const bars = { 4: 0.0047, 3: 0.0182, 2: 0.0715 }
  for (const bits of BITS) {
    const { error, bits: spent } = figures(matrix, { bits })
    assert.ok(spent < bits + 0.07, `${spent} bits`)
    assert.ok(error < bars[bits], `${bits} bits: ${error}`)
    assert.ok(error > limits[bits] * 0.98, 'nothing beats the limit: an error that is measured wrongly would')
  }
})

test('heavy tails and outliers cost little more than Gaussian weights', () => {
  const random = seededRandom(8)
  const laplace = gaussianMatrix(16, 1024)
  laplace.data.forEach((_, i) => {
    laplace.data[i] = (random() < 0.5 ? -1 : 1) * Math.log(1 - random())
  })
  const spiked = gaussianMatrix(16, 1024, 9)
  for (let i = 7; i < spiked.data.length; i += 500) spiked.data[i] = 0.3
  for (const [bits, bar] of [
    [4, 0.0053],
    [3, 0.02],
    [2, 0.078],
  ] as const) {
    assert.ok(figures(laplace, { bits }).error < bar, `Laplace at ${bits}`)
    assert.ok(figures(spiked, { bits }).error < bar, `outliers at ${bits}`)
  }
})

test('every state has its own value, and choices at a history lie evenly', () => {
  for (const bits of BITS) {
    const values = trellisValues(bits)
    assert.is(values.length, 4096)
    assert.is(new Set(values).size, 4096)
    const choices = 2 ** bits
    const ranks = new Map([...values].sort((a, b) => a - b).map((value, rank) => [value, rank]))
    const range = (state: number) => Math.floor((ranks.get(values[state]!)! * choices) / 4096)
    for (const history of [0, 1, 77, 4096 / choices - 1]) {
      const following = Array.from({ length: choices }, (_, newest) => history * choices + newest)
      assert.is(new Set(following.map(range)).size, choices, `${bits} bits, history ${history}`)
    }
  }
})

test('scales: 0, then eighths of an octave up to 1', () => {
  assert.is(scaleOfCode(0), 0)
  assert.is(scaleOfCode(255), 1)
  assert.is(scaleOfCode(247), 0.5)
  for (let each = 2; each < 256; each++)
    assert.ok(Math.abs(Math.log2(scaleOfCode(each) / scaleOfCode(each - 1)) - 1 / 8) < 1e-6)
})

/** The decoder as docs/compression.md describes it, one bit at a time. */
function decodeByTheBook(packed: Uint8Array): number[] {
  const { rows, cols, params, payload } = readSlice(packed)
  const [bits, blockSize, scaleExponent] = [params.bits, params.blockSize, params.scaleExponent] as number[]
  const [k, e] = [bits!, scaleExponent!]
  const [multiplier, slope] = { 2: [557, 1.25], 3: [825, 1.3], 4: [863, 1.35] }[k]!
  const blocks = Math.ceil(cols / blockSize!)
  const rowBytes = blocks + Math.ceil((cols * k) / 8)
  return Array.from({ length: rows * cols }, (_, index) => {
    const [row, col] = [Math.floor(index / cols), index % cols]
    const bytes = payload.subarray(row * rowBytes, (row + 1) * rowBytes)
    const text = [...bytes.subarray(blocks)].map((byte) => byte.toString(2).padStart(8, '0')).join('')
    const before = `1${'0'.repeat(11 - k)}`
    const window = (before + text.slice(0, (col + 1) * k)).slice(-12)
    const history = Number.parseInt(window.slice(0, 12 - k), 2)
    const newest = Number.parseInt(window.slice(12 - k), 2)
    const rank = (newest * 2 ** (12 - k) + history * multiplier!) % 4096
    const x = (2 * rank + 1) / 4096 - 1
    const scaleCode = bytes[Math.floor(col / blockSize!)]!
    const scale = scaleCode === 0 ? 0 : 2 ** (e + (scaleCode - 255) / 8)
    return ((slope! * x) / (1 - x * x) ** (1 / 4)) * scale
  })
}

test('the wire form is what its description says', () => {
  for (const bits of BITS) {
    const packed = encode(gaussianMatrix(2, 75, bits), { bits, blockSize: 32 })
    const decoded = trellis.decode(packed, kernels).data
    decodeByTheBook(packed).forEach((value, i) => {
      assert.ok(Math.abs(value - decoded[i]!) <= 1e-6 * Math.abs(value), `${bits} bits, weight ${i}`)
    })
  }
})

test('every level gives the bytes of the reference, with and without aids', () => {
  const all = allKernels()
  const shapes = fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 41, max: 150 })),
    fc.constantFrom(...BITS),
    fc.constantFrom(32, 128),
    fc.nat(),
  )
  fc.assert(
    fc.property(shapes, ([rows, cols, bits, blockSize, seed]) => {
      const matrix = gaussianMatrix(rows, cols, seed)
      const random = seededRandom(seed)
      if (random() < 0.3) matrix.data[matrix.data.length >> 1] = 1000
      if (random() < 0.3) matrix.data.fill(0, 0, cols >> 1)
      const columnWeights = Float32Array.from({ length: cols }, () => 0.05 + random())
      const feedback = gaussianMatrix(cols, cols, seed + 1, 0.1).data
      for (let row = 0; row < cols; row++) feedback.fill(0, row * cols, row * cols + row + 1)
      for (const aids of [{}, { columnWeights }, { columnWeights, feedback }]) {
        const params = trellis.parseParams({ bits, blockSize })
        const [oracle, ...others] = all.map((each) => trellis.encode(matrix, params, each, aids))
        const decoded = trellis.decode(oracle!, all[0]!).data
        for (const [i, packed] of others.entries()) {
          assert.equal(packed, oracle!, `${all[i + 1]!.simd} encodes`)
          assert.equal(trellis.decode(packed, all[i + 1]!).data, decoded, `${all[i + 1]!.simd} decodes`)
        }
      }
    }),
    { seed: 3, numRuns: 20 },
  )
})

test('rows longer than one search: every level agrees, and borders leave no mark', () => {
  const matrix = gaussianMatrix(1, 1100, 12)
  const packed = allKernels().map((each) => trellis.encode(matrix, trellis.parseParams({ bits: 2 }), each))
  for (const other of packed.slice(1)) assert.equal(other, packed[0]!)
  const many = gaussianMatrix(64, 1100, 13)
  const { data } = trellis.decode(encode(many), kernels)
  const errorOf = (from: number, to: number) => {
    let sum = 0
    for (let row = 0; row < 64; row++)
      for (let col = from; col < to; col++)
        sum += (many.data[row * 1100 + col]! - data[row * 1100 + col]!) ** 2 / (64 * (to - from))
    return sum
  }
  assert.ok(errorOf(436, 460) < 1.2 * errorOf(500, 890), 'the first search ends at column 448')
})

test('magnitudes: rows a million times smaller than others keep their relative error', () => {
  const matrix = gaussianMatrix(5, 256, 51)
  for (let row = 0; row < 5; row++)
    for (let col = 0; col < 256; col++) matrix.data[row * 256 + col]! *= 2 ** (-5 * row)
  const decoded = trellis.decode(encode(matrix), kernels)
  for (let row = 0; row < 5; row++) {
    const error = normalisedError(measure(rowsOf(matrix, row, row + 1), rowsOf(decoded, row, row + 1), 0))
    assert.ok(error < 0.006, `row ${row}: ${error}`)
  }
  const large = { rows: 1, cols: 2, data: Float32Array.of(3e38, 1) }
  assert.is(
    code(() => encode(large)),
    'INVALID_ARGUMENT',
  )
  assert.is(
    code(() => encode(gaussianMatrix(1, 8), { scaleExponent: -100 })),
    'INVALID_ARGUMENT',
  )
})

test('there is one encoding: padding must be zero, lengths and parameters exact', () => {
  const packed = encode(gaussianMatrix(2, 37, 61))
  const slice = readSlice(packed)
  assert.is(slice.payload.length, 2 * (1 + 19))
  const padded = slice.payload.slice()
  padded[19]! |= 1
  const decode = (changed: Partial<typeof slice>) => () =>
    trellis.decode(writeSlice({ ...slice, ...changed }), kernels)
  assert.is(code(decode({ payload: padded })), 'CODEC_MALFORMED')
  assert.is(code(decode({ payload: slice.payload.subarray(1) })), 'CODEC_MALFORMED')
  for (const params of [
    { ...slice.params, bits: 5 },
    { ...slice.params, scaleExponent: 121 },
    { bits: 4, blockSize: 128 },
    { ...slice.params, extra: 1 },
  ])
    assert.is(code(decode({ params })), 'CODEC_MALFORMED')
  const extreme = { payload: slice.payload.fill(255).map((byte, i) => (i % 20 === 19 ? byte & 240 : byte)) }
  const { data } = trellis.decode(
    writeSlice({ ...slice, ...extreme, params: { ...slice.params, scaleExponent: 120 } }),
    kernels,
  )
  assert.ok(data.every(Number.isFinite), 'the largest scale and value are finite')
})

test.run()
