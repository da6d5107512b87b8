/** The files of a calibration, and what encoders are given of them. */
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadAids, loadCalibration } from '../../../node/compute/calibration/aids.ts'
import {
  parseIndex,
  readIndex,
  readTensorCalibration,
  type TensorCalibration,
  writeActivation,
  writeIndex,
} from '../../../node/compute/calibration/calibration-directory.ts'
import { outputEnergy } from '../../../node/compute/calibration/energy.ts'
import { calibrationOf, dampingOf } from '../../../node/compute/calibration/factorise.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { VillageError } from '../../../node/errors.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { gaussianMatrix } from '../../helpers/weights.ts'

const test = suite('calibration directory')
const gaussian = (length: number, seed: number): Float32Array =>
  length === 0 ? new Float32Array(0) : gaussianMatrix(1, length, seed, 1).data
const root = mkdtempSync(join(tmpdir(), 'village-calibration-'))
const kernels = loadKernels()
let made = 0

test.after(() => rmSync(root, { recursive: true, force: true }))

/** Of activations with very different columns. */
function tensorOf(cols: number, full: boolean): TensorCalibration {
  const samples = 3 * cols
  const rows = gaussian(samples * cols, cols).map((value, at) => value * (1 + (at % cols)) * 1e-3)
  const sums = new Float64Array(full ? cols * cols : cols)
  if (full) kernels.addMoments(rows, samples, cols, sums)
  else for (let at = 0; at < rows.length; at++) sums[at % cols]! += rows[at]! ** 2
  return calibrationOf({ cols, full, samples, sums }, kernels)
}

function write(tensors: readonly TensorCalibration[], names: readonly string[]): string {
  const directory = join(root, `${made++}`)
  for (const [index, tensor] of tensors.entries()) writeActivation(directory, index, tensor)
  const activations = tensors.map(({ cols, samples, feedback }, index) => ({
    inputs: [`x${index}`],
    cols,
    samples,
    damping: 0.5,
    feedback: feedback !== null,
  }))
  const weights = new Map(names.map((name, index) => [name, index % tensors.length]))
  writeIndex(directory, { items: 3, activations, weights })
  return directory
}

test('what is written is read back', () => {
  const tensors = [tensorOf(1, true), tensorOf(24, true), tensorOf(9, false)]
  const directory = write(tensors, ['a', 'b', 'c', 'd'])
  for (const [name, tensor] of [
    ['a', 0],
    ['b', 1],
    ['c', 2],
    ['d', 0],
  ] as const)
    assert.equal(readTensorCalibration(directory, name), tensors[tensor])
  assert.is(readTensorCalibration(directory, 'none'), null)
  const { items, weights } = readIndex(directory)
  assert.equal(
    [items, [...weights]],
    [
      3,
      [
        ['a', 0],
        ['b', 1],
        ['c', 2],
        ['d', 0],
      ],
    ],
  )
})

test('both weights have mean 1 and are positive, also of columns that were never used', () => {
  const sums = Float64Array.of(4, 0, 1, 0, 0, 0, 0, 0, 9)
  for (const tensor of [
    calibrationOf({ cols: 3, full: true, samples: 4, sums }, kernels),
    calibrationOf({ cols: 3, full: true, samples: 4, sums: new Float64Array(9) }, kernels),
    calibrationOf({ cols: 3, full: false, samples: 4, sums: new Float64Array(3) }, kernels),
    calibrationOf(
      { cols: 3, full: true, samples: 4, sums: Float64Array.of(1e-30, 0, 0, 0, 2e-30, 0, 0, 0, 0) },
      kernels,
    ),
    calibrationOf(
      { cols: 3, full: true, samples: 4, sums: Float64Array.of(1e30, 0, 0, 0, 2e30, 0, 0, 0, 0) },
      kernels,
    ),
  ])
    for (const weights of [tensor.diagonal, tensor.conditional]) {
      if (weights === null) continue
      assert.ok(weights.every((weight) => weight > 0))
      assert.ok(Math.abs(weights.reduce((sum, weight) => sum + weight, 0) / 3 - 1) < 1e-6)
    }
})

test('sums that no activations have leave the diagonal', () => {
  const sums = Float64Array.of(1, 5, 0, 1)
  const tensor = calibrationOf({ cols: 2, full: true, samples: 4, sums }, kernels)
  assert.is(tensor.feedback, null)
  assert.equal([...tensor.diagonal], [1, 1])
})

test('feedback undone gives the energy that the moments say', () => {
  const cols = 6
  const rows = gaussian(40 * cols, 1)
  const sums = new Float64Array(cols * cols)
  kernels.addMoments(rows, 40, cols, sums)
  const own = sums.slice()
  const tensor = calibrationOf({ cols, full: true, samples: 40, sums }, kernels)
  const matrix = (seed: number) => ({ rows: 3, cols, data: gaussian(3 * cols, seed) })
  const expected = ({ data }: { data: Float32Array }): number => {
    const mean = Array.from({ length: cols }, (_, i) => own[i * cols + i]!).reduce((a, b) => a + b, 0) / cols
    let sum = 0
    for (let row = 0; row < 3; row++)
      for (let i = 0; i < cols; i++)
        for (let j = 0; j < cols; j++) {
          const moment =
            own[Math.min(i, j) * cols + Math.max(i, j)]! + (i === j ? dampingOf(cols, 40) * mean : 0)
          sum += data[row * cols + i]! * data[row * cols + j]! * moment
        }
    return sum
  }
  const [one, other] = [matrix(2), matrix(3)]
  const ratio = outputEnergy(one, tensor, kernels) / outputEnergy(other, tensor, kernels)
  assert.ok(Math.abs(ratio / (expected(one) / expected(other)) - 1) < 1e-4)
  const plain = { ...tensor, conditional: null, feedback: null }
  assert.ok(outputEnergy(one, plain, kernels) > 0)
})

test('a codec is given the aids that it uses', () => {
  const directory = write([tensorOf(8, true), tensorOf(8, false)], ['full', 'diagonal'])
  const codebookPath = join(root, 'codebook')
  writeFileSync(codebookPath, 'book')
  const files = (tensor: string) => ({ calibration: { directory, tensor }, codebookPath })
  const full = loadCalibration({ directory, tensor: 'full' })!
  assert.equal(loadAids({ ...files('full'), uses: [] }), {})
  assert.equal(loadAids({ uses: ['columnWeights', 'feedback', 'codebook'] }), {})
  assert.equal(loadAids({ ...files('full'), uses: ['columnWeights'] }), { columnWeights: full.diagonal })
  assert.equal(loadAids({ ...files('full'), uses: ['columnWeights', 'feedback'] }), {
    columnWeights: full.conditional,
    feedback: full.feedback,
  })
  const diagonal = loadAids({ ...files('diagonal'), uses: ['columnWeights', 'feedback', 'codebook'] })
  assert.equal(Object.keys(diagonal), ['columnWeights', 'codebook'])
  assert.is(Buffer.from(diagonal.codebook!).toString(), 'book')
  assert.equal(loadAids({ ...files('none'), uses: ['columnWeights', 'feedback'] }), {})
  throwsCode(() => loadAids({ codebookPath: join(root, 'gone'), uses: ['codebook'] }), 'FILE_UNREADABLE')
})

test('golden: the bytes of a small calibration', () => {
  const cols = 6
  const rows = Float32Array.from({ length: 9 * cols }, (_, at) => (((at * 7) % 11) - 5) / 8)
  const sums = new Float64Array(cols * cols)
  kernels.addMoments(rows, 9, cols, sums)
  const directory = write([calibrationOf({ cols, full: true, samples: 9, sums }, kernels)], ['w'])
  const hash = (file: string): string =>
    createHash('sha256')
      .update(readFileSync(join(directory, file)))
      .digest('hex')
  assert.is(hash('0000.vcal'), '2325500238dcf4612501042eb96a19facd01ae16e9a81fdab9a88c621e8986ba')
  assert.is(hash('calibration.json'), 'd0ac6fcaba543c58cbabb024a9cad0807e4f69ba5c9763e7ab97a1dbb1e53645')
})

const INDEX = {
  version: 1,
  items: 1,
  activations: [{ inputs: ['x'], cols: 4, samples: 2, damping: 0.5, feedback: true }],
  weights: [{ name: 'w', activation: 0 }],
}

test('an index with a wrong field is refused', () => {
  assert.is(parseIndex(INDEX).weights.get('w'), 0)
  const activation = INDEX.activations[0]!
  for (const wrong of [
    { version: 2 },
    { items: 0 },
    { activations: [{ ...activation, damping: 0 }] },
    { activations: [{ ...activation, damping: 'x' }] },
    { activations: null },
    { activations: [{ ...activation, cols: 2 ** 20 }] },
    { activations: [{ ...activation, cols: 0 }] },
    { activations: [{ ...activation, samples: 0 }] },
    { activations: [{ ...activation, feedback: 1 }] },
    { activations: [{ ...activation, inputs: [''] }] },
    { activations: [7] },
    { weights: [{ name: 'w', activation: 1 }] },
    {
      weights: [
        { name: 'w', activation: 0 },
        { name: 'w', activation: 0 },
      ],
    },
    { weights: {} },
    { weights: [null] },
  ])
    throwsCode(() => parseIndex({ ...INDEX, ...wrong }), 'CALIBRATION_MALFORMED')
  fc.assert(
    fc.property(fc.anything(), (value) => {
      throwsCode(() => parseIndex(value), 'CALIBRATION_MALFORMED')
    }),
    { numRuns: 200, seed: 1 },
  )
})

test('damaged files are refused, never given to an encoder', () => {
  const directory = write([tensorOf(5, true)], ['w'])
  const path = join(directory, '0000.vcal')
  const good = readFileSync(path)
  const damage: Record<string, (bytes: Buffer) => Buffer> = {
    'cut short': (bytes) => bytes.subarray(4),
    longer: (bytes) => Buffer.concat([bytes, bytes]),
    'not finite': (bytes) => {
      bytes.writeFloatLE(Number.NaN, bytes.length - 4)
      return bytes
    },
    'not positive': (bytes) => {
      bytes.writeFloatLE(-1, 0)
      return bytes
    },
    'another mean': (bytes) => {
      bytes.writeFloatLE(900, 4)
      return bytes
    },
  }
  for (const change of Object.values(damage)) {
    writeFileSync(path, change(Buffer.from(good)))
    throwsCode(() => readTensorCalibration(directory, 'w'), 'CALIBRATION_MALFORMED')
  }
  rmSync(path)
  throwsCode(() => readTensorCalibration(directory, 'w'), 'CALIBRATION_MALFORMED')
  writeFileSync(join(directory, 'calibration.json'), '{')
  throwsCode(() => readIndex(directory), 'CALIBRATION_MALFORMED')
  throwsCode(() => readIndex(join(root, 'nowhere')), 'CALIBRATION_MALFORMED')
  assert.ok(new VillageError('CALIBRATION_MALFORMED').fix.length > 0)
})

test.run()
