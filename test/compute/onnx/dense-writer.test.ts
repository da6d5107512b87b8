import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { encodeFloats, FLOAT16, FLOAT32, INT64 } from '../../../node/compute/onnx/data-types.ts'
import { createDenseWriter } from '../../../node/compute/onnx/dense-writer.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { noise } from './small-models.ts'

const test = suite('dense writer')

interface Written {
  readonly bytes: Uint8Array
  /** How often each byte was written. */
  readonly counts: Uint8Array
}

function write(
  values: Float32Array,
  shape: { rows: number; cols: number; transposed: boolean; elementType: number },
  cuts: readonly number[],
  bandWeights: number,
): Written {
  const sizeBytes = values.length * (shape.elementType === FLOAT32 ? 4 : 2)
  const bytes = new Uint8Array(sizeBytes)
  const counts = new Uint8Array(sizeBytes)
  const writer = createDenseWriter(
    { name: 'w', ...shape },
    (offset, part) => {
      bytes.set(part, offset)
      for (let i = 0; i < part.length; i++) counts[offset + i]!++
    },
    { bandWeights },
  )
  let row = 0
  for (const cut of [...cuts, shape.rows]) {
    writer.push(values.subarray(row * shape.cols, cut * shape.cols))
    row = cut
  }
  writer.end()
  return { bytes, counts }
}

test('rows in any slices and bands give the bytes of the whole tensor, each written once', () => {
  const shapes = fc.record({
    rows: fc.integer({ min: 1, max: 40 }),
    cols: fc.integer({ min: 1, max: 40 }),
    transposed: fc.boolean(),
    elementType: fc.constantFrom(FLOAT32, FLOAT16),
    seed: fc.integer(),
    bandWeights: fc.integer({ min: 1, max: 2000 }),
    at: fc.array(fc.nat(), { maxLength: 6 }),
  })
  fc.assert(
    fc.property(shapes, ({ seed, bandWeights, at, ...shape }) => {
      const { rows, cols } = shape
      const values = noise(rows * cols, seed)
      const expected = shape.transposed
        ? Float32Array.from(values, (_, i) => values[(i % rows) * cols + Math.floor(i / rows)]!)
        : values
      const cuts = at.map((cut) => cut % (rows + 1)).sort((a, b) => a - b)
      const { bytes, counts } = write(values, shape, cuts, bandWeights)
      assert.equal(Buffer.from(bytes), Buffer.from(encodeFloats(shape.elementType, expected)!))
      assert.ok(counts.every((count) => count === 1))
    }),
  )
})

test('rows that are missing, too many or broken are refused', () => {
  const create = (transposed: boolean) =>
    createDenseWriter({ name: 'w', rows: 4, cols: 3, transposed, elementType: FLOAT32 }, () => {})
  for (const transposed of [false, true]) {
    const short = create(transposed)
    short.push(new Float32Array(9))
    throwsCode(() => short.end(), 'INVALID_ARGUMENT')
    throwsCode(() => create(transposed).push(new Float32Array(15)), 'INVALID_ARGUMENT')
    throwsCode(() => create(transposed).push(new Float32Array(4)), 'INVALID_ARGUMENT')
  }
})

test('a weight that is not of floats cannot be written', () => {
  throwsCode(
    () =>
      createDenseWriter(
        { name: 'w', rows: 1, cols: 1, transposed: false, elementType: INT64 },
        () => {},
      ).push(new Float32Array(1)),
    'INVALID_ARGUMENT',
  )
})

test.run()
