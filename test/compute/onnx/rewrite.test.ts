import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  encodeFloats,
  FLOAT16,
  FLOAT32,
  float16ToNumber,
  INT64,
} from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor, tensorFromBytes } from '../../../node/compute/onnx/encode.ts'
import { GRAPH_FIELD } from '../../../node/compute/onnx/model.ts'
import { dequantizeNBits, type NBits } from '../../../node/compute/onnx/nbits.ts'
import { type OnnxModel, openModel } from '../../../node/compute/onnx/read.ts'
import { rewriteModel } from '../../../node/compute/onnx/rewrite.ts'
import { createSessions } from '../../../node/compute/onnx/sessions.ts'
import type { TensorValue } from '../../../node/compute/onnx/tensor-value.ts'
import { listWeights, readRows, type WeightPlan } from '../../../node/compute/onnx/weights.ts'
import { createGraphBuilder } from '../../../node/compute/onnx/write.ts'
import { type ErrorCode, VillageError } from '../../../node/errors.ts'
import { floats, noise, quantize, SMALL_FEEDS, writeGraph, writeSmallModel } from './small-models.ts'

const directory = mkdtempSync(join(tmpdir(), 'village-rewrite-'))
const file = (name: string): string => join(directory, name)
const signal = new AbortController().signal
const sessions = createSessions()
const test = suite('ONNX rewriter')

test.before(() => {
  writeSmallModel(file('small.onnx'))
})

test.after(async () => {
  await sessions.close()
  rmSync(directory, { recursive: true, force: true })
})

async function run(name: string, feeds: Record<string, TensorValue> = SMALL_FEEDS): Promise<Float32Array> {
  const outputs = await sessions.run({ modelPath: file(name), feeds }, signal)
  return outputs.out!.data as Float32Array
}

function relativeError(a: Float32Array, b: Float32Array): number {
  let error = 0
  let norm = 0
  for (let i = 0; i < a.length; i++) {
    error += (a[i]! - b[i]!) ** 2
    norm += b[i]! ** 2
  }
  return Math.sqrt(error / norm)
}

const quantizeWeight = (model: OnnxModel, plan: WeightPlan, init: Parameters<typeof quantize>[3]): NBits =>
  quantize(readRows(model, plan, 0, plan.rows), plan.rows, plan.cols, init)

const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
  promise.then(
    () => assert.unreachable('it was accepted'),
    (error: unknown) => {
      assert.instance(error, VillageError)
      assert.is((error as VillageError).code, code)
    },
  )

test('2, 4 and 8 bits run as quantised operators with the values of their dense form', async () => {
  using model = openModel(file('small.onnx'))
  const plans = listWeights(model, { minElements: 1 })
  const original = await run('small.onnx')
  const worst = { 2: 0.9, 4: 0.15, 8: 0.02 }
  for (const bits of [2, 4, 8] as const) {
    for (const zeroPoints of [false, true]) {
      for (const blockSize of [16, 32, 64]) {
        const label = `${bits} bits, blocks of ${blockSize}, zero points ${zeroPoints}`
        const forms = new Map(
          plans.map((plan) => [plan.name, quantizeWeight(model, plan, { bits, blockSize, zeroPoints })]),
        )
        const results = await rewriteModel(
          model,
          file('q.onnx'),
          new Map([...forms].map(([name, form]) => [name, () => [form]])),
        )
        assert.equal(
          results.map((result) => [result.name, result.runtime, result.bits]),
          [
            ['table', 'GatherBlockQuantized', bits],
            ['kernel', 'MatMulNBits', bits],
            ['head', 'MatMulNBits', bits],
          ],
        )
        const dense = new Map(
          plans.map((plan) => [
            plan.name,
            () => [
              {
                kind: 'dense' as const,
                data: dequantizeNBits(forms.get(plan.name)!, plan.rows, plan.cols),
              },
            ],
          ]),
        )
        await rewriteModel(model, file('d.onnx'), dense)
        const quantized = await run('q.onnx')
        // The operators round activations to 8 bits (accuracy_level 4); the rest is the same arithmetic.
        const drift = relativeError(quantized, await run('d.onnx'))
        assert.ok(drift < 0.02, `${label}: ${drift}`)
        const error = relativeError(quantized, original)
        assert.ok(error < worst[bits], `${label}: ${error}`)
      }
    }
  }
})

test('a rewritten model has the opset and is smaller', async () => {
  using model = openModel(file('small.onnx'))
  const [table] = listWeights(model)
  const form = quantizeWeight(model, table!, { bits: 4, blockSize: 32, zeroPoints: false })
  const [result] = await rewriteModel(model, file('one.onnx'), new Map([['table', () => [form]]]))
  using written = openModel(file('one.onnx'))
  assert.equal(written.opsets, [
    { domain: '', version: 17 },
    { domain: 'com.microsoft', version: 1 },
  ])
  assert.not(written.graph.initializers.has('table'))
  assert.is(result!.sizeBytes, 50 * 20 + 50 * 2 * 4)
  assert.ok(statSync(file('one.onnx')).size < statSync(file('small.onnx')).size - 6000)
})

test('what is not replaced is copied byte for byte', async () => {
  using model = openModel(file('small.onnx'))
  const form = { kind: 'dense' as const, data: noise(24 * 40, 9) }
  await rewriteModel(model, file('copy.onnx'), new Map([['kernel', () => [form]]]))
  using copy = openModel(file('copy.onnx'))
  const bytesOf = (source: OnnxModel): string[] =>
    source.graph.fields
      .filter((part) => part.name !== 'kernel')
      .map((part) => {
        const bytes = Buffer.alloc(part.end - part.start)
        source.readFile(part, bytes)
        return bytes.toString('hex')
      })
      .sort()
  assert.equal(bytesOf(copy), bytesOf(model))
  assert.is(copy.graph.fields.filter((part) => part.field === GRAPH_FIELD.node).length, 4)
  const kernel = copy.graph.initializers.get('kernel')!
  assert.equal(kernel.dims, [40, 24])
  assert.equal(
    readRows(copy, listWeights(copy, { minElements: 1 }).find((plan) => plan.name === 'kernel')!, 0, 24),
    form.data,
  )
})

test('external data stays external, in the new file only what is still used', async () => {
  writeSmallModel(file('ext.onnx'), { external: true })
  assert.ok(statSync(file('ext.onnx')).size < 3000)
  assert.equal(await run('ext.onnx'), await run('small.onnx'))
  using model = openModel(file('ext.onnx'))
  // table, kernel and head are large enough to lie outside.
  assert.is(model.externalTensors, 3)
  const table = listWeights(model).find((plan) => plan.name === 'table')!
  const form = quantizeWeight(model, table, { bits: 8, blockSize: 16, zeroPoints: true })
  await rewriteModel(model, file('ext-q.onnx'), new Map([['table', () => [form]]]))
  assert.ok(statSync(file('ext-q.onnx.data')).size < statSync(file('ext.onnx.data')).size - 4000)
  assert.ok(relativeError(await run('ext-q.onnx'), await run('small.onnx')) < 0.02)
  await rewriteModel(model, file('inlined.onnx'), new Map(), { external: false })
  assert.not(readdirSync(directory).includes('inlined.onnx.data'))
  assert.equal(await run('inlined.onnx'), await run('small.onnx'))
})

test('a table that is also the output matrix is shared by both operators', async () => {
  const graph = createGraphBuilder()
  const table = graph.tensor(float32Tensor('tied', [48, 32], noise(48 * 32, 6)))
  const rows = graph.add('Gather', [table, 'ids'], { axis: { int: 0 } })
  graph.add('Gemm', [rows, table], { transB: { int: 1 } }, 'out')
  const inputs = [{ name: 'ids', elementType: INT64, dims: ['n'] }]
  writeGraph(file('tied.onnx'), graph, { inputs, outputs: [floats('out', ['n', 48])] })
  using model = openModel(file('tied.onnx'))
  const [plan] = listWeights(model)
  assert.equal(plan!.uses, ['Gather', 'Gemm'])
  const form = quantizeWeight(model, plan!, { bits: 8, blockSize: 32, zeroPoints: false })
  const [result] = await rewriteModel(model, file('tied-q.onnx'), new Map([['tied', () => [form]]]))
  assert.is(result!.runtime, 'MatMulNBits+GatherBlockQuantized')
  const feeds: Record<string, TensorValue> = {
    ids: { type: 'int64', dims: [2], data: BigInt64Array.of(1n, 47n) },
  }
  assert.ok(relativeError(await run('tied-q.onnx', feeds), await run('tied.onnx', feeds)) < 0.03)
})

test('where no quantised operator fits, the values are written as floats', async () => {
  const graph = createGraphBuilder()
  const image = graph.tensor(float32Tensor('filter', [8, 3, 3, 3], noise(216, 7)))
  const flat = graph.add('Flatten', [graph.add('Conv', ['x', image])])
  const scaled = graph.tensor(float32Tensor('scaled', [8, 40], noise(320, 8)))
  graph.add('Gemm', [flat, scaled], { alpha: { float: 0.5 } }, 'out')
  writeGraph(file('conv.onnx'), graph, {
    inputs: [floats('x', [1, 3, 3, 3])],
    outputs: [floats('out', [1, 40])],
  })
  using model = openModel(file('conv.onnx'))
  const plans = listWeights(model, { minElements: 1 })
  assert.equal(
    plans.map(({ name, rows, cols, transposed, runtime }) => [name, rows, cols, transposed, runtime]),
    [
      ['filter', 8, 27, false, 'dense'],
      ['scaled', 40, 8, true, 'dense'],
    ],
  )
  const forms = plans.map(
    (plan) =>
      [plan.name, () => [quantizeWeight(model, plan, { bits: 8, blockSize: 16, zeroPoints: true })]] as const,
  )
  const results = await rewriteModel(model, file('conv-q.onnx'), new Map(forms))
  assert.ok(results.every((result) => result.runtime === 'dense'))
  const feeds: Record<string, TensorValue> = {
    x: { type: 'float32', dims: [1, 3, 3, 3], data: noise(27, 10) },
  }
  assert.ok(relativeError(await run('conv-q.onnx', feeds), await run('conv.onnx', feeds)) < 0.02)
})

test('half-precision weights keep their type', async () => {
  const graph = createGraphBuilder()
  const half = encodeFloats(FLOAT16, noise(32 * 32, 1))!
  const kernel = graph.tensor(tensorFromBytes('half', FLOAT16, [32, 32], half))
  const product = graph.add('MatMul', [graph.add('Cast', ['x'], { to: { int: FLOAT16 } }), kernel])
  graph.add('Cast', [product], { to: { int: FLOAT32 } }, 'out')
  writeGraph(file('half.onnx'), graph, { inputs: [floats('x', [2, 32])], outputs: [floats('out', [2, 32])] })
  using model = openModel(file('half.onnx'))
  const [plan] = listWeights(model)
  const form = quantizeWeight(model, plan!, { bits: 8, blockSize: 32, zeroPoints: false })
  await rewriteModel(model, file('half-q.onnx'), new Map([['half', () => [form]]]))
  const values = { kind: 'dense' as const, data: noise(32 * 32, 2) }
  await rewriteModel(model, file('half-d.onnx'), new Map([['half', () => [values]]]))
  const feeds: Record<string, TensorValue> = { x: { type: 'float32', dims: [2, 32], data: noise(64, 3) } }
  assert.ok(relativeError(await run('half-q.onnx', feeds), await run('half.onnx', feeds)) < 0.03)
  using dense = openModel(file('half-d.onnx'))
  const read = readRows(dense, listWeights(dense)[0]!, 0, 32)
  const rounded = new Uint16Array(encodeFloats(FLOAT16, values.data)!.buffer)
  assert.equal(read, Float32Array.from(rounded, float16ToNumber))
})

test('forms of row slices make the file of the whole; wrong sizes, names and mixtures are refused', async () => {
  using model = openModel(file('small.onnx'))
  const plan = listWeights(model, { minElements: 1 }).find(({ name }) => name === 'kernel')!
  const { rows, cols } = plan
  const values = readRows(model, plan, 0, rows)
  type Form = NBits | { kind: 'dense'; data: Float32Array }
  const formOf = (from: number, to: number, init: Parameters<typeof quantize>[3]) =>
    quantize(values.subarray(from * cols, to * cols), to - from, cols, init)
  const init = { bits: 4, blockSize: 32, zeroPoints: true } as const
  const whole = formOf(0, rows, init)
  const dense = (from: number, to: number): Form => ({
    kind: 'dense',
    data: values.slice(from * cols, to * cols),
  })
  const cuts = [
    [0, 3],
    [3, 4],
    [4, rows],
  ] as const
  const written = async (forms: readonly Form[]): Promise<Buffer> => {
    await rewriteModel(model, file('sliced.onnx'), new Map([['kernel', () => forms]]))
    return readFileSync(file('sliced.onnx'))
  }
  const expected = await written([whole])
  assert.equal(await written(cuts.map(([from, to]) => formOf(from, to, init))), expected)
  const expectedDense = await written([dense(0, rows)])
  assert.equal(await written(cuts.map(([from, to]) => dense(from, to))), expectedDense)
  assert.not.equal(expectedDense, expected)
  rmSync(file('sliced.onnx'))

  const half = formOf(0, 8, init)
  const rest = (change: Partial<typeof init> | object) => formOf(8, rows, { ...init, ...change })
  const sliced = (forms: readonly Form[]): Promise<unknown> =>
    rewriteModel(model, file('bad.onnx'), new Map([['kernel', () => forms]]))
  for (const mix of [
    [],
    [half],
    [half, whole],
    [half, rest({ blockSize: 16 })],
    [half, rest({ bits: 8 })],
    [half, rest({ zeroPoints: false })],
    [half, dense(8, rows)],
    [dense(0, 8)],
    [dense(0, 8), dense(0, rows)],
  ])
    await rejects(sliced(mix), 'INVALID_ARGUMENT')

  const replace = (name: string, form: NBits | { kind: 'dense'; data: Float32Array }): Promise<unknown> =>
    rewriteModel(model, file('bad.onnx'), new Map([[name, () => [form]]]))
  await rejects(replace('bias', whole), 'INVALID_ARGUMENT')
  await rejects(replace('head', whole), 'INVALID_ARGUMENT')
  await rejects(replace('kernel', { kind: 'dense', data: new Float32Array(5) }), 'INVALID_ARGUMENT')
  await rejects(replace('kernel', { ...whole, blockSize: 24 }), 'INVALID_ARGUMENT')
  const abort = new AbortController()
  abort.abort(new VillageError('ABORTED'))
  const aborted = rewriteModel(model, file('bad.onnx'), new Map([['table', () => [whole]]]), {
    signal: abort.signal,
  })
  await rejects(aborted, 'ABORTED')
  assert.equal(
    readdirSync(directory).filter((name) => name.includes('bad') || name.endsWith('.tmp')),
    [],
  )
})

test('where the forms of a weight do not fit, what they are read from is closed', async () => {
  using model = openModel(file('small.onnx'))
  const [table] = listWeights(model, { minElements: 1 })
  const form = quantizeWeight(model, table!, { bits: 4, blockSize: 32, zeroPoints: false })
  for (const [first, second] of [
    [form, form],
    [{ kind: 'dense' as const, data: new Float32Array(5) }, form],
  ]) {
    let closed = false
    function* forms() {
      try {
        yield first!
        yield second!
      } finally {
        closed = true
      }
    }
    await rejects(rewriteModel(model, file('bad.onnx'), new Map([['table', forms]])), 'INVALID_ARGUMENT')
    assert.ok(closed)
  }
})

test('equal calls write equal bytes', async () => {
  writeSmallModel(file('again.onnx'))
  assert.equal(readFileSync(file('again.onnx')), readFileSync(file('small.onnx')))
})

test.run()
