/** A member that says it holds what it does not, and answers what is not so: it is found out by the sketches, and not asked again. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import { NO_ANSWER } from '../../node/agents/rag/village/answer-wire.ts'
import { decodeSearch, segmentIds } from '../../node/agents/rag/village/query-wire.ts'
import type { VillageError } from '../../node/errors.ts'
import type { Mesh } from '../../node/mesh/mesh.ts'
import {
  CataloguePage,
  COLLECTIONS_PROTOCOL,
  COLLECTIONS_TOPIC,
  CollectionsAnnouncement,
  CollectionsRequest,
  CollectionsRequestKind,
  HoldingsPage,
} from '../../node/mesh/protocols/collections.ts'
import { SEARCH_PROTOCOL, SearchRequestFrame, SearchResponseFrame } from '../../node/mesh/protocols/search.ts'
import { madeDocument } from '../helpers/index-documents.ts'
import { type KnowledgeNode, startKnowledgeNode, stopKnowledgeNodes } from '../helpers/knowledge-nodes.ts'
import { joinWith, type MeshNode, startMeshNode, stopMeshNodes, until } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'

const documents = Array.from({ length: 30 }, (_, index) => madeDocument({ name: `d${index}` }))
const signal = () => AbortSignal.timeout(30_000)

/** Null: none. */
type Answer = (request: SearchRequestFrame) => Partial<SearchResponseFrame> | null

const truth = { chunks: 0, totalLength: 0 }
const impossible = {
  ...{ segment: 0, chunk: 0, document: new Uint8Array(16), ordinal: 0 },
  ...{ lexical: 1e9, cosine: undefined },
}
/** Every kind of lie, by what the liar answers to frequencies and to a search. */
const LIES: Record<string, { statistics: Answer; search: Answer }> = {
  'frequencies out of thin air': {
    statistics: ({ statistics }) => ({
      statistics: [{ segment: 0, ...truth, frequencies: statistics!.terms.map(() => truth.chunks) }],
    }),
    search: () => ({ lexical: [impossible] }),
  },
  'a score that no chunk can have': {
    statistics: () => ({ code: 'PEER_BUSY' }),
    search: () => ({
      lexical: [impossible],
    }),
  },
  'a chunk that is not there': {
    statistics: () => ({ code: 'PEER_BUSY' }),
    search: () => ({
      lexical: [
        {
          segment: 0,
          chunk: 10 ** 6,
          document: new Uint8Array(16),
          ordinal: 0,
          lexical: 0.1,
          cosine: undefined,
        },
      ],
    }),
  },
}

let lie: { statistics: Answer; search: Answer }
let asked = 0
let claimed: Uint8Array[] = []

function lieTo(mesh: Mesh): void {
  mesh.subscribe(COLLECTIONS_TOPIC, { maxBytes: 256, validate: () => 'ignore', handle: () => undefined })
  mesh.handle(COLLECTIONS_PROTOCOL, async (stream) => {
    for (;;) {
      const request = await stream.receive(CollectionsRequest)
      if (request === null) return
      if (request.kind === CollectionsRequestKind.catalogue)
        await stream.send(CataloguePage, { entries: [], more: false })
      else {
        const whole = { more: false, partial: false, buckets: [] }
        await stream.send(HoldingsPage, { segments: claimed, capacityBytes: 0, usedBytes: 0, ...whole })
      }
    }
  })
  mesh.handle(SEARCH_PROTOCOL, async (stream) => {
    for (;;) {
      const request = await stream.receive(SearchRequestFrame)
      if (request === null) return
      asked += 1
      const answer = request.statistics === undefined ? lie.search(request) : lie.statistics(request)
      if (request.search !== undefined) decodeSearch(request.search)
      if (answer !== null) await stream.send(SearchResponseFrame, { ...NO_ANSWER, ...answer })
    }
  })
}

let owner: KnowledgeNode
let asker: KnowledgeNode

async function startLiar(name: string): Promise<MeshNode> {
  const liar = await startMeshNode({ name, prepare: lieTo })
  await joinWith(owner.mesh, liar)
  await until('it is connected', () => asker.mesh.mesh.peers().some(({ peer }) => peer === liar.mesh.peerId))
  const digest = (byte: number) => new Uint8Array(32).fill(byte)
  await liar.mesh.publish(
    COLLECTIONS_TOPIC,
    CollectionsAnnouncement.encode({
      timeMs: Date.now(),
      catalogue: digest(1),
      holdings: digest(2),
      own: new Uint8Array(0),
    }),
  )
  return liar
}

test.before(async () => {
  // It answers nobody: whoever searches its collection must turn to those who say that they hold it.
  owner = await startKnowledgeNode({ name: 'owner', knowledge: { requestsByMinute: 1 } })
  await owner.mesh.villages.create({ name: 'a village', open: false })
  asker = await startKnowledgeNode({ name: 'asker' })
  await joinWith(owner.mesh, asker.mesh)
  await owner.put('papers', { access: 'village', replicas: 0, segmentChunks: 1_000 }, documents)
  await until('the sketch is here', () => asker.knowledge.stats().sketches === 1)
  const stream = await asker.mesh.mesh.open(owner.peer, COLLECTIONS_PROTOCOL, { signal: signal() })
  await stream.send(CollectionsRequest, { kind: CollectionsRequestKind.holdings, hashes: [], buckets: [] })
  claimed = (await stream.expect(HoldingsPage)).segments.map((id) => Uint8Array.from(id))
  await stream.close()
  assert.is(segmentIds(claimed).length, 1)
  const id = collectionId(owner.peer, 'papers')
  const { segments } = await owner.host.manifest(`${owner.mesh.directory}/collections/${id}/index`)
  Object.assign(truth, { chunks: segments[0]!.chunks, totalLength: segments[0]!.totalLength })
  // The one request that the owner answers.
  await asker.knowledge.search({ text: 'w0', mode: 'lexical' }, signal()).catch(() => undefined)
})

for (const [what, lies] of Object.entries(LIES))
  test(`${what}: found out, named as missing, and not asked again`, async () => {
    lie = lies
    const liar = await startLiar(what)
    const search = (text: string) =>
      asker.knowledge.search({ text, mode: 'lexical', deadlineMs: 3_000 }, signal())
    const deadline = Date.now() + 20_000
    for (asked = 0; asked === 0; ) {
      assert.ok(Date.now() < deadline, 'the liar is asked')
      await rejectsCode(search('w40 w90 w200'), 'KNOWLEDGE_UNAVAILABLE')
    }
    const before = asked
    await rejectsCode(search('w41 w91'), 'KNOWLEDGE_UNAVAILABLE')
    await rejectsCode(search('w42 w92'), 'KNOWLEDGE_UNAVAILABLE')
    assert.is(asked, before)
    await liar.stop()
  })

test('a holder that says nothing costs the deadline and no more', async () => {
  lie = { statistics: () => null, search: () => null }
  const liar = await startLiar('silent')
  const search = () => asker.knowledge.search({ text: 'w43 w93', mode: 'lexical', deadlineMs: 400 }, signal())
  for (asked = 0; asked === 0; )
    await search().then(
      () => assert.unreachable('nobody has answered'),
      (error: VillageError) => assert.is(error.code, 'KNOWLEDGE_UNAVAILABLE'),
    )
  const error = await search().catch((reason: VillageError) => reason)
  // The owner has refused before: that is the last that was heard.
  assert.ok(['TIMEOUT', 'PEER_RATE_LIMITED'].includes(String((error as VillageError).fields.reason)))
  await liar.stop()
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
