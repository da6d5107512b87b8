/** A model that one member shares is pulled by another, with its card, and what members claim is checked. */
import path from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PullRecord } from '../../node/compute/hub/pull-record.ts'
import { createPulls, type Pulls } from '../../node/compute/hub/pulls.ts'
import { readLanguageCard } from '../../node/compute/models/language-card.ts'
import { decodeShares } from '../../node/compute/models/shares.ts'
import { MAX_SHARES_BYTES, SHARES_TOPIC, SharesAnnouncement } from '../../node/mesh/protocols/model-shares.ts'
import { type JobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { writeTinySource } from '../helpers/language-models.ts'
import { stopMeshNodes, TEST_LOG, temporaryDirectory, until } from '../helpers/mesh.ts'
import { rejectsCode, throwsCode } from '../helpers/throws.ts'

let owner: JobNode
let member: JobNode
let pulls: Pulls

async function ended(id: string): Promise<PullRecord> {
  await until('the pull has ended', () => pulls.need(id).state !== 'running')
  return pulls.need(id)
}

test.before(async () => {
  const [first, second] = await startJobVillage([{}, {}])
  owner = first!
  member = second!
  const { models, artifacts, shares, mesh } = member
  pulls = createPulls(
    { models, artifacts, shares, store: mesh.store, events: mesh.events, log: TEST_LOG },
    {
      directory: path.join(mesh.directory, 'pulls'),
      modelsDirectory: path.join(mesh.directory, 'models'),
      hubUrl: 'https://hub.invalid',
      token: null,
      environment: {},
      version: '0.0.0',
    },
  )
  await pulls.start(AbortSignal.timeout(60_000))
})

test('what is shared is heard of, pulled with its card, and not heard of any more when that ends', async () => {
  const source = await temporaryDirectory()
  writeTinySource(source, 'llama')
  const entry = await owner.models.add({ path: source, id: 'tiny' })
  assert.equal(member.shares.list(), [], 'nothing is shared by itself')
  await rejectsCode(pulls.pull({ source: 'village:tiny' }), 'SHARE_UNKNOWN')
  await owner.models.setShared('tiny', true)
  await until('the model is heard of', () => member.shares.list().length === 1)
  const { id, kind, cid, parameters, sizeBytes } = entry
  assert.equal(member.shares.list(), [
    { id, name: entry.name, kind, cid, parameters, sizeBytes, peers: [owner.peer] },
  ])
  assert.ok(owner.shares.isShared(cid))
  assert.match(throwsCode(() => member.shares.find('tine'), 'SHARE_UNKNOWN').message, 'did you mean "tiny"')

  const record = await ended((await pulls.pull({ source: 'village:tiny' })).id)
  assert.is(record.state, 'done', JSON.stringify(record.error))
  const pulled = await member.models.need(record.model!)
  assert.equal([pulled.id, pulled.kind, pulled.cid, pulled.name], ['tiny', 'language', entry.cid, entry.name])
  const directory = await member.artifacts.materialize(pulled.cid, path.join(member.mesh.directory, 'models'))
  assert.is(readLanguageCard(directory).task, 'text-generation')
  const again = await ended((await pulls.pull({ source: `village:${entry.cid}`, id: 'again' })).id)
  assert.is((await member.models.need(again.model!)).cid, entry.cid)

  await owner.models.setShared('tiny', false)
  await until('it is not heard of any more', () => member.shares.list().length === 0)
  assert.not(owner.shares.isShared(cid))
})

test('what a member calls a model is looked at before it is one', async () => {
  const { cid } = await owner.artifacts.addStream(Readable.from([Buffer.from('not a model')]), {
    name: 'x',
    pin: 'test',
  })
  const lie = { id: 'lie', name: 'A lie', kind: 'language', cid, parameters: 1, sizeBytes: 11 }
  const bytes = SharesAnnouncement.encode({ timeMs: Date.now(), models: [lie] })
  await owner.mesh.mesh.publish(SHARES_TOPIC, bytes)
  await until('the lie is heard', () => member.shares.list().some((model) => model.id === 'lie'))
  const record = await ended((await pulls.pull({ source: 'village:lie' })).id)
  assert.is(record.state, 'failed')
  assert.is(await member.models.get('lie'), null)
})

test('announcements are checked', () => {
  const good = { id: 'a', name: 'b', kind: 'onnx', cid: `b${'a'.repeat(58)}`, parameters: 1, sizeBytes: 1 }
  const decode = (change: object) =>
    decodeShares(SharesAnnouncement.encode({ timeMs: 1, models: [{ ...good, ...change }] }))
  assert.equal(decode({})?.models, [good])
  for (const change of [
    { id: '' },
    { id: 'a\u001b[31m' },
    { name: 'x\u202ey' },
    { kind: 'program' },
    { cid: '../../x' },
    { cid: '' },
  ])
    assert.is(decode(change), null, JSON.stringify(change))
  const most = Array.from({ length: 64 }, () => ({
    ...good,
    id: 'i'.repeat(64),
    name: 'n'.repeat(256),
    cid: 'b'.repeat(96),
  }))
  assert.ok(SharesAnnouncement.encode({ timeMs: Date.now(), models: most }).byteLength <= MAX_SHARES_BYTES)
})

test.after(async () => {
  await pulls.stop()
  await stopJobNodes()
  await stopMeshNodes()
})
test.run()
