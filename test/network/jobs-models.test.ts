/** The main job on real services: three nodes compress the embedded encoder together and evaluate what is left of it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { MODEL_FILE } from '../../node/compute/models/model-files.ts'
import type { JsonObject } from '../../node/json.ts'
import { type JobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { stopMeshNodes } from '../helpers/mesh.ts'

const signal = AbortSignal.timeout(150_000)
let nodes: JobNode[] = []

async function run(node: JobNode, kind: string, params: JsonObject) {
  const { id } = await node.jobs.submit({ kind, params })
  const summary = await node.jobs.wait(id, { signal })
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  return summary
}

const at = (value: unknown, ...keys: (string | number)[]): number =>
  keys.reduce((found: unknown, key) => (found as Record<string | number, unknown>)[key], value) as number

test('three nodes compress the encoder: the output is that of one node alone', async () => {
  nodes = await startJobVillage([{}, {}, {}])
  const [owner, helper] = nodes as [JobNode, JobNode]
  const model = await owner.models.add({ embedded: 'encoder' })
  assert.is(model.kind, 'encoder')
  const job = await run(owner, 'compress', { model: 'encoder', codec: 'int4', calibrate: 'none' })
  const result = job.result!
  assert.is(result.id, 'encoder-int4')
  assert.ok(at(result, 'totals', 'bitsPerWeight') > 4 && at(result, 'totals', 'bitsPerWeight') < 5)
  assert.ok(at(result, 'totals', 'relativeError') < 0.15)
  assert.ok(at(result, 'totals', 'ratio') > 6)
  const done = Object.values(job.shares).reduce((sum, share) => sum + share.tasks, 0)
  assert.is(done, job.total)

  // Alone, on another node: every byte the same.
  await helper.models.add({ embedded: 'encoder' })
  owner.resources.set({ others: false, own: true })
  nodes[2]!.resources.set({ others: false, own: true })
  const alone = await run(helper, 'compress', { model: 'encoder', codec: 'int4', calibrate: 'none' })
  assert.equal(Object.keys(alone.shares), [helper.peer])
  assert.is(at(alone.result, 'runnable', 'cid'), at(result, 'runnable', 'cid'))
  assert.is(at(alone.result, 'packed', 'cid'), at(result, 'packed', 'cid'))
  for (const node of nodes) node.resources.set({ others: true, own: true })
})

test('the packed form alone makes an ordinary model with the same values', async () => {
  const [owner] = nodes as [JobNode]
  const entry = await owner.models.need('encoder-int4')
  const report = entry.report!
  const directory = await mkdtemp(path.join(tmpdir(), 'village-packed-'))
  try {
    const packedDir = await owner.artifacts.materialize(String(at(report, 'packed', 'cid')), directory)
    const outDir = path.join(directory, 'unpacked')
    await owner.pool.run('packed.unpack', { packedDir, outDir }, { signal })
    const modelPath = path.join(outDir, MODEL_FILE)
    const facts = await owner.pool.run('model.inspect', { modelPath }, { signal })
    assert.is(facts.parameters, entry.parameters)
    const texts = ['A boat crosses the lake at dawn.', 'The parliament voted on the budget.']
    const dense = await owner.pool.run('encoder.embed', { modelDir: outDir, texts }, { signal })
    const runnable = await owner.artifacts.materialize(entry.cid, directory)
    const inspected = await owner.models.inspect('encoder-int4')
    const { parameters } = await owner.pool.run(
      'model.inspect',
      { modelPath: path.join(runnable, MODEL_FILE) },
      { signal },
    )
    assert.is(parameters, inspected.parameters, 'a quantised weight counts as what it stands for')
    const quantised = await owner.pool.run('encoder.embed', { modelDir: runnable, texts }, { signal })
    let dot = 0
    let a = 0
    let b = 0
    for (const [index, value] of dense.vectors.entries()) {
      dot += value * quantised.vectors[index]!
      a += value ** 2
      b += quantised.vectors[index]! ** 2
    }
    assert.ok(dot / Math.sqrt(a * b) > 0.98, `cosine ${dot / Math.sqrt(a * b)}`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('a peer that fetches the packed form alone makes the runnable model of it, byte for byte', async () => {
  const [owner, , third] = nodes as [JobNode, JobNode, JobNode]
  const { report, cid } = await owner.models.need('encoder-int4')
  const packed = (report as unknown as { packed: { cid: string } }).packed.cid
  await third.artifacts.fetch(packed, { signal })
  const directory = await mkdtemp(path.join(tmpdir(), 'village-fetched-'))
  try {
    const out = path.join(directory, 'model')
    await third.models.unpack(packed, { directory: out, runtime: 'int8', signal })
    const model = await third.models.add({ path: out, id: 'fetched' })
    assert.is(model.cid, cid)
    assert.is(model.kind, 'encoder')
    assert.is(model.base, (await owner.models.need('encoder')).cid, 'it says what it was made of')
    assert.match(model.notes.join(), /compressed with int4, to 4\.\d+ bits a weight/)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('an evaluation compares the compressed model with the original', async () => {
  const [owner] = nodes as [JobNode]
  const job = await run(owner, 'evaluate', { models: ['encoder', 'encoder-int4'] })
  const models = job.result!.models as unknown as {
    model: string
    scores: Record<string, { value: number }>
  }[]
  assert.is(models.length, 2)
  const scores = models[1]!.scores
  assert.ok(scores.neighbourAgreement!.value > 0.8, `agreement ${scores.neighbourAgreement!.value}`)
  assert.ok(scores.spearman!.value > 0.95, `spearman ${scores.spearman!.value}`)
})

test('what cannot be compressed or evaluated is refused before a job exists', async () => {
  const [owner] = nodes as [JobNode]
  const before = owner.jobs.list().length
  for (const [kind, params, code] of [
    ['compres', {}, 'JOB_KIND_UNKNOWN'],
    ['compress', { model: 'encodr', codec: 'int4' }, 'MODEL_UNKNOWN'],
    ['compress', { model: 'encoder', codec: 'int5' }, 'INVALID_ARGUMENT'],
    ['compress', { model: 'encoder', codec: 'int4', params: { blockSize: 7 } }, 'INVALID_ARGUMENT'],
    ['compress', { model: 'encoder', codec: 'int4', unknown: 1 }, 'INVALID_ARGUMENT'],
    ['compress', { model: 'encoder', codec: 'int4', id: 'bad id!' }, 'INVALID_ARGUMENT'],
    ['compress', { model: 'encoder', codec: 'int4', id: 'encoder' }, 'MODEL_ID_TAKEN'],
    ['compress', { model: 'encoder-int4', codec: 'int4' }, 'MODEL_NOTHING_TO_COMPRESS'],
    ['compress', { model: 'encoder', codec: 'ternary' }, 'CODEC_NEEDS_FORCE'],
    ['compress', { model: 'encoder', codec: 'int4', minElements: 2 ** 40 }, 'MODEL_NOTHING_TO_COMPRESS'],
    ['evaluate', { models: [] }, 'INVALID_ARGUMENT'],
    ['evaluate', { models: ['encoder'], suite: 'nothing' }, 'INVALID_ARGUMENT'],
  ] as const)
    try {
      await owner.jobs.submit({ kind, params: params as JsonObject })
      assert.unreachable(`${kind} ${JSON.stringify(params)} was accepted`)
    } catch (error) {
      assert.is((error as { code?: string }).code, code, `${(error as Error).message}`)
    }
  assert.is(owner.jobs.list().length, before)
})

test('a job whose inputs are nowhere fails with the reason instead of trying for ever', async () => {
  const [owner] = nodes as [JobNode]
  const { cid } = await owner.models.need('encoder-int4')
  for (const node of nodes) node.resources.set({ others: false, own: false })
  const job = await owner.jobs.submit({ kind: 'evaluate', params: { models: ['encoder-int4'] } })
  for (const node of nodes)
    if (await node.artifacts.info(cid)) await node.artifacts.remove(cid, { force: true })
  for (const node of nodes) node.resources.set({ others: true, own: true })
  const ended = await owner.jobs.wait(job.id, { signal })
  assert.is(ended.state, 'failed')
  assert.ok(['ARTIFACT_UNAVAILABLE', 'ARTIFACT_MISSING'].includes(ended.error!.code), ended.error!.code)
  try {
    await owner.jobs.submit({ kind: 'evaluate', params: { models: ['encoder-int4'] } })
    assert.unreachable('a model without files was accepted')
  } catch (error) {
    assert.is((error as { code?: string }).code, 'ARTIFACT_MISSING')
  }
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})
test.run()
