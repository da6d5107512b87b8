/** Merging as a job: alone and shared out, the same bytes; replays, directories by path, private parents, liars. */
import { mkdir, rm, symlink } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openLanguageModel } from '../../node/compute/generate/open-language-model.ts'
import { readLanguageCard } from '../../node/compute/models/language-card.ts'
import type { JsonObject } from '../../node/json.ts'
import { type JobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { writeTinySource } from '../helpers/language-models.ts'
import { stopMeshNodes, temporaryDirectory } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { directoryOf, signal, weightsOf } from '../helpers/train-nodes.ts'

/** The first submits and lends no machine, so that the second does what is shared out. */
let owner: JobNode
let helper: JobNode
let sources = ''

const RECIPE = {
  merge_method: 'dare_ties',
  base_model: 'one',
  models: [
    { model: 'two', parameters: { weight: 0.5, density: 0.5 } },
    { model: 'three', parameters: { weight: [0.25, 0.75], density: 0.75 } },
  ],
  random_seed: 11,
}

test.before(async () => {
  const nodes = await startJobVillage([
    { federated: true, accepts: { others: false, own: false } },
    { federated: true },
  ])
  owner = nodes[0]!
  helper = nodes[1]!
  sources = await temporaryDirectory()
  for (const [index, id] of ['one', 'two', 'three'].entries()) {
    writeTinySource(path.join(sources, id), 'llama', { seed: index + 1 })
    await owner.models.add({ path: path.join(sources, id), id })
  }
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})

async function merged(params: JsonObject): Promise<JsonObject> {
  const { id } = await owner.jobs.submit({ kind: 'merge', params })
  const job = await owner.jobs.wait(id, { signal: signal() })
  assert.is(job.state, 'done', JSON.stringify(job.error))
  return { ...job.result!, tasks: job.total, peers: Object.keys(job.shares) }
}

test('a merge that was shared out has the bytes of one that was not, and runs', async () => {
  const alone = await merged({ recipe: RECIPE, id: 'alone' })
  assert.is(alone.tasks, 0, 'small models are merged at once')
  const shared = await merged({ recipe: RECIPE, id: 'shared', sliceElements: 4_000 })
  assert.ok((shared.tasks as number) > 2)
  assert.equal(shared.peers, [helper.peer])
  assert.is(shared.cid, alone.cid)

  const entry = await owner.models.need('shared')
  assert.is(entry.kind, 'language')
  assert.is(entry.parent, 'one')
  const model = await openLanguageModel(await directoryOf(owner, 'shared'), { threads: 1 })
  assert.is(model.card.layers, readLanguageCard(await directoryOf(owner, 'one')).layers)
  await model.close()
})

test('a merged model is made again from its report, bit for bit', async () => {
  const result = await merged({ replay: 'shared' })
  assert.is(result.replayed, true)
  assert.is(result.cid, (await owner.models.need('shared')).cid)
  await rejectsCode(owner.jobs.submit({ kind: 'merge', params: { replay: 'one' } }), 'INVALID_ARGUMENT')
})

test('another seed is another model', async () => {
  const other = await merged({ recipe: { ...RECIPE, random_seed: 12 }, id: 'other' })
  assert.is.not(other.cid, (await owner.models.need('alone')).cid)
})

test('directories by path give what models of the registry give', async () => {
  const recipe = {
    merge_method: 'linear',
    models: ['one', 'two'].map((id) => ({ model: path.join(sources, id), parameters: { weight: 1 } })),
  }
  const result = await merged({ recipe, id: 'by-path' })
  const files = result.files as Record<string, { files: Record<string, string> }>
  assert.ok(Object.values(files).every((one) => /^[0-9a-f]{64}$/.test(one.files['model.safetensors']!)))
  // As the cache of a hub keeps them: links to files elsewhere.
  const linked = path.join(sources, 'linked')
  await mkdir(linked)
  for (const file of ['config.json', 'tokenizer.json', 'model.safetensors'])
    await symlink(path.join(sources, 'two', file), path.join(linked, file))
  const models = [recipe.models[0]!, { ...recipe.models[1]!, model: linked }]
  const throughLinks = await merged({ recipe: { ...recipe, models }, id: 'by-link' })
  assert.is(throughLinks.parameters, result.parameters)
  assert.equal(
    weightsOf(await directoryOf(owner, 'by-link')).get('model.norm.weight'),
    weightsOf(await directoryOf(owner, 'by-path')).get('model.norm.weight'),
  )
  const named = await merged({
    recipe: { ...recipe, models: recipe.models.map((one) => ({ ...one, model: path.basename(one.model) })) },
    id: 'by-id',
  })
  assert.is(named.kind, result.kind)
})

test('a replay of what has changed meanwhile names the file', async () => {
  writeTinySource(path.join(sources, 'two'), 'llama', { seed: 22 })
  const { id } = await owner.jobs.submit({ kind: 'merge', params: { replay: 'by-path' } })
  const job = await owner.jobs.wait(id, { signal: signal() })
  assert.is(job.error?.code, 'MERGE_CHANGED')
  assert.match(job.error!.message, /; changed: model\.safetensors of \/.*two$/)
})

test('what is made of a private model is private, and no task leaves the node', async () => {
  const two = await owner.models.need('two')
  // Other bytes, or it would be the artifact that is public already.
  const directory = await directoryOf(owner, 'two')
  await rm(path.join(directory, 'config.json'), { force: true })
  const { cid, sizeBytes } = await owner.artifacts.addPath(directory, { pin: 'test', private: true })
  await owner.models.register({ ...two, id: 'mine', cid, sizeBytes, keeps: [] })
  const models = [{ ...RECIPE.models[0]!, model: 'mine' }, RECIPE.models[1]!]
  const recipe = { ...RECIPE, models, random_seed: 99 }
  const result = await merged({ recipe, id: 'secret', sliceElements: 4_000 })
  assert.is(result.tasks, 0)
  assert.is((await owner.artifacts.info(String(result.cid)))?.private, true)
})

test('what cannot be merged is refused while the client waits', async () => {
  const submit = (recipe: JsonObject, more: JsonObject = {}) =>
    owner.jobs.submit({ kind: 'merge', params: { recipe, ...more } })
  await rejectsCode(submit({ ...RECIPE, base_model: 'onee' }), 'MODEL_UNKNOWN')
  await rejectsCode(submit({ ...RECIPE, merge_methods: 'ties' }), 'MERGE_RECIPE_INVALID')
  await rejectsCode(submit(RECIPE, { id: 'one' }), 'MODEL_ID_TAKEN')
  writeTinySource(path.join(sources, 'wide'), 'llama', { seed: 9, config: { intermediate_size: 96 } })
  await owner.models.add({ path: path.join(sources, 'wide'), id: 'wide' })
  const wide = {
    merge_method: 'linear',
    models: ['one', 'wide'].map((model) => ({ model, parameters: { weight: 1 } })),
  }
  await rejectsCode(submit(wide), 'MERGE_SHAPE_MISMATCH')
})

test.run()
