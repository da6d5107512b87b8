import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams, EncodeAids, WeightMatrix } from '../../../node/compute/codecs/codec.ts'
import { trellis } from '../../../node/compute/codecs/trellis.ts'
import { readSlice } from '../../../node/compute/codecs/wire.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { factorMoments } from '../../../node/compute/reference/moments.ts'
import type { TrellisBits } from '../../../node/compute/reference/trellis.ts'
import { VillageError } from '../../../node/errors.ts'
import { allKernels, gaussianMatrix, rowsOf } from '../../helpers/weights.ts'

const kernels = loadKernels()
const BITS: TrellisBits[] = [2, 3, 4]

function encode(matrix: WeightMatrix, params: CodecParams = {}, aids: EncodeAids = {}): Uint8Array {
  return trellis.encode(matrix, trellis.parseParams(params), kernels, aids)
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

test('column weights move the error to where it counts less', () => {
  const matrix = gaussianMatrix(32, 256, 21)
  const columnWeights = Float32Array.from({ length: 256 }, (_, col) => (col % 2 === 0 ? 1.9 : 0.1))
  const weightedError = (packed: Uint8Array) => {
    const { data } = trellis.decode(packed, kernels)
    return data.reduce((sum, value, i) => sum + columnWeights[i % 256]! * (matrix.data[i]! - value) ** 2, 0)
  }
  for (const bits of BITS)
    assert.ok(
      weightedError(encode(matrix, { bits }, { columnWeights })) <
        0.85 * weightedError(encode(matrix, { bits })),
    )
})

/** Second moments of inputs in which neighbours, and a few common directions, go together. */
function correlatedMoments(cols: number): Float64Array {
  const samples = 4 * cols
  const common = gaussianMatrix(4, cols, 31, 1).data
  const noise = gaussianMatrix(samples, cols, 32, 1).data
  const factors = gaussianMatrix(samples, 4, 33, 1).data
  const moments = new Float64Array(cols * cols)
  for (let sample = 0; sample < samples; sample++) {
    const x = new Float64Array(cols)
    for (let col = 0; col < cols; col++) {
      x[col] = 0.7 * (x[col - 1] ?? 0) + noise[sample * cols + col]!
      for (let k = 0; k < 4; k++) x[col]! += factors[sample * 4 + k]! * common[k * cols + col]!
    }
    for (let i = 0; i < cols; i++)
      for (let j = 0; j < cols; j++) moments[i * cols + j]! += (x[i]! * x[j]!) / samples
  }
  return moments
}

test('error feedback lowers the error of the outputs', () => {
  const cols = 96
  const matrix = gaussianMatrix(24, cols, 34)
  const moments = correlatedMoments(cols)
  const factored = factorMoments(moments.slice(), cols)
  assert.ok(factored !== null)
  const { feedback, conditional } = factored
  const mean = conditional.reduce((sum, value) => sum + value, 0) / cols
  const columnWeights = Float32Array.from(conditional, (value) => value / mean)
  const outputError = (packed: Uint8Array) => {
    const { data } = trellis.decode(packed, kernels)
    let sum = 0
    for (let row = 0; row < 24; row++)
      for (let i = 0; i < cols; i++)
        for (let j = 0; j < cols; j++) {
          const at = row * cols
          const left = matrix.data[at + i]! - data[at + i]!
          sum += left * moments[i * cols + j]! * (matrix.data[at + j]! - data[at + j]!)
        }
    return sum
  }
  for (const bits of BITS) {
    const plain = outputError(encode(matrix, { bits }))
    const fed = outputError(encode(matrix, { bits }, { columnWeights, feedback }))
    assert.ok(fed < 0.6 * plain, `${bits} bits: ${fed} instead of ${plain}`)
  }
  const whole = encode(matrix, { scaleExponent: 0 }, { columnWeights, feedback })
  const row = encode(rowsOf(matrix, 17, 18), { scaleExponent: 0 }, { columnWeights, feedback })
  const bytes = readSlice(row).payload.length
  assert.equal(
    readSlice(whole).payload.slice(17 * bytes, 18 * bytes),
    readSlice(row).payload,
    'rows stay independent',
  )
})

test('feedback and weights that are not of these weights do no harm', () => {
  const matrix = gaussianMatrix(2, 80, 41)
  const feedback = new Float32Array(80 * 80).fill(1e30)
  const packed = allKernels().map((each) =>
    trellis.encode(matrix, trellis.parseParams({}), each, { feedback }),
  )
  for (const other of packed) assert.equal(other, packed[0]!)
  assert.ok(trellis.decode(packed[0]!, kernels).data.every(Number.isFinite))
  assert.is(
    code(() => encode(matrix, {}, { feedback: new Float32Array(79 * 79) })),
    'INVALID_ARGUMENT',
  )
  assert.is(
    code(() => encode(matrix, {}, { columnWeights: new Float32Array(79) })),
    'INVALID_ARGUMENT',
  )
  for (const wrong of [Number.NaN, -1, Infinity])
    assert.is(
      code(() => encode(matrix, {}, { columnWeights: new Float32Array(80).fill(wrong) })),
      'INVALID_ARGUMENT',
    )
})

test.run()
