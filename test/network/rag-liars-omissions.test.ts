/** Members that say they hold everything and show nothing, lend more than there is, or publish what cannot be: nobody else loses by it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import { encodeStatisticsAnswer } from '../../node/agents/rag/village/answer-wire.ts'
import {
  type CollectionFacts,
  createCollectionRecord,
  type RecordSegment,
} from '../../node/agents/rag/village/collection-record.ts'
import { segmentIn, segmentKey } from '../../node/agents/rag/village/segment-key.ts'
import type { VillageError } from '../../node/errors.ts'
import { cidOf, DAG_PB_CODEC, digestOf, RAW_CODEC } from '../../node/mesh/artifacts/cids.ts'
import { madeDocument } from '../helpers/index-documents.ts'
import { type KnowledgeNode, startKnowledgeNode, stopKnowledgeNodes } from '../helpers/knowledge-nodes.ts'
import { type LyingMember, startLyingMember } from '../helpers/lying-member.ts'
import { joinWith, stopMeshNodes, until } from '../helpers/mesh.ts'

const documents = Array.from({ length: 30 }, (_, index) => madeDocument({ name: `d${index}` }))
const signal = () => AbortSignal.timeout(30_000)

let owner: KnowledgeNode
let asker: KnowledgeNode
let keeper: KnowledgeNode
let liar: LyingMember
let keys: string[]

const ask = (text: string) => asker.knowledge.search({ text, mode: 'lexical', deadlineMs: 5_000 }, signal())

/** The owner's own search of its collection: the truth. */
const truth = (text: string) => owner.knowledge.search({ text, mode: 'lexical', isLocal: true }, signal())

const ranks = ({ hits }: Awaited<ReturnType<typeof ask>>) =>
  hits.map(({ document, ordinal, lexical }) => `${document} ${ordinal} ${lexical}`)

const heardOf = (node: KnowledgeNode) => () => node.mesh.mesh.peers().some(({ peer }) => peer === liar.peer)

/** The node knows so many members that say they hold the papers. */
async function untilHeld(node: KnowledgeNode, holders: number): Promise<void> {
  const deadline = Date.now() + 30_000
  for (let known = -1; known !== holders; ) {
    assert.ok(Date.now() < deadline, `${known} holders of ${holders} are known`)
    known = (await node.knowledge.collections()).find(({ name }) => name === 'papers')!.holdersPresent
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** An honest answer, by the owner's own index. */
async function frequenciesOf(asked: readonly Uint8Array[], terms: readonly string[]) {
  const directory = `${owner.mesh.directory}/collections/${collectionId(owner.peer, 'papers')}/index`
  const named = asked.map((key) => Buffer.from(key).toString('hex'))
  const found = await owner.host.statistics(directory, terms, named.map(segmentIn))
  return encodeStatisticsAnswer(named.map(segmentIn), terms, found)
}

test.before(async () => {
  owner = await startKnowledgeNode({ name: 'owner' })
  await owner.mesh.villages.create({ name: 'a village', open: false })
  asker = await startKnowledgeNode({ name: 'asker', knowledge: { replicaBytes: 0 } })
  await joinWith(owner.mesh, asker.mesh)
  keeper = await startKnowledgeNode({ name: 'keeper' })
  await joinWith(owner.mesh, keeper.mesh)
  liar = await startLyingMember('liar', [owner.peer, keeper.peer])
  await joinWith(owner.mesh, liar.mesh)
  await until('the liar is connected', () => [asker, keeper].every((node) => heardOf(node)()))
})

test('who lends more than there is and holds nothing keeps no copy from being made', async () => {
  liar.says.capacityBytes = Number.MAX_SAFE_INTEGER
  await owner.put('papers', { access: 'village', replicas: 1, segmentChunks: 20 }, documents)
  const id = collectionId(owner.peer, 'papers')
  const { segments } = await owner.host.manifest(`${owner.mesh.directory}/collections/${id}/index`)
  keys = segments.map((segment) => segmentKey(id, segment.id))
  assert.ok(keys.length >= 3)
  liar.says.holds = keys
  await liar.announce()
  await until('the keeper has looked, and holds all', () => keeper.knowledge.stats().replicas === keys.length)
})

test('who finds nothing in what it says it holds hides nothing, and is soon not asked', async () => {
  // Its frequencies are right, so that it is the one that a new member knows best.
  liar.says.answer = ({ statistics }) =>
    statistics === undefined ? {} : frequenciesOf(statistics.segments, statistics.terms)
  await liar.announce()
  for (let attempt = 0; liar.asked.search === 0; attempt++) {
    assert.ok(attempt < 6, 'of holders that are not known yet it comes first')
    await asker.stop()
    asker = await startKnowledgeNode({ name: 'asker', knowledge: { replicaBytes: 0 } })
    await joinWith(owner.mesh, asker.mesh)
    await until('the liar is connected', heardOf(asker))
    await until('sketches are here', () => asker.knowledge.stats().sketches === keys.length)
    await liar.announce()
    await untilHeld(asker, 3)
    assert.equal(ranks(await ask('w1 w2 w3')), ranks(await truth('w1 w2 w3')))
  }
  for (let at = 0; at < 30; at++) {
    const text = `w${at} w${at + 3} w${at + 9}`
    const answer = await ask(text)
    assert.equal(ranks(answer), ranks(await truth(text)), text)
    assert.equal(answer.missing, [])
  }
  const { search } = liar.asked
  assert.ok(search <= 8, `asked ${search} times`)
  await ask('w1 w2 w3')
  assert.is(liar.asked.search, search)
})

test('a record of segments that nobody has does not change the scores of others', async () => {
  const before = ranks(await ask('w1 w4 w7'))
  const id = collectionId(liar.peer, 'everything')
  const digest = (text: string) => digestOf(Buffer.from(text))
  const segmentOf = (name: string): RecordSegment => ({
    id: Buffer.from(digest(name)).toString('hex'),
    cid: cidOf(DAG_PB_CODEC, digest(name)).toString(),
    sketchCid: cidOf(RAW_CODEC, digest(name)).toString(),
    ...{ sketchBytes: 10 ** 6, chunks: 4 * 10 ** 6, documents: 4 * 10 ** 6 },
    ...{ totalLength: 2 * 10 ** 10, sizeBytes: 2.5 * 10 ** 10, deletions: [] },
  })
  const facts: CollectionFacts = {
    access: 'village',
    ...{ name: 'everything', encoder: null, dims: null, languages: ['en'] },
    ...{ weight: 0.5, replicas: 1, keepsCopy: true },
    segments: Array.from({ length: 500 }, (_, at) => segmentOf(`s${at}`)),
  }
  const village = owner.mesh.mesh.village()!.id
  const init = { village, id, generation: 1, timeMs: Date.now(), facts }
  liar.says.records = [createCollectionRecord(liar.signer, init)]
  await liar.announce()
  await until('the record has come', () => asker.knowledge.stats().collections === 2)
  const answer = await ask('w1 w4 w7')
  assert.equal(ranks(answer), before)
  assert.equal(
    answer.missing.map(({ segments, reason }) => [segments, reason]),
    [[500, 'SKETCH_UNKNOWN']],
  )
})

test('where only the liar is left, what it hides is named', async () => {
  const late = await startKnowledgeNode({ name: 'late', knowledge: { replicaBytes: 0 } })
  await joinWith(owner.mesh, late.mesh)
  await until('the liar is connected', heardOf(late))
  await until('sketches are here', () => late.knowledge.stats().sketches === keys.length)
  liar.says.records = []
  await liar.announce()
  const { hits } = await truth('w1 w2 w5')
  const hidden = new Set(hits.map(({ segment }) => segment)).size
  assert.ok(hidden > 0)
  await keeper.stop()
  await owner.stop()
  const { search } = liar.asked
  const papers = { collections: [collectionId(owner.peer, 'papers')], deadlineMs: 5_000 }
  await untilHeld(late, 1)
  for (let round = 0; liar.asked.search === search && round < 200; round++) {
    const missing = await late.knowledge
      .search({ text: 'w1 w2 w5', mode: 'lexical', ...papers }, signal())
      .then(
        (answer) => answer.missing.reduce((sum, { segments }) => sum + segments, 0),
        (error: VillageError) => {
          assert.is(error.code, 'KNOWLEDGE_UNAVAILABLE')
          return keys.length
        },
      )
    assert.ok(missing >= hidden, `${missing} of ${hidden} are named`)
  }
  assert.ok(liar.asked.search > search, 'the liar was asked')
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
