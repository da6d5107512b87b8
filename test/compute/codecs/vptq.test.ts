/** What is peculiar to vptq: its codebooks, their training, outlier columns, error feedback, and hostile forms of them. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams, WeightMatrix } from '../../../node/compute/codecs/codec.ts'
import { measure, normalisedError } from '../../../node/compute/codecs/encode-stats.ts'
import { vptq } from '../../../node/compute/codecs/vptq.ts'
import {
  codebookBytes,
  codebookHash,
  readCodebook,
  writeCodebook,
} from '../../../node/compute/codecs/vptq-codebook.ts'
import { VPTQ_LAYOUTS, vptqLayout } from '../../../node/compute/codecs/vptq-layouts.ts'
import {
  chooseOutliers,
  outliersFromText,
  outliersToText,
} from '../../../node/compute/codecs/vptq-outliers.ts'
import { trainCodebook } from '../../../node/compute/codecs/vptq-training.ts'
import { readSlice, writeSlice } from '../../../node/compute/codecs/wire.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { codebookOf } from '../../helpers/codebooks.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import { allKernels, gaussianMatrix } from '../../helpers/weights.ts'

const kernels = loadKernels()

function lossOf(matrix: WeightMatrix, params: CodecParams, codebook: Uint8Array): number {
  const packed = vptq.encode(matrix, vptq.parseParams(params), kernels, { codebook })
  return normalisedError(measure(matrix, vptq.decode(packed, kernels, codebook), packed.length))
}

/** Second moments of correlated inputs, and the error feedback that belongs to them (U of H⁻¹ = UᵀU, row by row over U_jj). */
function correlated(cols: number, strength: number): { moments: Float64Array; feedback: Float32Array } {
  const moments = Float64Array.from({ length: cols * cols }, (_, i) => {
    const apart = Math.abs(Math.floor(i / cols) - (i % cols))
    return strength ** apart
  })
  // Of an autoregressive process of first order the inverse is tridiagonal, and so U has one diagonal beside its own:
  // a column's error is best made good by the next column alone, but for the last, which has no next.
  const feedback = new Float32Array(cols * cols)
  for (let j = 0; j + 1 < cols; j++) feedback[j * cols + j + 1] = -strength
  return { moments, feedback }
}

/** tr(E H Eᵀ): what the errors do to the outputs. */
function outputError(matrix: WeightMatrix, decoded: WeightMatrix, moments: Float64Array): number {
  const { rows, cols } = matrix
  let sum = 0
  for (let row = 0; row < rows; row++)
    for (let j = 0; j < cols; j++)
      for (let k = 0; k < cols; k++) {
        const e = (at: number) => matrix.data[row * cols + at]! - decoded.data[row * cols + at]!
        sum += e(j) * moments[j * cols + k]! * e(k)
      }
  return sum
}

test('more bits, and larger codebooks, leave less of Gaussian weights', async () => {
  const matrix = gaussianMatrix(240, 120, 31)
  const losses = new Map<string, number>()
  // Thousands of entries take minutes to train without native kernels.
  const layouts = VPTQ_LAYOUTS.filter(({ name }) => kernels.native || name === 'small')
  for (const layout of layouts) {
    const count = kernels.native ? 2 ** 15 : 2 ** 13
    const points = gaussianMatrix(count, layout.vector, 8, 1).data
    const sample = { points, weights: new Float32Array(count).fill(1) }
    const { codebook, distortion } = await trainCodebook(kernels, sample, layout, 2)
    const loss = lossOf(matrix, { bits: layout.bits, layout: layout.name }, writeCodebook(codebook))
    losses.set(`${layout.name}${layout.bits}`, loss)
    assert.ok(distortion < loss * 1.05, 'the sample is fitted better than what was not seen')
  }
  const loss = (name: string) => losses.get(name)!
  // Of the best scalar quantiser (Lloyd and Max): 0.1175, 0.0345, 0.0095.
  assert.ok(loss('small2') < 0.102 && loss('small3') < 0.0305 && loss('small4') < 0.009, `${[...losses]}`)
  if (!kernels.native) return
  assert.ok(loss('large2') < 0.108 && loss('large3') < 0.0305 && loss('large4') < 0.0085, `${[...losses]}`)
  assert.ok(loss('residual3') < 0.04 && loss('residual4') < 0.0125, `${[...losses]}`)
})

test('training gives the same bytes with all kernels, and others with another seed', async () => {
  const layout = vptqLayout(2, 'small')!
  const { data: points } = gaussianMatrix(1500, layout.vector, 3, 1)
  const weights = gaussianMatrix(1, 1500, 4, 1).data.map((value) => value * value + 0.01)
  const bytesOf = async (each: typeof kernels, seed: number) =>
    writeCodebook((await trainCodebook(each, { points, weights }, layout, seed)).codebook)
  const expected = await bytesOf(kernels, 1)
  for (const each of allKernels()) assert.equal(await bytesOf(each, 1), expected, each.simd)
  assert.not.equal(await bytesOf(kernels, 2), expected)
})

test('heavier vectors are met better', async () => {
  const layout = vptqLayout(4, 'small')!
  const { data: points } = gaussianMatrix(4000, 2, 6, 1)
  const isHeavy = (i: number) => points[2 * i]! > 0
  const errorOfHeavy = async (weight: number) => {
    const weights = Float32Array.from({ length: 4000 }, (_, i) => (isHeavy(i) ? weight : 1))
    const { codebook } = await trainCodebook(kernels, { points, weights }, layout, 1)
    const nearest = kernels.vptqNearest(points, 2, codebook.entries)
    let sum = 0
    for (let i = 0; i < 4000; i++)
      if (isHeavy(i))
        for (let d = 0; d < 2; d++) sum += (points[2 * i + d]! - codebook.entries[nearest[i]! * 2 + d]!) ** 2
    return sum
  }
  assert.ok((await errorOfHeavy(20)) < 0.8 * (await errorOfHeavy(1)))
})

test('few or equal vectors make a codebook too, none do not', async () => {
  const layout = vptqLayout(2, 'small')!
  const points = new Float32Array(12).fill(0.5)
  const { codebook, distortion } = await trainCodebook(
    kernels,
    { points, weights: Float32Array.of(1, 2, 3) },
    layout,
    1,
  )
  assert.is(distortion, 0)
  assert.equal(readCodebook(writeCodebook(codebook)), codebook)
  const none = { points: new Float32Array(0), weights: new Float32Array(0) }
  await rejectsCode(trainCodebook(kernels, none, layout, 1), 'INVALID_ARGUMENT')
})

test('training hears its signal', async () => {
  const layout = vptqLayout(2, 'small')!
  const sample = { points: gaussianMatrix(500, 4, 1, 1).data, weights: new Float32Array(500).fill(1) }
  try {
    await trainCodebook(kernels, sample, layout, 1, AbortSignal.abort(new Error('enough')))
  } catch (error) {
    assert.match((error as Error).message, /enough/)
    return
  }
  assert.unreachable('it went on')
})

test('codebooks come back from their bytes, and hostile ones are refused', () => {
  for (const layout of VPTQ_LAYOUTS) {
    const bytes = codebookOf({ bits: layout.bits, layout: layout.name })
    assert.is(bytes.length, codebookBytes(layout))
    const parsed = readCodebook(bytes)
    assert.is(parsed.layout, layout)
    assert.equal(writeCodebook(parsed), bytes)
    const changed = (at: number, ...values: number[]) => {
      const copy = bytes.slice()
      copy.set(values, at)
      return copy
    }
    for (const hostile of [
      changed(0, 0x57),
      changed(4, 2),
      changed(5, 5),
      changed(6, 13),
      changed(7, 3),
      changed(8, 0, 0x7c), // infinity
      changed(bytes.length - 2, 1, 0x7e), // not a number
      changed(8, 1, 0x54), // just over 64
      bytes.subarray(0, bytes.length - 1),
      bytes.subarray(0, 7),
      new Uint8Array(0),
    ])
      throwsCode(() => readCodebook(hostile), 'CODEC_MALFORMED')
  }
})

test('a codebook that is missing, another or of another layout is refused, both ways', () => {
  const matrix = gaussianMatrix(8, 30)
  const params = { bits: 2, layout: 'small' }
  const codebook = codebookOf(params)
  const packed = vptq.encode(matrix, params, kernels, { codebook })
  assert.is(readSlice(packed).params.codebook, codebookHash(codebook))
  const other = codebook.slice()
  other[8] = other[8]! ^ 1
  const wide = codebookOf({ bits: 2 })
  for (const wrong of [undefined, other, wide, new Uint8Array(9)]) {
    throwsCode(() => vptq.decode(packed, kernels, wrong), 'CODEC_MALFORMED')
    throwsCode(() => vptq.runtimeForm(packed, kernels, wrong), 'CODEC_MALFORMED')
  }
  const named = { ...params, codebook: codebookHash(codebook) }
  assert.equal(vptq.encode(matrix, named, kernels, { codebook }), packed)
  throwsCode(() => vptq.encode(matrix, params, kernels), 'INVALID_ARGUMENT')
  throwsCode(() => vptq.encode(matrix, named, kernels, { codebook: other }), 'INVALID_ARGUMENT')
  throwsCode(() => vptq.encode(matrix, params, kernels, { codebook: wide }), 'INVALID_ARGUMENT')
  throwsCode(() => vptq.encode(matrix, params, kernels, { codebook: new Uint8Array(9) }), 'CODEC_MALFORMED')
})

test('weights that no scale can hold are refused', () => {
  const matrix = { rows: 1, cols: 2, data: Float32Array.of(1, 3e38) }
  const params = { bits: 2, layout: 'small' }
  throwsCode(() => vptq.encode(matrix, params, kernels, { codebook: codebookOf(params) }), 'INVALID_ARGUMENT')
})

test('scales out of range are refused, all others decode to finite values', () => {
  const params = { bits: 2, layout: 'small' }
  const codebook = codebookOf(params)
  const slice = readSlice(vptq.encode(gaussianMatrix(4, 16), params, kernels, { codebook }))
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff }), (code) => {
      const payload = slice.payload.slice()
      payload[2] = code & 255
      payload[3] = code >>> 8
      const blob = writeSlice({ ...slice, payload })
      if (code !== 0 && (code < 7 << 8 || code > 247 << 8))
        throwsCode(() => vptq.decode(blob, kernels, codebook), 'CODEC_MALFORMED')
      else assert.ok(vptq.decode(blob, kernels, codebook).data.every(Number.isFinite))
    }),
    { seed: 1, numRuns: 400 },
  )
})

test('outlier columns: as a text and back, and no other text', () => {
  const columns = fc.uniqueArray(fc.integer({ min: 0, max: 99_999 }), { minLength: 1, maxLength: 128 })
  fc.assert(
    fc.property(columns, (chosen) => {
      const outliers = Uint32Array.from(chosen).sort()
      const text = outliersToText(outliers)
      assert.equal(outliersFromText(text, 100_000), outliers)
      assert.ok(text.length <= 700)
      throwsCode(() => outliersFromText(text, outliers.at(-1)!), 'CODEC_MALFORMED')
    }),
    { seed: 2, numRuns: 200 },
  )
  for (const text of ['gA==', 'gICAgICAgAA=', 'AA', 'gAA=', 'AA==x', Buffer.alloc(129).toString('base64')])
    throwsCode(() => outliersFromText(text, 1e6), 'CODEC_MALFORMED')
  throwsCode(() => outliersFromText('AA==', 1), 'CODEC_MALFORMED')
})

test('outlier columns are those that count many times the mean, and are kept nearly whole', () => {
  const weights = new Float32Array(200).fill(0.5)
  weights[150] = 60
  weights[7] = 40
  weights[9] = 6
  assert.equal([...chooseOutliers(weights, 0.05)], [7, 150])
  assert.equal([...chooseOutliers(weights, 0.005)], [150])
  assert.equal([...chooseOutliers(weights, 0)], [])
  assert.equal([...chooseOutliers(undefined, 0.1)], [])
  const matrix = gaussianMatrix(12, 200, 9)
  const params = { bits: 2, layout: 'small' }
  const codebook = codebookOf(params)
  const packed = vptq.encode(matrix, params, kernels, { codebook, columnWeights: weights })
  const decoded = vptq.decode(packed, kernels, codebook)
  for (const col of [7, 150])
    for (let row = 0; row < 12; row++) {
      const at = row * 200 + col
      assert.ok(Math.abs(matrix.data[at]! - decoded.data[at]!) < 0.001, 'a weight has a deviation of 0.02')
    }
  // The columns are known once and given again, as when a row is checked.
  const { params: fitted } = readSlice(packed)
  assert.equal(vptq.encode(matrix, fitted, kernels, { codebook }).length, packed.length)
})

test('error feedback lowers what correlated inputs make of the errors', () => {
  const cols = 96
  const matrix = gaussianMatrix(48, cols, 12)
  const { moments, feedback } = correlated(cols, 0.8)
  for (const params of [{ layout: 'small' }, { bits: 3, layout: 'small' }]) {
    const codebook = codebookOf(params)
    const error = (aids: { feedback?: Float32Array }) => {
      const packed = vptq.encode(matrix, params, kernels, { codebook, ...aids })
      return outputError(matrix, vptq.decode(packed, kernels, codebook), moments)
    }
    const ratio = error({ feedback }) / error({})
    assert.ok(ratio < 0.55, `${JSON.stringify(params)}: ${ratio}`)
  }
})

test('with aids, slices of whole groups still join to the whole', () => {
  const cols = 70
  const matrix = gaussianMatrix(90, cols, 12)
  const { feedback } = correlated(cols, 0.6)
  const columnWeights = new Float32Array(cols).fill(0.8)
  columnWeights[3] = 14.8
  const params = { bits: 4, layout: 'small', outlierShare: 0.1 }
  const aids = { codebook: codebookOf(params), feedback, columnWeights }
  const whole = readSlice(vptq.encode(matrix, params, kernels, aids)).payload
  const step = 6 * vptq.rowGroup(params)
  for (let row = 0; row < 90; row += step) {
    const rows = Math.min(step, 90 - row)
    const part = { rows, cols, data: matrix.data.subarray(row * cols, (row + rows) * cols) }
    const { payload } = readSlice(vptq.encode(part, params, kernels, aids))
    const at = (row / 90) * whole.length
    assert.equal(payload, whole.subarray(at, at + payload.length))
  }
})

test.run()
