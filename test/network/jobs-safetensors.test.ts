/** A model of safetensors on real services: added, compressed by a job, its packed form unpacked by id and by CID. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { openSafetensors } from '../../node/compute/safetensors/read.ts'
import {
  bytesOf,
  safetensors,
  type TestTensor,
  writeShards,
} from '../compute/safetensors/small-safetensors.ts'
import { type JobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { stopMeshNodes } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { gaussianMatrix } from '../helpers/weights.ts'

const signal = AbortSignal.timeout(120_000)
let directory = ''
let node: JobNode

const matrix = (name: string, rows: number, cols: number, seed: number): TestTensor => ({
  name,
  dtype: 'F32',
  shape: [rows, cols],
  bytes: bytesOf(gaussianMatrix(rows, cols, seed).data),
})
const TENSORS = [
  matrix('embed.weight', 200, 128, 1),
  matrix('up.weight', 256, 128, 2),
  { ...matrix('norm.weight', 1, 128, 3), shape: [128] },
]

test.before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'village-safetensors-'))
  node = (await startJobVillage([{}]))[0]!
})

test('a job compresses its matrices; unpacking gives the shards back', async () => {
  const source = path.join(directory, 'source')
  await mkdir(source)
  writeShards(source, { 'a.safetensors': TENSORS.slice(0, 1), 'b.safetensors': TENSORS.slice(1) })
  await writeFile(path.join(source, 'config.json'), '{}')
  const added = await node.models.add({ path: source, id: 'weights', weightsOnly: true })
  assert.is(added.kind, 'safetensors')
  assert.is(added.parameters, 456 * 128 + 128)

  const { id } = await node.jobs.submit({ kind: 'compress', params: { model: 'weights', codec: 'int8' } })
  const job = await node.jobs.wait(id, { signal })
  assert.is(job.state, 'done', JSON.stringify(job.error))
  const report = job.result as { id: string; packed: { cid: string }; runnable: { cid: string } }
  assert.is(report.runnable.cid, report.packed.cid, 'there is no graph that could run')
  const entry = await node.models.need(report.id)
  assert.is(entry.kind, 'packed')
  assert.ok((await node.models.inspect(entry.id)).tensors)
  assert.ok(entry.sizeBytes < added.sizeBytes / 3)

  for (const name of [entry.id, report.packed.cid]) {
    const out = path.join(directory, `out-${name.length}`)
    await node.models.unpack(name, { directory: out, runtime: 'float', signal })
    assert.equal((await readdir(out)).sort(), [
      'a.safetensors',
      'b.safetensors',
      'config.json',
      'model.safetensors.index.json',
    ])
    using model = openSafetensors(out)
    const up = model.tensors.find(({ name: tensor }) => tensor === 'up.weight')!
    const original = gaussianMatrix(256, 128, 2).data
    let error = 0
    let norm = 0
    for (const [i, value] of model.readFloats(up, 0, up.elements).entries()) {
      error += (value - original[i]!) ** 2
      norm += original[i]! ** 2
    }
    assert.ok(error > 0 && error / norm < 2e-4, `${error / norm}`)
    await rejectsCode(
      node.models.unpack(name, { directory: out, runtime: 'float', signal }),
      'INVALID_ARGUMENT',
    )
  }
  await rejectsCode(
    node.models.unpack(entry.id, { directory: path.join(directory, 'x'), runtime: 'int8', signal }),
    'INVALID_ARGUMENT',
  )
  await rejectsCode(
    node.models.unpack('weights', { directory: path.join(directory, 'x'), runtime: 'float', signal }),
    'MODEL_NOT_PACKED',
  )
  assert.equal((await readdir(directory)).sort(), [`out-${entry.id.length}`, 'out-59', 'source'].sort())
})

test('a single file of safetensors is a model', async () => {
  const file = path.join(directory, 'Small Model.safetensors')
  await writeFile(file, safetensors(TENSORS))
  const entry = await node.models.add({ path: file })
  assert.equal([entry.id, entry.kind, entry.parameters], ['small-model', 'safetensors', 456 * 128 + 128])
  await writeFile(file, safetensors(TENSORS).subarray(0, -5))
  await rejectsCode(node.models.add({ path: file, id: 'cut' }), 'MODEL_MALFORMED')
  await rm(file)
})

test('a packed directory can be added again as a model', async () => {
  const { cid } = await node.models.need('weights-int8')
  const packed = await node.artifacts.materialize(cid, path.join(directory, 'models'))
  const again = await node.models.add({ path: packed, id: 'again' })
  assert.is(again.kind, 'packed')
  assert.is(again.cid, cid)
  await rejectsCode(
    node.jobs.submit({ kind: 'compress', params: { model: 'again', codec: 'int4' } }),
    'MODEL_NOTHING_TO_COMPRESS',
  )
})

test.after(async () => {
  await stopJobNodes()
  await stopMeshNodes()
  await rm(directory, { recursive: true, force: true })
})
test.run()
