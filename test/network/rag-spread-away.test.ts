/** A collection whose text lies with two members, while one of them is away: what its owner deletes or withdraws does not wait for it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import { madeDocument } from '../helpers/index-documents.ts'
import { type KnowledgeNode, startKnowledgeVillage, stopKnowledgeNodes } from '../helpers/knowledge-nodes.ts'
import { stopMeshNodes, until } from '../helpers/mesh.ts'

const documents = Array.from({ length: 24 }, (_, index) => madeDocument({ name: `d${index}` }))
const signal = () => AbortSignal.timeout(30_000)

let nodes: KnowledgeNode[]
let owner: KnowledgeNode
let asker: KnowledgeNode
let left: KnowledgeNode
let stays: KnowledgeNode

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

const documentsIn = (node: KnowledgeNode, name: string) =>
  node.knowledge
    .search(
      { text: 'w0 w1 w2 w3 w4', mode: 'lexical', limit: 100, collections: [name], deadlineMs: 20_000 },
      signal(),
    )
    .then(({ hits }) => new Set(hits.map(({ document }) => document)))

const known = async (node: KnowledgeNode, name: string) =>
  (await node.knowledge.collections()).find((one) => one.name === name) ?? null

async function heldBy(node: KnowledgeNode): Promise<Set<string>> {
  const directory = `${node.mesh.directory}/replicas/${collectionId(owner.peer, 'spread')}`
  const records = await node.host.documents(directory, { limit: 1_000 })
  return new Set(records.map(({ id }) => id))
}

test.before(async () => {
  nodes = await startKnowledgeVillage(4, (index) => ({
    knowledge: { replicaBytes: index === 1 || index === 2 ? 2 ** 28 : 0 },
  }))
  owner = nodes[0]!
  asker = nodes[3]!
  await until('all are connected', () => nodes.every(({ mesh }) => mesh.mesh.peers().length === 3))
  await owner.put('plain', { access: 'village', replicas: 0 }, [madeDocument({ name: 'plain' })])
  await owner.put('spread', { access: 'village', keepsCopy: false, replicas: 1, segmentChunks: 4 }, documents)
  await eventually('it lies with others', async () => {
    const own = await known(owner, 'spread')
    return own !== null && own.segments > 8 && own.localSegments === 0
  })
  await eventually('the asker knows', async () => {
    const one = await known(asker, 'spread')
    const { sketches, segments } = asker.knowledge.stats()
    return one !== null && one.missingSegments === 0 && one.segments > 8 && sketches === segments
  })
})

test('what is deleted is found by nobody, the owner included, though its segments cannot come back', async () => {
  const found = await documentsIn(asker, 'spread')
  assert.equal(await documentsIn(owner, 'spread'), found)
  const [first, second] = [await heldBy(nodes[1]!), await heldBy(nodes[2]!)]
  const only = (of: Set<string>, not: Set<string>) => [...of].filter((id) => !not.has(id) && found.has(id))
  assert.ok(only(first, second).length > 0 && only(second, first).length > 0, 'each holds something alone')
  ;[left, stays] = [nodes[1]!, nodes[2]!]
  const [away] = only(first, second)
  const [here] = only(second, first)
  await left.stop()
  await until('it is gone', () => asker.mesh.mesh.peers().every(({ peer }) => peer !== left.peer))
  assert.ok((await documentsIn(asker, 'spread')).has(here!))
  await owner.removeDocuments('spread', [away!, here!], false)
  assert.not((await documentsIn(owner, 'spread')).has(here!), 'at once, for the owner')
  await eventually('the asker does not find it', async () => !(await documentsIn(asker, 'spread')).has(here!))
  assert.ok((await documentsIn(asker, 'spread')).size > 0)
  const own = await owner.host.manifest(
    `${owner.mesh.directory}/collections/${collectionId(owner.peer, 'spread')}/index`,
  )
  assert.ok(own.segments.some(({ isAway, deletedChunks }) => isAway && deletedChunks > 0))
})

test('another collection is withdrawn meanwhile', async () => {
  await owner.put('plain', { access: 'private' })
  await eventually('it is gone', async () => (await known(asker, 'plain')) === null)
})

test('one that is to be private before its text is back is answered for by nobody but those who still have it', async () => {
  const server = owner.knowledge.stats().requestsServed
  await owner.put('spread', { access: 'private' })
  await eventually('what can come back is here', async () => {
    const own = await known(owner, 'spread')
    return own !== null && own.localSegments > 0
  })
  // It would be lost for good if they were told to drop it.
  assert.is((await known(owner, 'spread'))!.localSegments < (await known(owner, 'spread'))!.segments, true)
  assert.ok((await heldBy(stays)).size > 0)
  assert.ok(owner.knowledge.stats().requestsServed >= server)
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
