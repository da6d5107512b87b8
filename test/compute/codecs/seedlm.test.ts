/** SeedLM's encoder: the fast search against the exact one, outliers, and what a calibration helps. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams, EncodeAids, WeightMatrix } from '../../../node/compute/codecs/codec.ts'
import { measure, relativeError } from '../../../node/compute/codecs/encode-stats.ts'
import { codecByName, decodeSlice } from '../../../node/compute/codecs/table.ts'
import { statsOf } from '../../../node/compute/codecs/tensor-stats.ts'
import { joinSlices, readSlice, writeSlice } from '../../../node/compute/codecs/wire.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { VillageError } from '../../../node/errors.ts'
import { correlatedCalibration, outputError } from '../../helpers/calibrations.ts'
import { gaussianMatrix, rowsOf, seededRandom } from '../../helpers/weights.ts'

const kernels = loadKernels()
const seedlm = codecByName('seedlm')

function encode(matrix: WeightMatrix, params: CodecParams = {}, aids: EncodeAids = {}): Uint8Array {
  return seedlm.encode(matrix, seedlm.parseParams(params), kernels, aids)
}

function errorOf(matrix: WeightMatrix, packed: Uint8Array): number {
  return relativeError(measure(matrix, decodeSlice(packed, kernels), packed.length))
}

function isRefused(code: string, what: RegExp, run: () => unknown): void {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof VillageError && error.code === code && what.test(error.message), String(error))
    return
  }
  assert.unreachable('nothing was refused')
}

test('the fast search stays close to the exact one', () => {
  for (const [bits, matrix, most] of [
    [4, gaussianMatrix(32, 512, 7), 1.015],
    [3, gaussianMatrix(32, 384, 8), 1.03],
  ] as const) {
    const fast = errorOf(matrix, encode(matrix, { bits }))
    const exact = errorOf(matrix, encode(matrix, { bits, search: 'exact' }))
    assert.ok(fast <= most * exact, `${bits} bits: ${fast} against ${exact}`)
    assert.ok(fast <= (bits === 4 ? 0.1246 : 0.23), `${bits} bits: ${fast}`)
  }
})

test('how it was searched is not stored', () => {
  const matrix = gaussianMatrix(2, 64)
  assert.equal(Object.keys(readSlice(encode(matrix, { search: 'exact' })).params), ['bits', 'scale'])
  assert.equal(Object.keys(readSlice(encode(matrix, { outliers: 0.01 })).params), [
    'bits',
    'outliers',
    'scale',
  ])
})

test('blobs of the first encoder, which searched otherwise, still decode', () => {
  const three =
    'VlNMQwEEKAACAAAAJQAAACQAAAD/FzdKeyJiaXRzIjozLCJzY2FsZSI6MC4wMDA5MTI1NjQwNDk5NDA1NTYzfY0pQQSL3uDJ6We1fZrLB6q1j9Cgb/wI4eDJm8WyFunrZqZbgQ=='
  const four = 'VlNMQwEEHwABAAAAEAAAAAgAAABjdrAPeyJiaXRzIjo0LCJzY2FsZSI6MC4wMDA5NzY1NjI1fQEAnd6AiGyM'
  const ends = [
    [three, [0.002740392694249749, -0.008270420134067535], [0.02331877127289772, 0.024113278836011887]],
    [four, [0, 0], [0.03125, 0.031250953674316406]],
  ] as const
  for (const [blob, first, last] of ends) {
    const { data } = decodeSlice(Buffer.from(blob, 'base64'), kernels)
    assert.equal([...data.slice(0, 2)], first)
    assert.equal([...data.slice(-2)], last)
  }
})

test('outliers: the largest weights of a row are kept, and counted', () => {
  const matrix = gaussianMatrix(16, 200, 5)
  const random = seededRandom(2)
  const large: [number, number][] = []
  for (let row = 0; row < 16; row++)
    for (let i = 0; i < 2; i++) {
      const col = Math.floor(random() * 100) + i * 100
      matrix.data[row * 200 + col] = (random() < 0.5 ? -1 : 1) * (0.5 + random())
      large.push([row, col])
    }
  const plain = encode(matrix)
  const packed = encode(matrix, { outliers: 0.01 })
  const { data } = decodeSlice(packed, kernels)
  for (const [row, col] of large) {
    const weight = matrix.data[row * 200 + col]!
    assert.ok(Math.abs(data[row * 200 + col]! - weight) <= 2 ** -11 * Math.abs(weight), `row ${row}`)
  }
  assert.ok(errorOf(matrix, packed) < 0.5 * errorOf(matrix, plain))
  const bytes = (blob: Uint8Array) => readSlice(blob).payload.length
  assert.is(bytes(packed) - bytes(plain), 16 * 2 * 4, 'a column and a half each')
})

test('outliers: every row has as many, and what is out of order is refused', () => {
  const matrix = gaussianMatrix(3, 100, 4)
  const slice = readSlice(encode(matrix, { outliers: 0.02 }))
  const rowBytes = slice.payload.length / 3
  const columnsAt = 13 * 2 + 26
  const changed = (change: (payload: Uint8Array) => void): Uint8Array => {
    const payload = slice.payload.slice()
    change(payload)
    return writeSlice({ ...slice, payload })
  }
  assert.is(rowBytes, columnsAt + 2 * 4)
  const decode = (packed: Uint8Array) => () => seedlm.decode(packed, kernels)
  isRefused(
    'CODEC_MALFORMED',
    /order/,
    decode(
      changed((payload) =>
        payload.copyWithin(rowBytes + columnsAt + 2, rowBytes + columnsAt, rowBytes + columnsAt + 2),
      ),
    ),
  )
  isRefused(
    'CODEC_MALFORMED',
    /order/,
    decode(changed((payload) => payload.fill(255, columnsAt + 2, columnsAt + 4))),
  )
  isRefused(
    'CODEC_MALFORMED',
    /finite/,
    decode(changed((payload) => payload.fill(0x7c, rowBytes - 2, rowBytes))),
  )
  isRefused(
    'CODEC_MALFORMED',
    /length/,
    decode(writeSlice({ ...slice, payload: slice.payload.slice(0, -1) })),
  )
  for (const outliers of [0.5, -0.01, '0.01'])
    isRefused('INVALID_ARGUMENT', /outliers/, () => seedlm.parseParams({ outliers }))
  const wire = { ...slice, params: { ...slice.params, outliers: 0 } }
  isRefused('CODEC_MALFORMED', /parameter/, decode(writeSlice(wire)))
})

test('a calibration: column weights lower the weighted error, feedback that of the outputs', () => {
  const cols = 96
  const matrix = gaussianMatrix(48, cols, 6)
  const calibration = correlatedCalibration(cols)
  const { aids, diagonal } = calibration
  const weightedError = (packed: Uint8Array) => {
    const { data } = decodeSlice(packed, kernels)
    return data.reduce((sum, value, i) => sum + diagonal[i % cols]! * (value - matrix.data[i]!) ** 2, 0)
  }
  for (const bits of [4, 3]) {
    const plain = encode(matrix, { bits })
    const weighted = encode(matrix, { bits }, { columnWeights: diagonal })
    assert.ok(weightedError(weighted) < 0.8 * weightedError(plain), `${bits} bits: weighted error`)
    const outputs = (packed: Uint8Array) => outputError(matrix, decodeSlice(packed, kernels), calibration)
    const before = outputs(plain)
    const fedBack = outputs(encode(matrix, { bits }, aids))
    assert.ok(fedBack < 0.6 * before, `${bits} bits: output error ${fedBack} instead of ${before}`)
    const outlying = outputs(encode(matrix, { bits, outliers: 0.02 }, aids))
    assert.ok(outlying < fedBack, `${bits} bits: ${outlying} with outliers`)
  }
})

test('with aids, slices still join to the bytes of the whole', () => {
  const matrix = gaussianMatrix(7, 60, 3)
  const columnWeights = new Float32Array(60).map((_, col) => 0.5 + (col % 3) / 2)
  const feedback = gaussianMatrix(60, 60, 4, 0.05).data
  for (let row = 0; row < 60; row++) feedback.fill(0, row * 60, row * 61 + 1)
  const fitted = seedlm.fit(seedlm.parseParams({ outliers: 0.02 }), statsOf(matrix))
  const whole = seedlm.encode(matrix, fitted, kernels, { columnWeights, feedback })
  const parts = [rowsOf(matrix, 0, 2), rowsOf(matrix, 2, 7)]
  const slices = parts.map((part) => seedlm.encode(part, fitted, kernels, { columnWeights, feedback }))
  assert.equal(joinSlices(slices), whole)
})

test('aids of another weight are refused', () => {
  const matrix = gaussianMatrix(2, 40)
  const refused = (aids: EncodeAids) =>
    isRefused('INVALID_ARGUMENT', /calibration/, () => encode(matrix, {}, aids))
  refused({ columnWeights: new Float32Array(39).fill(1) })
  refused({ feedback: new Float32Array(40) })
})

test.run()
