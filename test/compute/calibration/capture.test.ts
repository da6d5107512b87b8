/** What a model's weights see: which activations there are, and their second moments on real runs. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseFeedback, listActivations } from '../../../node/compute/calibration/activations.ts'
import { type CaptureRequest, captureMoments } from '../../../node/compute/calibration/capture.ts'
import { CALIBRATION_OPERATIONS } from '../../../node/compute/calibration/operations.ts'
import { loadKernels } from '../../../node/compute/kernels.ts'
import { FLOAT16, FLOAT32 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor, tensorFromBytes } from '../../../node/compute/onnx/encode.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { createSessions } from '../../../node/compute/onnx/sessions.ts'
import { createGraphBuilder } from '../../../node/compute/onnx/write.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import {
  floats,
  HIDDEN,
  noise,
  VOCABULARY,
  WIDTH,
  writeGraph,
  writeSmallModel,
} from '../onnx/small-models.ts'

const test = suite('calibration capture')
const root = mkdtempSync(join(tmpdir(), 'village-capture-'))
const kernels = loadKernels()
const signal = new AbortController().signal
const IDS = [
  [1, 7, 7],
  [49, 0],
  [3, 20, 31, 8],
]

test.after(() => rmSync(root, { recursive: true, force: true }))

function modelDirectory(name: string, write: (path: string) => void): string {
  const directory = join(root, name)
  mkdirSync(directory)
  write(join(directory, 'model.onnx'))
  return directory
}

function dataFile(name: string, lines: readonly unknown[]): string {
  const path = join(root, name)
  writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n\n'))
  return path
}

const small = modelDirectory('small', (path) => writeSmallModel(path))
const external = modelDirectory('external', (path) => writeSmallModel(path, { external: true }))
const ids = dataFile(
  'ids.jsonl',
  IDS.map((row) => ({ ids: row })),
)

const request = (directory: string, changes: Partial<CaptureRequest> = {}): CaptureRequest => ({
  modelDirectory: directory,
  workDirectory: join(root, 'work'),
  dataPath: ids,
  minElements: 1,
  feedbackBudgetBytes: 2 ** 20,
  start: 0,
  count: IDS.length,
  firstActivation: 0,
  activations: 2,
  sumsBytes: 2 ** 20,
  ...changes,
})

const capture = (wanted: CaptureRequest) => captureMoments({ kernels }, wanted, signal, () => undefined)

test('sums that take more memory than the task said are not made', async () => {
  const exact = 8 * (WIDTH ** 2 + HIDDEN ** 2)
  await rejectsCode(capture(request(small, { sumsBytes: exact - 1 })), 'INVALID_ARGUMENT')
  assert.is((await capture(request(small, { sumsBytes: exact }))).length, 2)
})

/** The rows of the table for all ids, and what MatMul and bias make of them. */
function expectedActivations(): { table: number[][]; hidden: number[][] } {
  const table = noise(VOCABULARY * WIDTH, 1)
  const kernel = noise(WIDTH * HIDDEN, 2)
  const bias = noise(HIDDEN, 3)
  const rows = IDS.flat().map((id) => [...table.subarray(id * WIDTH, (id + 1) * WIDTH)])
  const hidden = rows.map((row) =>
    Array.from({ length: HIDDEN }, (_, n) =>
      row.reduce((sum, value, k) => sum + value * kernel[k * HIDDEN + n]!, bias[n]!),
    ),
  )
  return { table: rows, hidden }
}

function checkSums(sums: Float64Array, rows: readonly (readonly number[])[], full: boolean): void {
  const cols = rows[0]!.length
  const moment = (i: number, j: number) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)
  for (let i = 0; i < cols; i++)
    for (let j = i; j < (full ? cols : i + 1); j++) {
      const found = sums[full ? i * cols + j : i]!
      assert.ok(Math.abs(found - moment(i, j)) < 1e-4, `${i},${j}: ${found} instead of ${moment(i, j)}`)
    }
}

test('the activations of a graph: MatMul and Gemm, but not a table', () => {
  using model = openModel(join(small, 'model.onnx'))
  const found = listActivations(model, { minElements: 1, feedbackBudgetBytes: 2 ** 20 })
  assert.equal(
    found.map(({ cols, weights, feedback }) => ({ cols, weights, feedback })),
    [
      { cols: WIDTH, weights: ['kernel'], feedback: true },
      { cols: HIDDEN, weights: ['head'], feedback: true },
    ],
  )
  assert.is(listActivations(model, { minElements: 900, feedbackBudgetBytes: 0 })[0]!.feedback, false)
})

test('the smallest matrices get the budget first, and none is too wide', () => {
  assert.equal([...chooseFeedback([512, 256, 256], 2 * 256 * 257 * 2)], [1, 2])
  assert.equal([...chooseFeedback([512, 256], 2 ** 30)], [1, 0])
  assert.equal([...chooseFeedback([8192, 4096], 2 ** 33)], [1])
  assert.equal([...chooseFeedback([4], 0)], [])
})

for (const [name, directory] of [
  ['inline', small],
  ['external', external],
] as const)
  test(`the sums are those of what the weights see (${name} data)`, async () => {
    const { table, hidden } = expectedActivations()
    const [first, second] = await capture(request(directory))
    assert.equal([first!.samples, second!.samples], [9, 9])
    checkSums(first!.sums, table, true)
    checkSums(second!.sums, hidden, true)
    // Diagonals alone: HIDDEN² fits in the budget, WIDTH² does not.
    const narrow = await capture(request(directory, { feedbackBudgetBytes: 2 * HIDDEN * (HIDDEN + 1) }))
    assert.equal(
      narrow.map(({ full }) => full),
      [false, true],
    )
    checkSums(narrow[0]!.sums, table, false)
    assert.equal(narrow[1]!.sums, second!.sums)
    assert.equal(readdirSync(join(root, 'work')), [], 'the copy of the model is gone')
  })

test('parts of items and of activations add up', async () => {
  const [, whole] = await capture(request(small))
  const last = { firstActivation: 1, activations: 1 }
  const [one] = await capture(request(small, { ...last, count: 1 }))
  const [rest] = await capture(request(small, { ...last, start: 1, count: 2 }))
  assert.is(one!.samples + rest!.samples, whole!.samples)
  for (const [index, sum] of whole!.sums.entries())
    assert.ok(Math.abs(one!.sums[index]! + rest!.sums[index]! - sum) < 1e-9)
})

test('a shared input, an input of the graph, an output of it and half floats', async () => {
  const directory = modelDirectory('shared', (path) => {
    const graph = createGraphBuilder()
    const q = graph.tensor(float32Tensor('q', [4, 8], noise(32, 1)))
    const k = graph.tensor(float32Tensor('k', [4, 8], noise(32, 2)))
    const tied = graph.tensor(float32Tensor('tied', [8, 8], noise(64, 3)))
    const half = graph.tensor(tensorFromBytes('half', FLOAT16, [8, 2], new Uint8Array(32).fill(0x3c)))
    graph.add('MatMul', ['x', q], undefined, 'xq')
    graph.add('MatMul', ['x', k], undefined, 'xk')
    graph.add('MatMul', ['xq', tied], undefined, 'once')
    graph.add('MatMul', ['xk', tied], undefined, 'twice')
    const halves = graph.add('Cast', ['twice'], { to: { int: FLOAT16 } })
    graph.add('Cast', [graph.add('MatMul', [halves, half])], { to: { int: FLOAT32 } }, 'y')
    writeGraph(path, graph, {
      inputs: [floats('x', [1, 'n', 4])],
      outputs: [floats('once', [1, 'n', 8]), floats('y', [1, 'n', 2])],
    })
  })
  using model = openModel(join(directory, 'model.onnx'))
  assert.equal(
    listActivations(model, { minElements: 1, feedbackBudgetBytes: 1e6 }).map(({ inputs, weights }) => [
      inputs.length,
      weights,
    ]),
    [
      [1, ['q', 'k']],
      [2, ['tied']],
      [1, ['half']],
    ],
  )
  const x = [
    [0.5, -1, 2, 0],
    [1, 1, 1, 1],
  ]
  const dataPath = dataFile('x.jsonl', [{ x: [x] }, { x: { dims: [1, 1, 4], data: [0, 0, 3, 0] } }])
  const [input, tied, half] = await capture(request(directory, { dataPath, count: 2, activations: 3 }))
  checkSums(input!.sums, [...x, [0, 0, 3, 0]], true)
  // Both readers of the tied weight count.
  assert.equal([input!.samples, tied!.samples, half!.samples], [3, 6, 3])
  const sessions = createSessions()
  const feeds = { x: { type: 'float32' as const, dims: [1, 1, 4], data: Float32Array.of(0, 0, 3, 0) } }
  const { once } = await sessions.run({ modelPath: join(directory, 'model.onnx'), feeds }, signal)
  assert.is(once!.dims.at(-1), 8)
  await sessions.close()
})

test('data that does not fit the model is refused by line and input', async () => {
  const data = (name: string, lines: readonly unknown[]) =>
    capture(request(small, { dataPath: dataFile(name, lines), count: 1 }))
  for (const [name, item] of Object.entries({
    'another name': { tokens: [1] },
    'no input': {},
    'two inputs': { ids: [1], mask: [1] },
    'a fraction': { ids: [1.5] },
    'a text': { ids: ['1'] },
    'too many dims': { ids: [[1]] },
    ragged: { ids: { dims: [3], data: [1] } },
    'negative dims': { ids: { dims: [-1], data: [] } },
    'no array': { ids: null },
  })) {
    const error = await rejectsCode(data(name, [item]), 'CALIBRATION_DATA_INVALID')
    assert.match(error.message, /Line 1/, name)
  }
  // In bounds of the type, but not of the table: only the model knows.
  const outside = await rejectsCode(data('outside', [{ ids: [VOCABULARY] }]), 'SESSION_FAILED')
  assert.match(outside.message, /line 1 of the calibration data \(ids \[1\]\)/)
  assert.is(outside.fields.line, 1)
  // Lines are counted as an editor does: dataFile leaves every second one empty.
  const third = dataFile('third', [{ ids: [1] }, { ids: [1] }, { ids: [VOCABULARY] }])
  const late = await rejectsCode(capture(request(small, { dataPath: third, count: 3 })), 'SESSION_FAILED')
  assert.match(late.message, /line 5 of/)
  const long = join(root, 'long.jsonl')
  writeFileSync(long, `{"ids": [1]}\n{"ids": [${'1,'.repeat(2 ** 21)}1]}\n`)
  const refused = await rejectsCode(
    capture(request(small, { dataPath: long, count: 1 })),
    'CALIBRATION_DATA_INVALID',
  )
  assert.match(refused.message, /Line 2 of the calibration data is longer than 4 MiB/)
  const broken = join(root, 'broken.jsonl')
  writeFileSync(broken, '{"ids": [1]}\n{"ids"\n')
  await rejectsCode(capture(request(small, { dataPath: broken, count: 2 })), 'CALIBRATION_DATA_INVALID')
  writeFileSync(broken, 'just text\n')
  await rejectsCode(capture(request(small, { dataPath: broken, count: 1 })), 'CALIBRATION_DATA_INVALID')
  writeFileSync(broken, ' \n')
  await rejectsCode(capture(request(small, { dataPath: broken, count: 1 })), 'CALIBRATION_DATA_INVALID')
  await rejectsCode(capture(request(small, { dataPath: null, count: 1 })), 'CALIBRATION_DATA_INVALID')
  writeFileSync(broken, Uint8Array.of(0x7b, 0xff, 0xfe, 0x0a))
  const binary = await rejectsCode(
    capture(request(small, { dataPath: broken, count: 1 })),
    'CALIBRATION_DATA_INVALID',
  )
  assert.match(binary.message, /not UTF-8/)
  await rejectsCode(capture(request(small, { dataPath: root, count: 1 })), 'CALIBRATION_DATA_INVALID')
})

test('ranges outside the items or the activations are refused', async () => {
  for (const changes of [
    { start: 2, count: 2 },
    { firstActivation: 1 },
    { activations: 3 },
    { activations: 0 },
  ])
    await rejectsCode(capture(request(small, changes)), 'INVALID_ARGUMENT')
})

test('weights without a graph cannot be calibrated', () => {
  const describe = CALIBRATION_OPERATIONS['calibration.describe']
  const init = { dataPath: ids, minElements: 1, feedbackBudgetBytes: 0 }
  assert.is(describe({ ...init, modelDirectory: small }).items, IDS.length)
  throwsCode(() => describe({ ...init, modelDirectory: root }), 'MODEL_UNSUPPORTED')
})

test('activations that are not finite are refused', async () => {
  const directory = modelDirectory('infinite', (path) => {
    const graph = createGraphBuilder()
    const weight = graph.tensor(float32Tensor('w', [2, 2], noise(4)))
    graph.add('MatMul', [graph.add('Log', ['x']), weight], undefined, 'y')
    writeGraph(path, graph, { inputs: [floats('x', ['n', 2])], outputs: [floats('y', ['n', 2])] })
  })
  const run = (name: string, x: number[][]) =>
    capture(request(directory, { dataPath: dataFile(name, [{ x }]), count: 1, activations: 1 }))
  assert.is((await run('finite.jsonl', [[1, 2]]))[0]!.samples, 1)
  await rejectsCode(run('infinite.jsonl', [[1, 0]]), 'SESSION_FAILED')
  await rejectsCode(run('nan.jsonl', [[1, -1]]), 'SESSION_FAILED')
})

test('an abort ends it and leaves nothing', async () => {
  const stop = new AbortController()
  const work = captureMoments({ kernels }, request(small), stop.signal, () => stop.abort())
  await work.then(
    () => assert.unreachable('it ended as if nothing had been'),
    () => assert.equal(readdirSync(join(root, 'work')), []),
  )
})

test.run()
