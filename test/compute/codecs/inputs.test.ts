/** Weights that models really have, and some that they should not: for every codec the right answer or a clear error. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { EncodeAids, WeightMatrix } from '../../../node/compute/codecs/codec.ts'
import { measure, normalisedError } from '../../../node/compute/codecs/encode-stats.ts'
import { statsOf } from '../../../node/compute/codecs/tensor-stats.ts'
import { joinSlices } from '../../../node/compute/codecs/wire.ts'
import { BFLOAT16, encodeFloats, FLOAT16 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor, tensorFromBytes } from '../../../node/compute/onnx/encode.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { listWeights, readRows } from '../../../node/compute/onnx/weights.ts'
import { createGraphBuilder } from '../../../node/compute/onnx/write.ts'
import { VillageError } from '../../../node/errors.ts'
import { correlatedCalibration } from '../../helpers/calibrations.ts'
import { CODEC_VARIANTS, type CodecVariant } from '../../helpers/codec-variants.ts'
import { allKernels, gaussianMatrix, rowsOf } from '../../helpers/weights.ts'
import { floats, writeGraph } from '../onnx/small-models.ts'

const everyKernels = allKernels()
const [reference, ...others] = everyKernels
const kernels = everyKernels.at(-1)!
const directory = mkdtempSync(join(tmpdir(), 'village-inputs-'))
const test = suite('codecs on unusual weights')

test.after(() => rmSync(directory, { recursive: true, force: true }))

function decodedBy({ codec, aids }: CodecVariant, packed: Uint8Array): WeightMatrix {
  return codec.decode(packed, kernels, aids.codebook)
}

/** Encodes, decodes, and looks at the shape and at every value. */
function roundTrip(variant: CodecVariant, matrix: WeightMatrix, aids?: EncodeAids): WeightMatrix {
  const decoded = decodedBy(variant, variant.encode(matrix, kernels, aids))
  assert.equal([decoded.rows, decoded.cols], [matrix.rows, matrix.cols])
  assert.is(decoded.data.length, matrix.data.length)
  assert.ok(decoded.data.every(Number.isFinite), variant.label)
  return decoded
}

function errorOf(variant: CodecVariant, matrix: WeightMatrix): number {
  return normalisedError(measure(matrix, roundTrip(variant, matrix), 1))
}

for (const variant of CODEC_VARIANTS) {
  const { label, codec, params } = variant
  const group = codec.rowGroup(codec.parseParams(params))

  test(`${label}: a NaN or an infinity is named by its place`, () => {
    const matrix = gaussianMatrix(5, 40)
    for (const [row, col] of [
      [0, 0],
      [2, 7],
      [4, 39],
    ] as const)
      for (const value of [Number.NaN, Infinity, -Infinity]) {
        const broken = { ...matrix, data: matrix.data.slice() }
        broken.data[row * 40 + col] = value
        try {
          variant.encode(broken, kernels)
          assert.unreachable('it was encoded')
        } catch (error) {
          assert.instance(error, VillageError)
          const { code, fields } = error as VillageError
          assert.equal([code, fields.row, fields.col], ['CODEC_NON_FINITE', row, col])
        }
      }
  })

  test(`${label}: zeros stay zeros, in any shape`, () => {
    for (const [rows, cols] of [
      [1, 1],
      [1, 1000],
      [999, 1],
      [7, 13],
      [64, 256],
    ] as const)
      assert.ok(
        roundTrip(variant, { rows, cols, data: new Float32Array(rows * cols) }).data.every((w) => w === 0),
      )
  })

  test(`${label}: odd shapes and single weights`, () => {
    for (const [rows, cols] of [
      [1, 1],
      [2, 1],
      [1, 2],
      [1, 257],
      [257, 1],
      [3, 129],
      [13, 31],
    ] as const) {
      const matrix = gaussianMatrix(rows, cols, rows + cols)
      const { squaredError, squaredNorm } = measure(matrix, roundTrip(variant, matrix), 1)
      assert.ok(squaredError <= squaredNorm, `${rows} by ${cols}: worse than zeros`)
    }
  })

  test(`${label}: the error does not depend on the magnitude`, () => {
    const ordinary = gaussianMatrix(16, 128, 3, 1)
    const expected = errorOf(variant, ordinary)
    for (const power of [-90, -45, -10, 10, 45, 90]) {
      const error = errorOf(variant, { ...ordinary, data: ordinary.data.map((w) => w * 2 ** power) })
      assert.ok(error < 1.5 * expected + 1e-6, `2^${power}: ${error} instead of ${expected}`)
    }
  })

  test(`${label}: subnormal, huge and mixed weights stay finite`, () => {
    const matrix = gaussianMatrix(8, 48, 5, 1)
    const make = (change: (weight: number, i: number) => number): WeightMatrix => ({
      ...matrix,
      data: matrix.data.map(change),
    })
    roundTrip(
      variant,
      make((w) => w * 1e-42),
    )
    roundTrip(
      variant,
      make((w, i) => (i % 17 === 0 ? w * 1e-42 : w)),
    )
    roundTrip(
      variant,
      make((w, i) => (i % 5 === 0 ? 0 : w)),
    )
    roundTrip(
      variant,
      make((w, i) => (i === 100 ? 1000 : w)),
    )
    // 1e38 is refused clearly where the format has no scale for it.
    for (const change of [(w: number) => w * 5e37, (w: number, i: number) => (i % 16 === 3 ? 3e38 : w)])
      try {
        roundTrip(variant, make(change))
      } catch (error) {
        if (!(error instanceof VillageError) || error.code !== 'INVALID_ARGUMENT') throw error
        assert.match(error.message, /too large/)
      }
  })

  test(`${label}: slices at any group of rows join to the bytes of the whole, aids or not`, () => {
    const rows = 9 * group - (group > 1 ? 1 : 0)
    const matrix = gaussianMatrix(rows, 48, 7)
    const calibration = correlatedCalibration(48)
    const { columnWeights, feedback } = calibration.aids
    const uses = (name: keyof EncodeAids) => codec.aids.includes(name)
    const calibrated: EncodeAids = {
      ...(uses('columnWeights') && { columnWeights }),
      ...(uses('feedback') && { feedback }),
    }
    const fitted = codec.fit(codec.parseParams(params), statsOf(matrix))
    for (const extra of [{}, calibrated]) {
      const aids = { ...variant.aids, ...extra }
      const whole = codec.encode(matrix, fitted, kernels, aids)
      fc.assert(
        fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 8 }), { maxLength: 5 }), (cuts) => {
          const ends = [0, ...cuts.sort((a, b) => a - b).map((cut) => cut * group), rows]
          const slices = ends
            .slice(1)
            .map((to, i) => codec.encode(rowsOf(matrix, ends[i]!, to), fitted, kernels, aids))
          assert.equal(joinSlices(slices), whole)
        }),
        { seed: 6, numRuns: 6 },
      )
    }
  })

  test(`${label}: native and reference encode the same bytes`, () => {
    const { columnWeights, feedback } = correlatedCalibration(21).aids
    const samples: [WeightMatrix, EncodeAids][] = [
      [gaussianMatrix(3, 21, 1), {}],
      [gaussianMatrix(2, 21, 2, 1e30), {}],
      [gaussianMatrix(2, 21, 3, 1e-42), {}],
      [gaussianMatrix(3, 21, 4), { columnWeights }],
      [gaussianMatrix(3, 21, 5), { columnWeights, feedback }],
    ]
    for (const [matrix, aids] of samples) {
      const expected = variant.encode(matrix, reference!, aids)
      for (const each of others) assert.equal(variant.encode(matrix, each, aids), expected, each.simd)
    }
  })
}

for (const [name, type] of [
  ['fp16', FLOAT16],
  ['bf16', BFLOAT16],
] as const)
  test(`${name} weights of a model are encoded as the floats that they are`, () => {
    const { rows, cols, data } = gaussianMatrix(24, 40, 9)
    const stored = encodeFloats(type, data)!
    const path = join(directory, `${name}.onnx`)
    const graph = createGraphBuilder()
    // A MatMul weight is [cols, rows] in the file.
    const transposed = new Float32Array(data.length)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < cols; c++) transposed[c * rows + r] = data[r * cols + c]!
    const kernel = graph.tensor(
      tensorFromBytes('kernel', type, [cols, rows], encodeFloats(type, transposed)!),
    )
    graph.add('MatMul', ['x', kernel], {}, 'out')
    const x = { ...floats('x', ['n', cols]), elementType: type }
    writeGraph(path, graph, { inputs: [x], outputs: [{ ...floats('out', ['n', rows]), elementType: type }] })
    using model = openModel(path)
    const [plan] = listWeights(model, { minElements: 1 })
    const read: WeightMatrix = { rows, cols, data: readRows(model, plan!, 0, rows) }
    assert.equal(encodeFloats(type, read.data), stored, 'the reader keeps every bit')
    for (const variant of CODEC_VARIANTS) {
      const error = errorOf(variant, read)
      assert.ok(Math.abs(error - errorOf(variant, { rows, cols, data })) < 0.02, variant.label)
    }
  })

test('a model without a MatMul has nothing to compress', () => {
  const path = join(directory, 'no-matmul.onnx')
  const graph = createGraphBuilder()
  graph.add(
    'Add',
    ['x', graph.tensor(float32Tensor('bias', [4096], gaussianMatrix(1, 4096).data))],
    {},
    'out',
  )
  writeGraph(path, graph, { inputs: [floats('x', ['n', 4096])], outputs: [floats('out', ['n', 4096])] })
  using model = openModel(path)
  assert.equal(listWeights(model, { minElements: 1 }), [])
})

test.run()
