/** Training as a job on real nodes: what comes out, that the data stay, and what is refused. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openLanguageModel } from '../../node/compute/generate/open-language-model.ts'
import { encodeLanguageCard, readLanguageCard } from '../../node/compute/models/language-card.ts'
import { openShards } from '../../node/compute/safetensors/read.ts'
import type { VillageEvent } from '../../node/events.ts'
import type { JsonObject } from '../../node/json.ts'
import { type JobNode, startJobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { writeTinyLanguageModel } from '../helpers/language-models.ts'
import { stopMeshNodes } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { directoryOf, QUICK, signal, trained, weightsOf, withModel } from '../helpers/train-nodes.ts'

/** Most tests share a node: what they look at is in a job of their own. */
let node: JobNode
let data = ''
let directory = ''

test.before(async () => {
  node = await startJobNode()
  const made = await withModel(node)
  data = made.data
  directory = made.directory
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})

test('full training: a model of its own, with figures, events and a report', async () => {
  const events: VillageEvent[] = []
  node.mesh.events.subscribe((event) => events.push(event))
  const job = await trained(node, { model: 'tiny', data: [data], id: 'taught', ...QUICK })

  const entry = await node.models.need('taught')
  assert.is(entry.kind, 'language')
  assert.is(entry.parent, 'tiny')
  const report = entry.report!
  assert.is(report.ended, 'steps')
  assert.equal((report.config as JsonObject).data, ['text.txt'], 'a name, and no path')
  const lines = Buffer.from(await node.artifacts.read(String(report.metrics)))
    .toString('utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.equal(
    lines.map(({ step }) => step),
    Array.from({ length: 13 }, (_, step) => step),
  )
  const heldOut = lines.flatMap(({ heldOutLoss }) => (heldOutLoss === null ? [] : [heldOutLoss as number]))
  assert.is(heldOut.length, 4)
  assert.ok(Math.min(...heldOut) < heldOut[0]! - 0.3, `the held-out loss fell: ${heldOut}`)
  const told = events.flatMap(({ type, data: figures }) => (type === 'training:metrics' ? [figures] : []))
  assert.ok(told.some(({ job: id, step }) => id === job.id && step === 12))

  const [before, after] = [await directoryOf(node, 'tiny'), await directoryOf(node, 'taught')]
  const [old, now] = [weightsOf(before), weightsOf(after)]
  assert.equal([...now.keys()], [...old.keys()])
  for (const [name, values] of now) assert.not.equal([...values], [...old.get(name)!], name)
  const card = readLanguageCard(after)
  assert.is(card.source, 'trained from tiny')
  assert.equal(
    { ...card, name: '', title: '', source: '' },
    { ...readLanguageCard(before), name: '', title: '', source: '' },
  )
  assert.ok(existsSync(path.join(after, 'tokenizer.json')))
  assert.not.ok(existsSync(path.join(node.mesh.directory, 'job-files', job.id)), 'its working files are gone')
})

test('LoRA: merged into the weights, or an adapter in the form of PEFT', async () => {
  const pairs = path.join(directory, 'pairs.jsonl')
  const line = (index: number) => JSON.stringify({ prompt: `the ${index % 10} `, completion: 'cat' })
  writeFileSync(pairs, Array.from({ length: 40 }, (_, index) => line(index)).join('\n'))
  const lora = {
    ...QUICK,
    model: 'tiny',
    data: [pairs],
    method: 'lora',
    rank: 2,
    modules: ['q_proj', 'down_proj'],
  }
  await trained(node, { ...lora, id: 'merged' })
  await trained(node, { ...lora, id: 'apart', adapter: true })
  const entry = await node.models.need('apart')
  assert.is(entry.kind, 'adapter')
  const { cid } = await node.models.need('tiny')
  assert.is(entry.base, cid)
  // Whoever gets the files learns from them what they go with.
  const added = await node.models.add({ path: await directoryOf(node, 'apart'), id: 'apart-again' })
  assert.is(added.base, cid)
  const again = node.jobs.submit({ kind: 'train', params: { ...lora, id: 'merged' } })
  await rejectsCode(again, 'MODEL_ID_TAKEN')
  const nothing = node.jobs.submit({ kind: 'compress', params: { model: 'apart', codec: 'int8' } })
  assert.match((await rejectsCode(nothing, 'MODEL_NOTHING_TO_COMPRESS')).message, /is an adapter/)

  const adapterDir = await directoryOf(node, 'apart')
  assert.equal(readdirSync(adapterDir).sort(), ['adapter_config.json', 'adapter_model.safetensors'])
  using adapter = openShards(adapterDir, ['adapter_model.safetensors'])
  const matrix = (module: string, half: string) => {
    const found = adapter.tensors.find(
      ({ name }) => name === `base_model.model.${module}.lora_${half}.weight`,
    )!
    return { shape: found.shape, values: adapter.readFloats(found, 0, found.elements) }
  }
  const old = weightsOf(await directoryOf(node, 'tiny'))
  const merged = weightsOf(await directoryOf(node, 'merged'))
  let changed = 0
  for (const [name, values] of merged) {
    const module = name.replace(/\.weight$/, '')
    if (!/q_proj|down_proj/.test(name)) {
      assert.equal([...values], [...old.get(name)!], name)
      continue
    }
    changed += 1
    const [down, up] = [matrix(module, 'A'), matrix(module, 'B')]
    const [rank, inputs] = down.shape as [number, number]
    const outputs = up.shape[0]!
    assert.is(rank, 2)
    for (let input = 0; input < inputs; input++)
      for (let output = 0; output < outputs; output++) {
        let sum = 0
        for (let k = 0; k < rank; k++) sum += down.values[k * inputs + input]! * up.values[output * rank + k]!
        const at = input * outputs + output
        // alpha is twice the rank where it is not given.
        assert.ok(Math.abs(values[at]! - (old.get(name)![at]! + 2 * sum)) < 1e-6)
      }
  }
  assert.is(changed, 4, 'two modules in each of two layers')

  const request = {
    tokens: [1, 40, 41],
    maxTokens: 6,
    sampling: { temperature: 0 },
    logProbabilities: 0,
    ignoreEnd: true,
  }
  const said = async (modelDir: string, adapter?: string) => {
    const model = await openLanguageModel(modelDir, { threads: 1, adapters: adapter !== undefined })
    const given = adapter === undefined ? request : { ...request, adapter }
    const [generation] = await model.generate([given], signal())
    await model.close()
    return generation!.logProbabilities!
  }
  const plain = await said(await directoryOf(node, 'tiny'))
  const inside = await said(await directoryOf(node, 'merged'))
  const beside = await said(await directoryOf(node, 'tiny'), adapterDir)
  for (const [index, { token, logProbability }] of inside.entries()) {
    assert.is(beside[index]!.token, token)
    assert.ok(Math.abs(beside[index]!.logProbability - logProbability) < 1e-4)
  }
  assert.ok(Math.abs(plain[0]!.logProbability - inside[0]!.logProbability) > 1e-3, 'it has learned something')
})

test('what is learned from stays on the node: no peer gets the task, and no artifact has the data', async () => {
  const [owner, peer] = (await startJobVillage([{}, {}])) as [JobNode, JobNode]
  const { data: own } = await withModel(owner)
  const offered: string[] = []
  peer.mesh.events.subscribe(({ type, data: figures }) => {
    if (type === 'task:changed') offered.push(JSON.stringify(figures))
  })
  const job = await trained(owner, { model: 'tiny', data: [own], ...QUICK })
  assert.equal(Object.keys(job.shares), [owner.peer])
  assert.equal(offered, [])
  assert.equal(
    peer.jobs
      .work()
      .flatMap(({ owner: of, leases }) => (of === owner.peer ? [leases] : []))
      .filter(Boolean),
    [],
  )
  for (const { cid, kind } of await owner.artifacts.list())
    if (kind === 'file')
      assert.not.ok(Buffer.from(await owner.artifacts.read(cid)).includes('the cat sat on'), cid)
})

/** A model whose card says other things than usual. */
async function register(id: string, change: { adapters?: boolean; layout?: 'hub' }): Promise<void> {
  const made = path.join(directory, id)
  const { card } = writeTinyLanguageModel(made, 'llama', { adapters: change.adapters ?? true })
  writeFileSync(
    path.join(made, 'model.json'),
    encodeLanguageCard({ ...card, layout: change.layout ?? card.layout }),
  )
  const { cid, sizeBytes } = await node.artifacts.addPath(made, { name: id })
  const { parameters, name } = card
  const facts = {
    id,
    cid,
    sizeBytes,
    parameters,
    name,
    source: 'a test',
    parent: null,
    report: null,
    keeps: [],
  }
  await node.models.register({ ...facts, kind: 'language' })
}

test('what cannot be trained is refused before anything runs', async () => {
  const submit = (params: JsonObject) => node.jobs.submit({ kind: 'train', params })
  const base = { model: 'tiny', data: [data] }
  await rejectsCode(submit({ ...base, data: [path.join(directory, 'none.txt')] }), 'FILE_UNREADABLE')
  await rejectsCode(submit({ ...base, data: ['text.txt'] }), 'INVALID_ARGUMENT')
  await rejectsCode(submit({ ...base, length: 4096 }), 'INVALID_ARGUMENT')
  await rejectsCode(submit({ ...base, colour: 'red' }), 'INVALID_ARGUMENT')
  await rejectsCode(submit({ ...base, adapter: true }), 'INVALID_ARGUMENT')
  const large = await rejectsCode(submit({ ...base, batch: 4096, length: 256 }), 'RESOURCES_INSUFFICIENT')
  assert.ok(Number(large.fields.batch) > 0, 'it says what would fit')
  assert.match(large.message, `--batch ${large.fields.batch}`)
  await node.models.add({ embedded: 'encoder' })
  await rejectsCode(submit({ ...base, model: 'encoder' }), 'INVALID_ARGUMENT')
  await register('bare', { adapters: false })
  await rejectsCode(submit({ ...base, model: 'bare', method: 'lora' }), 'TRAIN_MODEL_UNSUITABLE')
  await register('finished', { layout: 'hub' })
  await rejectsCode(submit({ ...base, model: 'finished' }), 'TRAIN_MODEL_UNSUITABLE')
  const bad = path.join(directory, 'bad.jsonl')
  writeFileSync(bad, '{"text":"fine"}\n{"prompt":"no answer"}\n')
  const { id } = await submit({ ...base, data: [bad], ...QUICK })
  const job = await node.jobs.wait(id, { signal: signal() })
  assert.is(job.error!.code, 'TRAIN_DATA_INVALID')
  assert.match(job.error!.message, 'bad.jsonl, line 2')
})

test.run()
