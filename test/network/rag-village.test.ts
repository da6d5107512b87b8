/** A collection that is spread over five members: found as in one central index, with members missing, and gone when it is withdrawn. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import type { IndexedDocument } from '../../node/agents/rag/document.ts'
import { createIndexReader } from '../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../node/agents/rag/index/manifest-file.ts'
import { createLocalBackend, hostOfReader } from '../../node/agents/rag/query/local-backend.ts'
import { createSearch } from '../../node/agents/rag/query/search.ts'
import type { SearchAnswer } from '../../node/agents/rag/query/search-answer.ts'
import { VillageError } from '../../node/errors.ts'
import { madeDocument } from '../helpers/index-documents.ts'
import {
  type KnowledgeNode,
  startKnowledgeNode,
  startKnowledgeVillage,
  stopKnowledgeNodes,
} from '../helpers/knowledge-nodes.ts'
import { stopMeshNodes, TEST_LOG, temporaryDirectory, until } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'

const MEMBERS = 5
const SEGMENT_CHUNKS = 40
const QUERIES = ['w1 w7', 'w3 w12 w20', 'w0', 'w9 w40 w5 w2', '"w1 w2"', '+w4 w11 -w8', 'title:d12 w3']

/** Words of some documents: passages are compressed on the disk, the words of a segment are not. */
const MARKER = 'zzquux'
const OTHER_MARKER = 'yyplugh'

const documents = Array.from({ length: 110 }, (_, index) =>
  withWord(
    madeDocument({ name: `d${index}`, chunks: 1 + (index % 3), words: 30 }),
    index % 60 === 7 ? MARKER : index % 60 === 8 ? OTHER_MARKER : null,
  ),
)

function withWord(document: IndexedDocument, word: string | null): IndexedDocument {
  const [first, ...others] = document.chunks
  if (word === null) return document
  return { ...document, chunks: [{ ...first!, text: `${first!.text} ${word}` }, ...others] }
}

let nodes: KnowledgeNode[]
let owner: KnowledgeNode
let away: KnowledgeNode[]
/** What one index with all documents answers. */
let whole: SearchAnswer[]

const signal = () => AbortSignal.timeout(30_000)
const ask = (node: KnowledgeNode, text: string, options = {}) =>
  node.knowledge.search({ text, mode: 'lexical', limit: 20, perDocument: 5, ...options }, signal())
const ranking = ({ hits }: SearchAnswer) =>
  hits.map(({ document, ordinal, lexical, score }) => ({ document, ordinal, lexical, score }))
const segmentsOf = async (node: KnowledgeNode) => (await node.knowledge.collections())[0]!

/** Looks again and again: what it looks at is asked of nodes. */
async function eventually(what: string, holds: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** All have what the owner says of the collection: record, holders and sketches. */
async function allKnow(): Promise<void> {
  await eventually('all know of it', async () => {
    const { segments } = await segmentsOf(owner)
    for (const { knowledge } of nodes) {
      const [one] = await knowledge.collections()
      const { sketches } = knowledge.stats()
      if (one?.segments !== segments || one.holdersPresent < 2 || sketches !== segments) return false
    }
    return true
  })
}

/** What one index over the same documents answers. */
async function central(of: readonly IndexedDocument[]): Promise<SearchAnswer[]> {
  const directory = path.join(await temporaryDirectory(), 'central')
  createIndex(directory, { maxSegmentChunks: 10_000, dims: null })
  const writer = createIndexWriter(directory)
  writer.add(of)
  writer.commit()
  writer.close()
  const reader = createIndexReader(directory)
  const embed = () => Promise.reject(new VillageError('MODEL_UNKNOWN'))
  const search = createSearch({ embed, log: TEST_LOG })
  const indexes = [{ name: 'all', directory, encoder: null }]
  const backend = createLocalBackend({ host: hostOfReader(reader) }, { indexes, peer: 'central' })
  const collections = [{ name: 'all', languages: ['en'], encoder: null, weight: 0.5, chunks: 480 }]
  const answers: SearchAnswer[] = []
  for (const text of QUERIES)
    answers.push(
      await search.search(
        backend,
        { text, mode: 'lexical', limit: 20, perDocument: 5, collections },
        signal(),
      ),
    )
  reader.close()
  return answers
}

/** Whether any file below the directory has the word in it. */
async function isOnDisk(directory: string, word: string): Promise<boolean> {
  return (await filesWith(directory, word)).length > 0
}

async function filesWith(directory: string, word: string): Promise<string[]> {
  return await promisify(execFile)('grep', ['-rlaF', '--', word, directory]).then(
    ({ stdout }) => stdout.trim().split('\n'),
    (error: { code: number }) => {
      // 2: a file that was removed while it was looked for.
      if (error.code === 1 || error.code === 2) return []
      throw error
    },
  )
}

test.before(async () => {
  whole = await central(documents)
  nodes = await startKnowledgeVillage(MEMBERS)
  owner = nodes[0]!
  await until('all are connected', () => nodes.every(({ mesh }) => mesh.mesh.peers().length === MEMBERS - 1))
})

test('a collection is spread, and its text leaves the owner', async () => {
  assert.ok(documents.some(({ chunks }) => chunks[0]!.text.includes(MARKER)))
  const settings = { access: 'village', keepsCopy: false, segmentChunks: SEGMENT_CHUNKS } as const
  await owner.put('papers', settings, documents)
  assert.ok(await isOnDisk(owner.mesh.directory, MARKER))
  await eventually('all segments lie with two members, and not with the owner', async () => {
    const own = await segmentsOf(owner)
    return own.segments > 4 && own.localSegments === 0 && own.holdersPresent >= 2
  })
  await allKnow()
  await eventually('nothing of it is left here', async () => !(await isOnDisk(owner.mesh.directory, MARKER)))
  const copies = nodes.map(({ knowledge }) => knowledge.stats().replicas)
  const { segments } = await segmentsOf(owner)
  // One that did not know of all members yet may have taken one more.
  const total = copies.reduce((sum, count) => sum + count)
  assert.ok(total >= 2 * segments && total <= 3 * segments, `copies by member: ${copies}`)
  assert.ok(copies.filter((count) => count > 0).length >= 3, `copies by member: ${copies}`)
})

test('every member finds what one central index would find: ids, order and scores', async () => {
  const expected = whole
  assert.ok(expected.every(({ hits }) => hits.length > 0))
  for (const node of [nodes[0]!, nodes[1]!])
    for (const [index, text] of QUERIES.entries()) {
      const answer = await ask(node, text)
      assert.equal(ranking(answer), ranking(expected[index]!), text)
      assert.equal(answer.missing, [])
      assert.equal(answer.warnings, [])
      assert.ok(answer.hits.every(({ vouchedBy }) => vouchedBy.length > 0))
    }
})

/** Members that hold the first segment of the collection. */
async function holdersOfFirst(): Promise<KnowledgeNode[]> {
  const id = collectionId(owner.peer, 'papers')
  const held = await Promise.all(
    nodes.slice(1).map(async (node) => {
      const manifest = await node.host
        .manifest(path.join(node.mesh.directory, 'replicas', id))
        .catch(() => null)
      return { node, segments: manifest?.segments.map((segment) => segment.id) ?? [] }
    }),
  )
  const [first] = held.flatMap(({ segments }) => segments).sort()
  return held.filter(({ segments }) => segments.includes(first!)).map(({ node }) => node)
}

test('with one member gone nothing is missing, without the holders of one segment the answer says what is', async () => {
  const expected = whole
  const holders = await holdersOfFirst()
  assert.ok(holders.length >= 2)
  away = holders
  await away[0]!.stop()
  for (const [index, text] of QUERIES.entries()) {
    const answer = await ask(owner, text)
    assert.equal(ranking(answer), ranking(expected[index]!), text)
    assert.equal(answer.missing, [])
  }

  await Promise.all(away.slice(1).map((node) => node.stop()))
  await until('they are gone', () => owner.mesh.mesh.peers().length === MEMBERS - 1 - away.length)
  const { missingSegments, segments } = await segmentsOf(owner)
  assert.ok(missingSegments > 0 && missingSegments < segments)
  const answer = await ask(owner, 'w0 w1 w2')
  assert.equal(
    answer.missing.map(({ collection, segments, reason }) => ({ collection, segments, reason })),
    [{ collection: 'papers', segments: missingSegments, reason: 'PEER_UNREACHABLE' }],
  )
  assert.ok(answer.missing[0]!.chunks > 0)
  assert.ok(answer.hits.length > 0)
})

test('who comes back is searched again', async () => {
  for (const node of away) {
    const index = nodes.indexOf(node)
    nodes[index] = await startKnowledgeNode({ name: `node-${index}`, directory: node.mesh.directory })
  }
  await eventually('nothing is missing', async () => (await segmentsOf(owner)).missingSegments === 0)
  const expected = whole
  for (const [index, text] of QUERIES.entries())
    assert.equal(ranking(await ask(owner, text)), ranking(expected[index]!), text)
})

test('a removed document leaves every disk', async () => {
  const marked = documents.filter(({ chunks }) => chunks.some(({ text }) => text.includes(MARKER)))
  const rest = documents.filter((document) => !marked.includes(document))
  await owner.removeDocuments(
    'papers',
    marked.map(({ record }) => record.id),
  )
  await eventually('its text is nowhere', async () => {
    for (const { mesh } of nodes) if (await isOnDisk(mesh.directory, MARKER)) return false
    return true
  })
  await eventually('it is spread again', async () => {
    const own = await segmentsOf(owner)
    return own.localSegments === 0 && own.holdersPresent >= 2
  })
  await allKnow()
  const expected = await central(rest)
  for (const [index, text] of QUERIES.entries())
    assert.equal(ranking(await ask(nodes[2]!, text)), ranking(expected[index]!), text)
})

test('a collection that becomes private comes back and is nowhere else', async () => {
  await owner.put('papers', { access: 'private' })
  await eventually('it is only here', async () => {
    const own = await segmentsOf(owner)
    return own.localSegments === own.segments
  })
  const others = nodes.filter((node) => node !== owner)
  await eventually('nobody else has any of it', async () => {
    for (const { mesh } of others) if (await isOnDisk(mesh.directory, OTHER_MARKER)) return false
    return true
  })
  for (const { knowledge } of others) assert.equal(await knowledge.collections(), [])
  await rejectsCode(ask(nodes[1]!, 'w1'), 'KNOWLEDGE_EMPTY')
  assert.ok((await ask(owner, 'w1')).hits.length > 0)
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
