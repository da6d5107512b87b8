/** What its owner deletes is not found with those who hold copies either, and what is removed leaves them. */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import { documentId, madeDocument } from '../helpers/index-documents.ts'
import {
  type KnowledgeNode,
  startKnowledgeNode,
  startKnowledgeVillage,
  stopKnowledgeNodes,
} from '../helpers/knowledge-nodes.ts'
import { stopMeshNodes, until } from '../helpers/mesh.ts'

const documents = Array.from({ length: 20 }, (_, index) => madeDocument({ name: `d${index}` }))
const signal = () => AbortSignal.timeout(30_000)

let owner: KnowledgeNode
let holder: KnowledgeNode
let asker: KnowledgeNode

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** Documents that a node finds with a word that all of them have. */
async function found(node: KnowledgeNode): Promise<Set<string>> {
  const options = { text: 'w0 w1 w2 w3 w4', mode: 'lexical', limit: 100, candidates: 1000 } as const
  const { hits, missing } = await node.knowledge.search(options, signal())
  assert.equal(missing, [])
  return new Set(hits.map(({ document }) => document))
}

const held = (node: KnowledgeNode) => node.knowledge.stats().replicas
const copies = async (node: KnowledgeNode) =>
  (await readdir(path.join(node.mesh.directory, 'replicas')).catch(() => [])).filter(
    (name) => name !== 'incoming',
  )

test.before(async () => {
  const nodes = await startKnowledgeVillage(3, (index) => ({
    knowledge: { replicaBytes: index === 1 ? 2 ** 28 : 0 },
  }))
  ;[owner, holder, asker] = nodes as [KnowledgeNode, KnowledgeNode, KnowledgeNode]
  for (const name of ['notes', 'papers'])
    await owner.put(
      name,
      { access: 'village', replicas: 1, segmentChunks: 1_000 },
      name === 'notes' ? documents : [documents[0]!],
    )
  await until('copies are there', () => held(holder) === 2)
  await until('sketches are here', () =>
    [holder, asker].every(({ knowledge }) => knowledge.stats().sketches === 2),
  )
  await eventually('they are known', async () =>
    (await asker.knowledge.collections()).every(({ holdersPresent }) => holdersPresent === 2),
  )
})

test('who lends no room holds nothing', () => {
  assert.is(held(asker), 0)
})

test('a deleted document is found nowhere, before its text has gone', async () => {
  const gone = documentId('d3')
  assert.ok((await found(asker)).has(gone))
  await owner.removeDocuments('notes', [gone], false)
  await eventually('it is not found', async () => !(await found(asker)).has(gone))
  const id = collectionId(owner.peer, 'notes')
  const replica = path.join(holder.mesh.directory, 'replicas', id)
  await eventually('the holder knows that it is deleted', async () => {
    const { segments } = await holder.host.manifest(replica)
    return segments.length === 1 && segments[0]!.deletedChunks === 2
  })
  assert.is((await found(holder)).size, (await found(owner)).size)
})

test('without the owner its copies answer', async () => {
  const before = await found(asker)
  const { directory } = owner.mesh
  await owner.stop()
  await until('it is gone', () => !asker.mesh.mesh.peers().some(({ peer }) => peer === owner.peer))
  assert.equal(await found(asker), before)
  owner = await startKnowledgeNode({ directory, knowledge: { replicaBytes: 0 } })
  await until('it is back', () => asker.mesh.mesh.peers().some(({ peer }) => peer === owner.peer))
})

test('a collection that was removed while its holder was away leaves the holder', async () => {
  const { directory } = holder.mesh
  await holder.stop()
  assert.is((await copies(holder)).length, 2)
  await owner.removeCollection('papers')
  await eventually('it is known', async () => (await asker.knowledge.collections()).length === 1)
  holder = await startKnowledgeNode({ directory, knowledge: { replicaBytes: 2 ** 28 } })
  await eventually('its copy goes', async () => (await copies(holder)).length === 1)
  await eventually('its artifact too', async () =>
    (await holder.artifacts.list()).every(
      ({ pins }) => !pins.includes(`collection:${collectionId(owner.peer, 'papers')}`),
    ),
  )
})

test('whoever leaves the village keeps no copy', async () => {
  await holder.mesh.villages.leave()
  await until('nothing is held', () => held(holder) === 0)
  await eventually('no copy is on the disk', async () => (await copies(holder)).length === 0)
  assert.equal(await holder.knowledge.collections(), [])
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
