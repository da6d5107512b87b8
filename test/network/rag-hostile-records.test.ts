/** A member signs records that name what is not its own: segments of others, and artifacts of whoever hears of it. */
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import {
  type CollectionFacts,
  createCollectionRecord,
  parseCollectionRecord,
  type RecordSegment,
} from '../../node/agents/rag/village/collection-record.ts'
import { segmentKey } from '../../node/agents/rag/village/segment-key.ts'
import {
  CataloguePage,
  COLLECTIONS_PROTOCOL,
  CollectionsRequest,
  CollectionsRequestKind,
  RecordsPage,
} from '../../node/mesh/protocols/collections.ts'
import { madeDocument } from '../helpers/index-documents.ts'
import { type KnowledgeNode, startKnowledgeNode, stopKnowledgeNodes } from '../helpers/knowledge-nodes.ts'
import { type LyingMember, startLyingMember } from '../helpers/lying-member.ts'
import { joinWith, stopMeshNodes, temporaryDirectory, until } from '../helpers/mesh.ts'

const documents = Array.from({ length: 20 }, (_, index) => madeDocument({ name: `d${index}` }))
const signal = () => AbortSignal.timeout(30_000)

let owner: KnowledgeNode
let victim: KnowledgeNode
let liar: LyingMember
let generation = 0

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const villageId = () => owner.mesh.mesh.village()!.id

/** Null: the removal of it. */
async function show(name: string, facts: Partial<CollectionFacts> | null): Promise<void> {
  generation += 1
  const whole: CollectionFacts | null =
    facts === null
      ? null
      : {
          access: 'village',
          ...{ name, encoder: null, dims: null, languages: ['en'], weight: 0.5 },
          ...{ replicas: 1, keepsCopy: true, segments: [], ...facts },
        }
  const id = collectionId(liar.peer, name)
  const init = { village: villageId(), id, generation, timeMs: Date.now(), facts: whole }
  liar.says.records = [createCollectionRecord(liar.signer, init)]
  await liar.announce()
  await eventually(
    `it is known of ${name}`,
    async () =>
      (await victim.knowledge.collections()).some((one) => one.owner === liar.peer) === (facts !== null),
  )
}

async function segmentsOf(name: string): Promise<RecordSegment[]> {
  const stream = await liar.mesh.mesh.open(owner.peer, COLLECTIONS_PROTOCOL, { signal: signal() })
  await stream.send(CollectionsRequest, { kind: CollectionsRequestKind.catalogue, hashes: [], buckets: [] })
  const { entries } = await stream.expect(CataloguePage)
  const hashes = entries.map(({ hash }) => hash)
  await stream.send(CollectionsRequest, { kind: CollectionsRequestKind.records, hashes, buckets: [] })
  const { records } = await stream.expect(RecordsPage)
  await stream.close()
  const found = records.map((bytes) => parseCollectionRecord(bytes, villageId()))
  return [...found.find(({ facts }) => facts?.name === name)!.facts!.segments]
}

const found = async (text: string) => {
  const options = { text, mode: 'lexical', limit: 100, candidates: 1000 } as const
  return (await victim.knowledge.search(options, signal())).hits.map(({ document }) => document)
}

/** Everything that the victim does by itself has been done since: a new collection has come, sketch and copy. */
async function aWhile(name: string): Promise<void> {
  const before = victim.knowledge.stats()
  await owner.put(name, { access: 'village', replicas: 1 }, [madeDocument({ name })])
  await until(`${name} has come`, () => {
    const { sketches, replicas } = victim.knowledge.stats()
    return sketches > before.sketches && replicas > before.replicas
  })
}

test.before(async () => {
  owner = await startKnowledgeNode({ name: 'owner', knowledge: { replicaBytes: 0 } })
  await owner.mesh.villages.create({ name: 'a village', open: false })
  victim = await startKnowledgeNode({ name: 'victim' })
  await joinWith(owner.mesh, victim.mesh)
  await owner.put('papers', { access: 'village', replicas: 0, segmentChunks: 1_000 }, documents)
  await until('its sketch is here', () => victim.knowledge.stats().sketches === 1)
  liar = await startLyingMember('liar')
  await joinWith(owner.mesh, liar.mesh)
  await until('it is connected', () => victim.mesh.mesh.peers().some(({ peer }) => peer === liar.peer))
})

test('a record that names the segments of another, as deleted, hides nothing of the other', async () => {
  const before = await found('w0 w1 w2 w3')
  assert.ok(before.length > 10)
  const segments = await segmentsOf('papers')
  liar.says.holds = segments.map(({ id }) => segmentKey(collectionId(liar.peer, '0'), id))
  const deleted = segments.map((one) => ({
    ...one,
    deletions: Array.from({ length: one.chunks }, (_, chunk) => chunk),
  }))
  await show('0', { segments: deleted, replicas: 0 })
  assert.equal(await found('w0 w1 w2 w3'), before)
  // Words that nobody has asked for: their frequencies are not known yet.
  const [one] = documents
  const rare = one!.chunks[0]!.text.split(' ').toSorted((a, b) => b.length - a.length)[0]!
  assert.ok((await found(rare)).includes(one!.record.id))
  await show('0', null)
  assert.equal(await found('w0 w1 w2 w3'), before)
})

test('artifacts of whoever hears of a record are neither pinned nor removed by it', async () => {
  const directory = path.join(await temporaryDirectory(), 'a diary')
  await mkdir(directory)
  await writeFile(path.join(directory, 'monday'), 'nobody else has this')
  const diary = await victim.artifacts.addPath(directory, { private: true })
  const note = await victim.artifacts.addBytes(randomBytes(1_000), { private: true })
  assert.equal([diary.pins, note.pins], [[], []])
  const segment: RecordSegment = {
    ...{ id: 'ab'.repeat(32), cid: diary.cid, sketchCid: note.cid, sketchBytes: 1_000 },
    ...{ chunks: 1, documents: 1, totalLength: 1_000, sizeBytes: 5_000, deletions: [] },
  }
  await show('trap', { segments: [segment] })
  await aWhile('one')
  for (const { cid } of [diary, note]) {
    assert.equal((await victim.artifacts.info(cid))?.pins, [])
    assert.not(victim.knowledge.isShared(cid))
  }
  await show('trap', null)
  await aWhile('two')
  for (const { cid } of [diary, note]) assert.ok(await victim.artifacts.has(cid))
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
