/** Slices that were made ready ahead: a model written with them is the model that is written without, to the last bit. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { codecByName } from '../../../node/compute/codecs/table.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import {
  createWeightReader,
  type PreparedSlice,
  prepareSlice,
} from '../../../node/compute/models/prepared-slices.ts'
import {
  type RunnableWeight,
  rewritePacked,
  type WeightToRun,
} from '../../../node/compute/models/rewrite-packed.ts'
import { INT64 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { listWeights, readRows } from '../../../node/compute/onnx/weights.ts'
import { createGraphBuilder } from '../../../node/compute/onnx/write.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import { floats, noise, VOCABULARY, writeGraph, writeSmallModel } from '../onnx/small-models.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-prepared-'))
const kernels = loadKernels()
const weightOf = createWeightReader()
const { signal } = new AbortController()
const modelPath = path.join(root, 'model.onnx')
const test = suite('prepared slices')

test.before(() => writeSmallModel(modelPath))
test.after(() => rmSync(root, { recursive: true, force: true }))

interface Sliced {
  readonly name: string
  readonly slices: readonly Uint8Array[]
}

/** Every weight in slices of seven rows. */
function encoded(codec: string): Sliced[] {
  using model = openModel(modelPath)
  return listWeights(model, { minElements: 64 }).map((plan) => {
    const slices: Uint8Array[] = []
    for (let row = 0; row < plan.rows; row += 7) {
      const rows = Math.min(7, plan.rows - row)
      const matrix = { rows, cols: plan.cols, data: readRows(model, plan, row, rows) }
      slices.push(codecByName(codec).encode(matrix, codecByName(codec).parseParams({}), kernels))
    }
    return { name: plan.name, slices }
  })
}

let files = 0
const prepare = (name: string, packed: Uint8Array): PreparedSlice | null =>
  prepareSlice(
    { kernels, weightOf },
    { modelPath, name, packed, codebook: null, outPath: path.join(root, `form-${files++}`) },
  )

async function written(
  weights: readonly WeightToRun[],
): Promise<{ bytes: Buffer; weights: RunnableWeight[] }> {
  const outPath = path.join(root, `run-${files++}.onnx`)
  const request = { modelPath, outPath, runtime: 'int8' as const, weights }
  const rewritten = await rewritePacked({ kernels }, request, signal)
  return { bytes: readFileSync(outPath), weights: rewritten }
}

for (const codec of ['trellis', 'seedlm'])
  test(`${codec}: the same bytes and the same loss, with all, some or none of them ready`, async () => {
    const weights = encoded(codec)
    assert.ok(weights.length >= 3 && weights.every(({ slices }) => slices.length > 2))
    const plain = await written(weights.map((weight) => ({ ...weight, codebook: null })))
    assert.ok(plain.weights.every(({ squaredError }) => squaredError > 0))
    for (const isReady of [() => true, (index: number) => index % 2 === 1]) {
      const forms: string[] = []
      const ready = weights.map(({ name, slices }) => {
        const prepared = slices.map((packed, index) => (isReady(index) ? prepare(name, packed) : null))
        for (const one of prepared) if (one !== null) forms.push(one.file)
        return { name, slices, codebook: null, prepared }
      })
      assert.ok(forms.length > 0 && forms.every((file) => existsSync(file)))
      const { bytes, weights: rewritten } = await written(ready)
      assert.ok(bytes.equals(plain.bytes))
      assert.equal(rewritten, plain.weights)
      assert.not(
        forms.some((file) => existsSync(file)),
        'a form that was read is not needed again',
      )
    }
  })

test('what has a grid of its own, or no quantised operator, is left as it is', () => {
  for (const codec of ['int8', 'int4', 'ternary'] as const) {
    assert.is(codecByName(codec).runsAsGrid, true)
    const { name } = encoded('trellis')[0]!
    const params = codecByName(codec).parseParams(codec === 'ternary' ? { force: true } : {})
    const matrix = { rows: 2, cols: 40, data: new Float32Array(80).map((_, i) => Math.sin(i)) }
    assert.is(prepare(name, codecByName(codec).encode(matrix, params, kernels)), null)
    assert.not(existsSync(path.join(root, `form-${files - 1}`)))
  }
  const [slice] = encoded('trellis')[0]!.slices
  assert.is(prepare('no such weight', slice!), null)
})

test('a slice of another shape, a damaged one and a file that is there already are refused', () => {
  const weights = encoded('trellis')
  const [first, second] = [weights[0], weights.at(-1)]
  const { cols } = codecByName('trellis').decode(first!.slices[0]!, kernels)
  const other = codecByName('trellis').decode(second!.slices[0]!, kernels)
  assert.is.not(cols, other.cols)
  throwsCode(() => prepare(first!.name, second!.slices[0]!), 'CODEC_MALFORMED')
  throwsCode(() => prepare(first!.name, first!.slices[0]!.subarray(0, 40)), 'CODEC_MALFORMED')
  const outPath = path.join(root, 'taken')
  writeFileSync(outPath, 'mine')
  const request = { modelPath, name: first!.name, packed: first!.slices[0]!, codebook: null, outPath }
  assert.throws(() => prepareSlice({ kernels, weightOf }, request), /EEXIST/)
  assert.is(readFileSync(outPath, 'utf8'), 'mine')
})

test('a model that takes the place of another is read anew', () => {
  const other = path.join(root, 'other')
  mkdirSync(other)
  const file = path.join(other, 'model.onnx')
  const graph = createGraphBuilder()
  const table = graph.tensor(float32Tensor('table', [12, 8], noise(96, 1)))
  graph.add('Gather', [table, 'ids'], { axis: { int: 0 } }, 'out')
  const shape = {
    inputs: [{ name: 'ids', elementType: INT64, dims: ['n'] }],
    outputs: [floats('out', ['n', 8])],
  }
  writeSmallModel(file)
  assert.is(weightOf(file, 'table')?.rows, VOCABULARY)
  writeGraph(file, graph, shape)
  assert.is(weightOf(file, 'table')?.rows, 12)
  assert.is(weightOf(file, 'kernel'), undefined)
})

test('a form that was cut off makes no model', async () => {
  const weights = encoded('trellis').map(({ name, slices }) => {
    const prepared = slices.map((packed) => prepare(name, packed))
    return { name, slices, codebook: null, prepared }
  })
  truncateSync(weights.at(-1)!.prepared.at(-1)!.file, 10)
  await rejectsCode(written(weights), 'DATA_CORRUPT')
})

test.run()
