/** Language models that the builder made go through compression: every codec, in every form that onnxruntime runs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { CODECS } from '../../node/compute/codecs/table.ts'
import { readLanguageCard } from '../../node/compute/models/language-card.ts'
import type { JsonObject } from '../../node/json.ts'
import { type JobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { type TinyFamily, writeTinySource } from '../helpers/language-models.ts'
import { stopMeshNodes } from '../helpers/mesh.ts'
import { openGraph } from '../helpers/run-graph.ts'

const signal = AbortSignal.timeout(150_000)
const ROW = [1, 300, 261, 270, 330, 45, 299, 281]

interface Weight {
  readonly name: string
  readonly runtime: string
}

async function logitsOf(node: JobNode, id: string, directory: string): Promise<Float32Array> {
  const { cid } = await node.models.need(id)
  const model = await node.artifacts.materialize(cid, directory)
  const graph = await openGraph(model, readLanguageCard(model))
  try {
    return await graph.prefill({ rows: [ROW] })
  } finally {
    await graph.close()
  }
}

async function compress(node: JobNode, params: JsonObject) {
  const { id } = await node.jobs.submit({
    kind: 'compress',
    params: { minElements: 1024, keep: 0, ...params },
  })
  const job = await node.jobs.wait(id, { signal })
  assert.is(job.state, 'done', JSON.stringify(job.error))
  const result = job.result as unknown as {
    id: string
    tensors: readonly Weight[]
    calibration: { cid: string | null; why: string | null }
  }
  return result
}

function relativeError(values: Float32Array, exact: Float32Array): number {
  let [error, size] = [0, 0]
  for (const [at, value] of exact.entries()) {
    error += (values[at]! - value) ** 2
    size += value ** 2
  }
  return Math.sqrt(error / size)
}

/** Codecs whose values an operator of onnxruntime has. */
const OWN_GRID: ReadonlySet<string> = new Set(['int8', 'int4', 'ternary', 'planes'])

/** One that weighs columns, one that feeds errors forward. */
const CALIBRATED: ReadonlySet<string> = new Set(['int4', 'trellis'])

/** Of the logits, after all weights of a tiny random model went through the codec at its defaults. */
const BARS: Readonly<Record<string, number>> = {
  int8: 0.03,
  int4: 0.3,
  ternary: 1.2,
  seedlm: 0.7,
  vptq: 0.6,
  trellis: 0.4,
  planes: 0.8,
}

async function addTiny(node: JobNode, directory: string, family: TinyFamily, config: JsonObject) {
  const source = join(directory, family)
  writeTinySource(source, family, { config })
  return node.models.add({ path: source })
}

test('each codec in each runtime form gives a language model that runs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'village-language-jobs-'))
  try {
    const [node] = (await startJobVillage([{}])) as [JobNode]
    const { id, kind } = await addTiny(node, directory, 'llama', {
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 1,
      num_attention_heads: 4,
    })
    assert.is(kind, 'language')
    const exact = await logitsOf(node, id, directory)
    for (const { name: codec } of CODECS)
      for (const runtime of OWN_GRID.has(codec) ? ['int8'] : ['int8', 'dense']) {
        const compressed = `${codec}-${runtime}`
        const { tensors, calibration } = await compress(node, {
          model: id,
          codec,
          runtime,
          id: compressed,
          force: true,
          // With the model's own tokenizer, on the project's sentences.
          calibrate: CALIBRATED.has(codec) && runtime === 'int8' ? 'auto' : 'none',
        })
        const tied = tensors.find(({ name }) => name === 'model.embed_tokens.weight')!
        const asOneMatrix = runtime === 'int8' || OWN_GRID.has(codec)
        assert.is(tied.runtime, asOneMatrix ? 'MatMulNBits+GatherBlockQuantized' : 'dense', compressed)
        assert.is(calibration.cid !== null, CALIBRATED.has(codec) && runtime === 'int8', `${calibration.why}`)
        const error = relativeError(await logitsOf(node, compressed, directory), exact)
        assert.ok(error > 0 && error < BARS[codec]!, `${compressed}: logits are ${error} off`)
      }
    const gpt2 = await addTiny(node, directory, 'gpt2', { n_layer: 1 })
    const before = await logitsOf(node, gpt2.id, directory)
    const { tensors } = await compress(node, { model: gpt2.id, codec: 'int4', id: 'gpt2-int4' })
    const table = tensors.find(({ name }) => name === 'transformer.wpe.weight')!
    assert.is(table.runtime, 'GatherBlockQuantized')
    const error = relativeError(await logitsOf(node, 'gpt2-int4', directory), before)
    assert.ok(error > 0 && error < BARS.int4!, `gpt2: logits are ${error} off`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})
test.run()
