/** The same documents in several collections are the same segments: what one collection says of them holds for that one only. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import { segmentIn } from '../../node/agents/rag/village/segment-key.ts'
import { documentId, madeDocument } from '../helpers/index-documents.ts'
import { type KnowledgeNode, startKnowledgeVillage, stopKnowledgeNodes } from '../helpers/knowledge-nodes.ts'
import { stopMeshNodes, until } from '../helpers/mesh.ts'

const documents = Array.from({ length: 20 }, (_, index) => madeDocument({ name: `d${index}` }))
const ids = documents.map(({ record }) => record.id)
const signal = () => AbortSignal.timeout(30_000)

let owner: KnowledgeNode
let holder: KnowledgeNode
let asker: KnowledgeNode

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function find(node: KnowledgeNode, collections?: readonly string[]) {
  const options = { text: 'w0 w1 w2 w3 w4', mode: 'lexical', limit: 100, candidates: 1000 } as const
  const given = collections === undefined ? options : { ...options, collections }
  const { hits, missing } = await node.knowledge.search({ ...given, perDocument: 5 }, signal())
  assert.equal(missing, [])
  return hits
}
const documentsIn = async (node: KnowledgeNode, collections?: readonly string[]) =>
  new Set((await find(node, collections)).map(({ document }) => document)).size

/** Documents that the words of the search are in, in one collection. */
let all = 0
const papers = () => `papers@${owner.peer}`
const sketches = (count: number) =>
  until('sketches are here', () => asker.knowledge.stats().sketches === count)

test.before(async () => {
  const nodes = await startKnowledgeVillage(3, (index) => ({
    knowledge: { replicaBytes: index === 1 ? 2 ** 28 : 0 },
  }))
  ;[owner, holder, asker] = nodes as [KnowledgeNode, KnowledgeNode, KnowledgeNode]
  const whole = { segmentChunks: 1_000, replicas: 1 }
  await owner.put('a private copy', whole, documents)
  await owner.put('papers', { ...whole, access: 'village' }, documents)
  await until('a copy is there', () => holder.knowledge.stats().replicas === 1)
  await sketches(1)
  all = await documentsIn(owner, ['papers'])
  assert.ok(all > 10)
})

test('a private copy does not hide a published collection', async () => {
  const hits = await find(asker)
  assert.ok(hits.every(({ collection }) => collection === papers()))
  assert.is(new Set(hits.map(({ document }) => document)).size, all)
})

test('each of two collections with the same segments can be searched, and both together show a passage once', async () => {
  const one = await find(owner, ['papers'])
  const other = await find(owner, ['a private copy'])
  assert.ok(one.every(({ collection }) => collection === 'papers'))
  assert.ok(other.every(({ collection }) => collection === 'a private copy'))
  const places = (hits: typeof one) => hits.map(({ document, ordinal }) => `${document}/${ordinal}`)
  assert.equal(places(one), places(other))
  assert.equal(
    one.map(({ segment }) => segmentIn(segment)),
    other.map(({ segment }) => segmentIn(segment)),
  )
  // Words are as rare in both together, but for a rounding: the order may differ where scores nearly are the same.
  assert.equal(places(await find(owner)).sort(), places(one).sort())
})

test('a passage can be read by the segment of its collection, and by the segment alone', async () => {
  const [hit] = await find(asker)
  const { segment, chunk } = hit!
  for (const name of [segment, segmentIn(segment)]) {
    const { value } = await asker.knowledge.chunks([{ segment: name, chunk }], signal())
    assert.is(value[0]?.text, hit!.text)
  }
})

test('what a member deletes in its own collection stays in that of another', async () => {
  await holder.put('mine', { access: 'village', replicas: 0, segmentChunks: 1_000 }, documents)
  await holder.removeDocuments('mine', ids.slice(1), false)
  await sketches(2)
  const mine = `mine@${holder.peer}`
  await eventually('the deletions are known', async () => (await documentsIn(asker, [mine])) <= 1)
  assert.is(await documentsIn(asker, [papers()]), all)
  assert.is(await documentsIn(asker), all)
})

test('what the owner deletes in one collection stays in its other one', async () => {
  const [gone] = ids
  await owner.removeDocuments('papers', [gone!], false)
  await eventually('it is deleted', async () => {
    const hits = await find(asker, [papers()])
    return hits.every(({ document }) => document !== documentId('d0'))
  })
  assert.is(await documentsIn(owner, ['a private copy']), all)
})

test('a holder that has the same documents itself still answers for the copy, and when its own are gone', async () => {
  await owner.stop()
  await until('it is gone', () => !asker.mesh.mesh.peers().some(({ peer }) => peer === owner.peer))
  const before = await documentsIn(asker, [papers()])
  assert.ok(before >= all - 1)
  await holder.removeCollection('mine')
  await sketches(1)
  assert.is(await documentsIn(asker), before)
  const kept = await holder.artifacts.list()
  const pin = `collection:${collectionId(owner.peer, 'papers')}`
  assert.is(kept.filter(({ pins }) => pins.includes(pin)).length, 2)
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
