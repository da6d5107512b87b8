import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { listWeights, readRows } from '../../../node/compute/onnx/weights.ts'
import { createGraphBuilder } from '../../../node/compute/onnx/write.ts'
import type { VillageError } from '../../../node/errors.ts'
import { floats, noise, writeGraph, writeSmallModel } from './small-models.ts'

const directory = mkdtempSync(join(tmpdir(), 'village-weights-'))
const file = (name: string): string => join(directory, name)
const test = suite('ONNX weights')

test.before(() => {
  writeSmallModel(file('small.onnx'))
})

test.after(() => rmSync(directory, { recursive: true, force: true }))

test('weights are listed as rows of output channels, whatever their orientation', () => {
  using model = openModel(file('small.onnx'))
  const plans = listWeights(model, { minElements: 1 })
  const facts = plans.map(({ name, rows, cols, transposed, runtime, uses }) => [
    name,
    rows,
    cols,
    transposed,
    runtime,
    uses,
  ])
  assert.equal(facts, [
    ['table', 50, 40, false, 'quantized', ['Gather']],
    ['kernel', 24, 40, true, 'quantized', ['MatMul']],
    ['head', 16, 24, false, 'quantized', ['Gemm']],
  ])
  assert.equal(
    listWeights(model).map((plan) => plan.name),
    ['table'],
  )
  const kernel = noise(40 * 24, 2)
  const plan = plans[1]!
  const whole = readRows(model, plan, 0, 24)
  for (let row = 0; row < 24; row++)
    for (let col = 0; col < 40; col++) assert.is(whole[row * 40 + col], kernel[col * 24 + row])
  // Narrow and broad slices take different ways to the same rows.
  assert.equal(readRows(model, plan, 5, 2), whole.slice(5 * 40, 7 * 40))
  assert.equal(readRows(model, plan, 3, 20), whole.slice(3 * 40, 23 * 40))
  assert.equal(readRows(model, plans[0]!, 7, 3), noise(50 * 40, 1).slice(280, 400))
  assert.throws(
    () => readRows(model, plan, 20, 5),
    (error: VillageError) => error.code === 'INVALID_ARGUMENT',
  )
})

test('weights with other readers are left alone', () => {
  const graph = createGraphBuilder()
  const used = graph.tensor(float32Tensor('used', [40, 40], noise(1600, 1)))
  graph.add('Add', [graph.add('MatMul', ['x', used]), used], undefined, 'out')
  const both = graph.tensor(float32Tensor('both', [40, 40], noise(1600, 2)))
  graph.add('MatMul', ['x', both], undefined, 'a')
  graph.add('Gemm', ['x', both], { transB: { int: 1 } }, 'b')
  const result = graph.tensor(float32Tensor('result', [40, 40], noise(1600, 3)))
  graph.add('MatMul', ['x', result], undefined, 'c')
  const left = graph.tensor(float32Tensor('left', [40, 40], noise(1600, 4)))
  graph.add('MatMul', [left, 'x'], undefined, 'd')
  writeGraph(file('readers.onnx'), graph, {
    inputs: [floats('x', [40, 40])],
    outputs: [
      floats('result', [40, 40]),
      ...['out', 'a', 'b', 'c', 'd'].map((name) => floats(name, [40, 40])),
    ],
  })
  using model = openModel(file('readers.onnx'))
  assert.equal(
    listWeights(model).map((plan) => [plan.name, plan.runtime]),
    [['both', 'dense']],
  )
})

test.run()
