/** Models with everything that is not ordinary, through every codec: the right answer or a clear error. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CODECS } from '../../node/compute/codecs/table.ts'
import { BFLOAT16, encodeFloats, FLOAT16, FLOAT32 } from '../../node/compute/onnx/data-types.ts'
import { tensorFromBytes } from '../../node/compute/onnx/encode.ts'
import { openModel } from '../../node/compute/onnx/read.ts'
import { listWeights, readRows } from '../../node/compute/onnx/weights.ts'
import { createGraphBuilder } from '../../node/compute/onnx/write.ts'
import type { JsonObject } from '../../node/json.ts'
import { floats, writeGraph } from '../compute/onnx/small-models.ts'
import { type JobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { stopMeshNodes } from '../helpers/mesh.ts'
import { gaussianMatrix } from '../helpers/weights.ts'

const signal = AbortSignal.timeout(150_000)
let directory = ''
let node: JobNode

interface Weight {
  readonly name: string
  readonly dims: readonly [number, number]
  readonly elementType: number
  readonly values: Float32Array
}

const gaussian = (name: string, rows: number, cols: number, elementType = FLOAT32): Weight => ({
  name,
  dims: [rows, cols],
  elementType,
  values: gaussianMatrix(rows, cols, rows * 1000 + cols).data,
})

const WEIGHTS: readonly Weight[] = [
  gaussian('plain', 64, 48),
  gaussian('one', 1, 1),
  gaussian('row', 1, 37),
  gaussian('column', 37, 1),
  gaussian('odd', 13, 29),
  gaussian('half', 33, 17, FLOAT16),
  gaussian('brain', 31, 18, BFLOAT16),
  { ...gaussian('zeros', 16, 24), values: new Float32Array(16 * 24) },
  { ...gaussian('tiny', 8, 40), values: gaussianMatrix(8, 40, 5).data.map((value) => value * 1e-30) },
]

/** Each weight multiplies an input of its own: whether the graph runs is not what is looked at. */
async function addModel(id: string, weights: readonly Weight[]): Promise<void> {
  const graph = createGraphBuilder()
  for (const { name, dims, elementType, values } of weights) {
    const tensor = graph.tensor(tensorFromBytes(name, elementType, dims, encodeFloats(elementType, values)!))
    graph.add('MatMul', [`x_${name}`, tensor], undefined, `y_${name}`)
  }
  const source = path.join(directory, id)
  await mkdir(source)
  writeGraph(path.join(source, 'model.onnx'), graph, {
    inputs: weights.map(({ name, dims }) => floats(`x_${name}`, ['n', dims[0]])),
    outputs: weights.map(({ name, dims }) => floats(`y_${name}`, ['n', dims[1]])),
  })
  await node.models.add({ path: source, id })
}

async function compress(params: JsonObject) {
  const { id } = await node.jobs.submit({ kind: 'compress', params: { minElements: 1, keep: 0, ...params } })
  return node.jobs.wait(id, { signal })
}

function valuesIn(modelDirectory: string): Map<string, Float32Array> {
  using model = openModel(path.join(modelDirectory, 'model.onnx'))
  return new Map(
    listWeights(model, { minElements: 1 }).map((plan) => [plan.name, readRows(model, plan, 0, plan.rows)]),
  )
}

test.before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'village-odd-'))
  node = (await startJobVillage([{}]))[0]!
  await addModel('odd', WEIGHTS)
})

for (const { name: codec } of CODECS)
  test(`${codec}: odd shapes, single elements, zeros, half and brain floats come back as what they were`, async () => {
    const job = await compress({ model: 'odd', codec, force: true })
    assert.is(job.state, 'done', JSON.stringify(job.error))
    const { id } = job.result as { id: string }
    const out = path.join(directory, `out-${codec}`)
    await node.models.unpack(id, { directory: out, runtime: 'float', signal })
    const before = valuesIn(path.join(directory, 'odd'))
    const after = valuesIn(out)
    assert.equal([...after.keys()], [...before.keys()])
    for (const [name, values] of after) {
      const original = before.get(name)!
      let error = 0
      let norm = 0
      for (const [i, value] of values.entries()) {
        error += (value - original[i]!) ** 2
        norm += original[i]! ** 2
      }
      if (norm === 0) assert.is(error, 0, `${name} is not zero any more`)
      // Better than leaving the tensor out, which is all that few weights allow; what codecs can do is tested by codec.
      else if (name !== 'tiny') assert.ok(error <= norm, `${name}: ${error / norm}`)
      assert.ok(values.every(Number.isFinite), `${name} is not finite`)
    }
    for (const runtime of ['int8', 'dense'] as const) {
      const run = path.join(directory, `run-${codec}-${runtime}`)
      await node.models.unpack(id, { directory: run, runtime, signal })
      using model = openModel(path.join(run, 'model.onnx'))
      assert.is(model.graph.nodes.length, WEIGHTS.length)
    }
  })

for (const [what, value] of [
  ['nan', Number.NaN],
  ['infinite', Number.NEGATIVE_INFINITY],
] as const)
  test(`a weight that is ${what} is named, whatever the codec`, async () => {
    const weight = gaussian('broken', 40, 30)
    weight.values[517] = value
    await addModel(what, [gaussian('whole', 20, 20), weight])
    for (const { name: codec } of CODECS) {
      const job = await compress({ model: what, codec, force: true })
      assert.is(job.state, 'failed', codec)
      assert.is(job.error!.code, 'CODEC_NON_FINITE', `${codec}: ${job.error!.message}`)
    }
  })

test('a model without a weight to compress is refused', async () => {
  const graph = createGraphBuilder()
  graph.add('Relu', ['x'], undefined, 'y')
  const source = path.join(directory, 'none')
  await mkdir(source)
  writeGraph(path.join(source, 'model.onnx'), graph, {
    inputs: [floats('x', ['n'])],
    outputs: [floats('y', ['n'])],
  })
  await node.models.add({ path: source, id: 'none' })
  try {
    await compress({ model: 'none', codec: 'int4' })
    assert.unreachable('it was accepted')
  } catch (error) {
    assert.is((error as { code?: string }).code, 'MODEL_NOTHING_TO_COMPRESS')
  }
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
  await rm(directory, { recursive: true, force: true })
})
test.run()
