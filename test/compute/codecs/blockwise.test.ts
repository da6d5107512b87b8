/** int8, int4 and planes with what helps an encoder: column weights, error feedback, half-quadratic scales. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { CodecParams, EncodeAids, WeightMatrix } from '../../../node/compute/codecs/codec.ts'
import { measure, normalisedError } from '../../../node/compute/codecs/encode-stats.ts'
import { codecByName } from '../../../node/compute/codecs/table.ts'
import { statsOf } from '../../../node/compute/codecs/tensor-stats.ts'
import { mergePlanes, planesRowBytes, splitPlanes } from '../../../node/compute/codecs/trit-planes.ts'
import { joinSlices, readSlice, writeSlice } from '../../../node/compute/codecs/wire.ts'
import type { BlockwiseAids, BlockwiseShape } from '../../../node/compute/kernels/blockwise.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { VillageError } from '../../../node/errors.ts'
import { correlatedCalibration, outputError } from '../../helpers/calibrations.ts'
import { allKernels, gaussianMatrix, rowsOf, seededRandom } from '../../helpers/weights.ts'

const kernels = loadKernels()
const [reference, ...others] = allKernels()
const calibration = correlatedCalibration(160)
const { feedback, columnWeights } = calibration.aids
const weights = gaussianMatrix(24, 160, 5)

function coded(name: string, params: CodecParams, matrix: WeightMatrix, aids: EncodeAids = {}): WeightMatrix {
  const codec = codecByName(name)
  return codec.decode(codec.encode(matrix, codec.parseParams(params), kernels, aids), kernels)
}

function invalid(run: () => unknown, argument: string): void {
  assert.throws(run, (error: unknown) => {
    assert.instance(error, VillageError)
    assert.is((error as VillageError).code, 'INVALID_ARGUMENT')
    assert.is((error as VillageError).fields.argument, argument)
    return true
  })
}

const CALIBRATED: [string, CodecParams][] = [
  ['int4', {}],
  ['int4', { blockSize: 128 }],
  ['int4', { blockSize: 64, zeroPoints: true }],
  ['int8', {}],
  ['planes', {}],
]

for (const [name, params] of CALIBRATED)
  test(`${name} ${JSON.stringify(params)}: calibration lowers the error of the outputs`, () => {
    const error = (aids: EncodeAids) => outputError(weights, coded(name, params, weights, aids), calibration)
    const plain = error({})
    const diagonal = error({ columnWeights: calibration.diagonal })
    const full = error({ feedback, columnWeights })
    assert.ok(diagonal < plain, `weights of columns: ${diagonal} instead of ${plain}`)
    assert.ok(full < 0.5 * plain, `feedback: ${full} instead of ${plain}`)
    assert.ok(full < diagonal)
  })

test('with feedback, the scale of a block is the one that leaves the outputs the least error', () => {
  // Half-quadratic scales are taken as they come, least squares are tried with the feedback in view.
  const error = (scales: string) => {
    const decoded = coded('int4', { blockSize: 128, scales }, weights, { feedback, columnWeights })
    return outputError(weights, decoded, calibration)
  }
  assert.ok(error('mse') < 0.97 * error('hqq'), `${error('mse')} and ${error('hqq')}`)
})

test('with aids, too, slices join to the bytes of the whole', () => {
  for (const name of ['int4', 'int8', 'planes']) {
    const codec = codecByName(name)
    const fitted = codec.fit(codec.parseParams({}), statsOf(weights))
    for (const aids of [{ columnWeights }, { feedback }, { feedback, columnWeights }]) {
      const whole = codec.encode(weights, fitted, kernels, aids)
      const cuts = [0, 1, 6, 24]
      const slices = cuts
        .slice(1)
        .map((to, i) => codec.encode(rowsOf(weights, cuts[i]!, to), fitted, kernels, aids))
      assert.equal(joinSlices(slices), whole)
    }
  }
})

test('equal column weights change nothing', () => {
  const ones = new Float32Array(160).fill(1)
  for (const name of ['int4', 'int8', 'planes'])
    assert.equal(coded(name, {}, weights, { columnWeights: ones }), coded(name, {}, weights))
})

test('a column that counts more is kept better', () => {
  const favoured = new Float32Array(160).fill(0.5)
  favoured[3] = 80
  const error = (aids: EncodeAids) => {
    const decoded = coded('int4', {}, weights, aids)
    let sum = 0
    for (let row = 0; row < 24; row++)
      sum += (weights.data[row * 160 + 3]! - decoded.data[row * 160 + 3]!) ** 2
    return sum
  }
  assert.ok(error({ columnWeights: favoured }) < 0.3 * error({}))
})

test('half-quadratic scales lower the sum of |error|^(3/4), least squares the sum of squares', () => {
  // One outlier a block: the first gives it up to keep the others.
  const outliers = gaussianMatrix(16, 128, 3)
  for (let i = 7; i < outliers.data.length; i += 32) outliers.data[i] = 0.3
  for (const [name, params] of [
    ['int4', {}],
    ['int4', { zeroPoints: true }],
  ] as const) {
    const cost = (scales: string, power: number) => {
      const decoded = coded(name, { ...params, scales }, outliers)
      return outliers.data.reduce((sum, weight, i) => sum + Math.abs(weight - decoded.data[i]!) ** power, 0)
    }
    assert.ok(cost('hqq', 0.75) < cost('mse', 0.75), `${cost('hqq', 0.75)} and ${cost('mse', 0.75)}`)
    assert.ok(cost('mse', 2) < cost('hqq', 2), `${cost('mse', 2)} and ${cost('hqq', 2)}`)
  }
  const packed = codecByName('int4').encode(outliers, { scales: 'hqq' }, kernels)
  assert.is(readSlice(packed).params.scales, undefined, 'decoders need not know')
})

test('aids of another weight are refused', () => {
  const codec = codecByName('int4')
  const run = (aids: EncodeAids) => () => codec.encode(weights, {}, kernels, aids)
  invalid(run({ columnWeights: new Float32Array(159) }), 'aids.columnWeights')
  invalid(run({ feedback: new Float32Array(160) }), 'aids.feedback')
  const large = { rows: 1, cols: 2, data: Float32Array.of(1e7, 1) }
  const aids = { feedback: new Float32Array(4) }
  invalid(
    () => codec.encode(large, codec.parseParams({ scaleExponent: 0, scaleType: 'fp32' }), kernels, aids),
    'params.scaleExponent',
  )
})

test('feedback that explodes still gives finite weights', () => {
  const wild = new Float32Array(160 * 160)
  for (let j = 0; j < 160; j++) for (let k = j + 1; k < 160; k++) wild[j * 160 + k] = 1e30
  for (const name of ['int4', 'int8', 'planes'])
    assert.ok(coded(name, {}, weights, { feedback: wild }).data.every(Number.isFinite))
})

test('trit planes: every code has one pair of trits, and a bad byte is refused', () => {
  for (const cols of [1, 2, 4, 5, 6, 9, 10, 11, 64]) {
    const row = { scaleBytes: 2, cols }
    const bytes = 2 + Math.ceil(cols / 2)
    const nibbles = new Uint8Array(3 * bytes)
    for (let r = 0; r < 3; r++)
      for (let col = 0; col < cols; col++)
        nibbles[r * bytes + 2 + (col >> 1)]! |= (4 + ((col * 7 + r * 5) % 9)) << ((col & 1) * 4)
    const planes = splitPlanes(nibbles, 3, row)
    assert.is(planes.length, 3 * planesRowBytes(row))
    const back = mergePlanes(planes, 3, row)!
    for (let i = 0; i < nibbles.length; i++) {
      const half = cols % 2 === 1 && i % bytes === bytes - 1
      assert.is(back[i]! & (half ? 15 : 255), nibbles[i]!)
    }
    const broken = planes.slice()
    broken[2] = 243
    assert.is(mergePlanes(broken, 3, row), null)
    if (cols % 5 !== 0) {
      const padded = planes.slice()
      padded[padded.length - 1] = 0
      assert.is(mergePlanes(padded, 3, row), null)
    }
  }
})

test('planes: nine levels, 3.33 bits, and a damaged trit is malformed', () => {
  const matrix = gaussianMatrix(32, 512, 8)
  const codec = codecByName('planes')
  const packed = codec.encode(matrix, codec.parseParams({}), kernels)
  const slice = readSlice(packed)
  // Rows of 512: four half-precision scales and two planes of 103 bytes.
  assert.is(slice.payload.length, 32 * (8 + 206))
  const error = normalisedError(measure(matrix, codec.decode(packed, kernels), packed.length))
  assert.ok(error < 0.0295, `error is ${error}`)
  assert.is(codec.experimental, true)
  const form = codec.runtimeForm(packed, kernels)
  assert.is(form.kind === 'nbits' && form.bits, 4)
  const payload = slice.payload.slice()
  payload[8] = 255
  assert.throws(() => codec.decode(writeSlice({ ...slice, payload }), kernels), /not a trit/)
})

test('with any aids, native kernels give the bytes of the reference', () => {
  const cases = fc.record({
    rows: fc.integer({ min: 1, max: 9 }),
    cols: fc.integer({ min: 1, max: 170 }),
    bits: fc.constantFrom<4 | 8>(4, 8),
    blockSize: fc.constantFrom(16, 32, 64, 128, 256),
    zeroPoints: fc.boolean(),
    scaleBytes: fc.constantFrom<2 | 4>(2, 4),
    codeLimit: fc.boolean(),
    weighted: fc.boolean(),
    fed: fc.option(fc.constantFrom(0.3, 50, 1e30), { freq: 4 }),
    halfQuadratic: fc.boolean(),
    seed: fc.nat(),
  })
  fc.assert(
    fc.property(cases, ({ codeLimit, weighted, fed, halfQuadratic, seed, ...rest }) => {
      const { rows, cols } = rest
      const limited = codeLimit && rest.bits === 4 && !rest.zeroPoints
      const shape: BlockwiseShape = { ...rest, scaleExponent: 0, ...(limited && { codeLimit: 4 }) }
      const { data } = gaussianMatrix(rows, cols, seed)
      data[seed % data.length] = 2
      const random = seededRandom(seed)
      const factors = new Float32Array(cols * cols)
      for (let j = 0; j < cols; j++)
        for (let k = j + 1; k < cols; k++) factors[j * cols + k] = (random() - 0.5) * (fed ?? 0)
      const aids: BlockwiseAids = {
        ...(weighted && { columnWeights: Float32Array.from({ length: cols }, () => random() * 4 + 0.01) }),
        ...(fed !== null && { feedback: factors }),
        halfQuadratic,
      }
      const expected = reference!.blockwiseEncode(data, shape, aids)
      for (const each of others)
        assert.ok(
          Buffer.compare(each.blockwiseEncode(data, shape, aids), expected) === 0,
          `${each.simd} differs from the reference`,
        )
    }),
    { seed: 9, numRuns: 120 },
  )
})

test.run()
