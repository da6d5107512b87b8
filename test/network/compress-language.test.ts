/** Compressing a language model: its quality is measured without any data being given. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { JsonObject } from '../../node/json.ts'
import { type JobNode, startJobNode } from '../helpers/job-nodes.ts'
import { writeTinyLanguageModel } from '../helpers/language-models.ts'
import { end, stopAll } from '../helpers/toy-village.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-compress-language-'))
let node: JobNode
test.before(async () => {
  node = await startJobNode()
  await node.mesh.villages.create({ name: 'language', open: false })
  const directory = path.join(root, 'tiny')
  writeTinyLanguageModel(directory, 'llama', { seed: 5 })
  await node.models.add({ path: directory, id: 'tiny' })
})
test.after(async () => {
  await stopAll()
  rmSync(root, { recursive: true, force: true })
})

/** The tiny model's weights are all below the size that is compressed otherwise. */
const compress = async (params: JsonObject) => {
  const { id } = await node.jobs.submit({
    kind: 'compress',
    params: { model: 'tiny', minElements: 512, calibrate: 'none', ...params },
  })
  return end(node, id)
}

test('8 bits keep nearly all, and the report says of what', async () => {
  const { state, result, error } = await compress({ codec: 'int8', id: 'tiny-8' })
  assert.is(state, 'done', JSON.stringify(error))
  const quality = result!.quality as JsonObject
  assert.is(quality.measure, 'how likely the original finds its own texts')
  const kept = quality.kept as { value: number; low: number; high: number }
  assert.ok(kept.value > 0.98 && kept.value <= 1, JSON.stringify(kept))
  assert.ok(kept.low <= kept.value && kept.value <= kept.high)
  const compressed = await node.models.need('tiny-8')
  assert.is(compressed.kind, 'language')
})

test('a model whose likelihoods move more than allowed is not published', async () => {
  const { state, error } = await compress({ codec: 'int4', suite: 'likelihood', keep: 1, id: 'tiny-4' })
  assert.is(state, 'failed')
  assert.is(error!.code, 'COMPRESS_QUALITY_LOW')
  assert.match(error!.message, /of the suite "likelihood"/)
  assert.is(await node.models.get('tiny-4'), null)
})

test('a suite that is named is read instead of what the model writes', async () => {
  const { state, result, error } = await compress({ codec: 'int8', suite: 'likelihood', id: 'tiny-suite' })
  assert.is(state, 'done', JSON.stringify(error))
  assert.is((result!.quality as JsonObject).measure, 'the suite "likelihood"')
})

test('auto finds the smallest model that keeps a share', async () => {
  const { state, result, error } = await compress({
    codec: 'auto',
    target: { quality: 0.97 },
    id: 'tiny-auto',
  })
  assert.is(state, 'done', JSON.stringify(error))
  const quality = result!.quality as JsonObject
  assert.ok((quality.kept as { value: number }).value >= 0.97)
})

test('a suite that needs data is no gate', async () => {
  await node.jobs.submit({ kind: 'compress', params: { model: 'tiny', codec: 'int8', suite: 'mmlu' } }).then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, /needs no data/),
  )
})

test.run()
