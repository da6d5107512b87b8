/** A model that one member shares is pulled by another, with its card, and what members claim is checked. */
import path from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PullRecord } from '../../node/compute/hub/pull-record.ts'
import { createPulls, type Pulls } from '../../node/compute/hub/pulls.ts'
import { readLanguageCard } from '../../node/compute/models/language-card.ts'
import { createModelShares, decodeShares } from '../../node/compute/models/shares.ts'
import { createEvents } from '../../node/events.ts'
import type { Role } from '../../node/mesh/mesh.ts'
import {
  MAX_SHARES_BYTES,
  SHARES_TOPIC,
  SHARES_TTL_MS,
  SharesAnnouncement,
} from '../../node/mesh/protocols/model-shares.ts'
import type { TopicInit } from '../../node/mesh/topics.ts'
import { type JobNode, startJobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { writeTinySource } from '../helpers/language-models.ts'
import { joinWith, stopMeshNodes, TEST_LOG, temporaryDirectory, until } from '../helpers/mesh.ts'
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

test('in an open village a guest reads what is shared', async () => {
  const host = await startJobNode({ name: 'host' })
  await host.mesh.villages.create({ name: 'open village', open: true })
  const guest = await startJobNode({ name: 'guest' })
  await joinWith(host.mesh, guest.mesh, { role: 'guest' })
  const { cid } = await host.models.add({ embedded: 'encoder' })
  const fetch = (ms: number) => guest.artifacts.fetch(cid, { signal: AbortSignal.timeout(ms) })
  await rejectsCode(fetch(10_000), 'ARTIFACT_UNAVAILABLE')
  await host.models.setShared('encoder', true)
  await until('the guest hears of the model', () => guest.shares.list().length === 1)
  assert.is((await fetch(30_000)).cid, cid)
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

test('whose word is passed on, and for how long it is believed', () => {
  let topic: TopicInit | undefined
  let nowMs = 1_000_000_000
  const roles: Record<string, Role> = { ann: 'member', gus: 'guest' }
  const shares = createModelShares(
    {
      mesh: {
        subscribe(_name, init) {
          topic = init
        },
        publish: async () => 0,
        onPeerChange: () => () => {},
        roleOf: (peer) => roles[peer] ?? null,
      },
      models: { list: async () => [] },
      events: createEvents(),
      log: TEST_LOG,
    },
    { now: () => nowMs },
  )
  const model = { id: 'a', name: 'b', kind: 'onnx', cid: `b${'a'.repeat(58)}`, parameters: 1, sizeBytes: 1 }
  const word = (timeMs: number, models = [model]) => SharesAnnouncement.encode({ timeMs, models })
  assert.is(topic!.validate(word(nowMs), 'ann'), 'accept')
  assert.is(topic!.validate(word(nowMs), 'gus'), 'ignore')
  assert.is(topic!.validate(word(nowMs - 3_600_000), 'ann'), 'ignore')
  assert.is(topic!.validate(word(nowMs, [{ ...model, kind: 'program' }]), 'ann'), 'reject')
  topic!.handle(word(nowMs), 'ann')
  assert.equal(shares.list(), [{ ...model, peers: ['ann'] }])
  assert.is(topic!.validate(word(nowMs - 1), 'ann'), 'ignore', 'older than what is known')
  topic!.handle(word(nowMs, [{ ...model, cid: `b${'c'.repeat(58)}` }]), 'bob')
  assert.is(shares.list().length, 1, 'bob is no member')
  roles.bob = 'member'
  topic!.handle(word(nowMs, [{ ...model, cid: `b${'c'.repeat(58)}` }]), 'bob')
  assert.match(throwsCode(() => shares.find('a'), 'INVALID_ARGUMENT').message, 'choose by CID')
  nowMs += SHARES_TTL_MS + 1
  assert.equal(shares.list(), [])
})

test.after(async () => {
  await pulls.stop()
  await stopJobNodes()
  await stopMeshNodes()
})
test.run()
