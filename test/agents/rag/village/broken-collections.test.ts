/** A search over collections of which one cannot be read: the others answer, and nobody is told that this was all. */
import { truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../../../node/agents/rag/collections/collection.ts'
import { madeDocument } from '../../../helpers/index-documents.ts'
import { startKnowledgeNode, stopKnowledgeNodes } from '../../../helpers/knowledge-nodes.ts'
import { stopMeshNodes } from '../../../helpers/mesh.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

const test = suite('collections that cannot be read')
test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})

test('the others are searched and it is named as missing; by itself, or by name, its reason is the error', async () => {
  const node = await startKnowledgeNode()
  await node.put('sound', {}, [madeDocument({ name: 'a' })])
  await node.put('damaged', {}, [madeDocument({ name: 'b' })])
  const search = (collections?: readonly string[]) =>
    node.knowledge.search(
      {
        ...{ text: 'w0 w1 w2 w3 w4', mode: 'lexical', limit: 10 },
        ...(collections !== undefined && { collections }),
      },
      AbortSignal.timeout(30_000),
    )
  const whole = await search()
  assert.equal(whole.missing, [])
  const id = collectionId(node.peer, 'damaged')
  await writeFile(path.join(node.mesh.directory, 'collections', id, 'index', 'manifest.json'), 'x')

  const { hits, missing } = await search()
  assert.ok(hits.length > 0 && hits.length < whole.hits.length)
  assert.equal(
    missing.map(({ collection, reason }) => [collection, reason]),
    [['damaged', 'INDEX_CORRUPT']],
  )
  assert.equal((await search(['sound'])).missing, [])
  await rejectsCode(search(['damaged']), 'INDEX_CORRUPT')
  await rejectsCode(search([id]), 'INDEX_CORRUPT')
  await node.removeCollection('sound').catch(() => undefined)
  await rejectsCode(search(), 'INDEX_CORRUPT')
})

test('where the index of the only collection fails in the search, that is the error, and nobody else is blamed', async () => {
  const node = await startKnowledgeNode()
  await node.put('notes', {}, [madeDocument({ name: 'a' })])
  const index = path.join(node.mesh.directory, 'collections', collectionId(node.peer, 'notes'), 'index')
  const { segments } = await node.host.manifest(index)
  for (const { id } of segments) await truncate(path.join(index, id, 'postings.bin'), 1)
  const options = { text: 'w0 w1 w2 w3 w4', mode: 'lexical', limit: 10 } as const
  await rejectsCode(node.knowledge.search(options, AbortSignal.timeout(30_000)), 'SEGMENT_CORRUPT')
})

test.run()
