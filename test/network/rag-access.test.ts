/** Who may search what: private collections are nobody's, guests get public ones, floods and lies are stopped. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../node/agents/rag/collections/collection.ts'
import {
  encodeChunksRequest,
  encodeSearch,
  encodeStatisticsRequest,
} from '../../node/agents/rag/village/query-wire.ts'
import { segmentKey } from '../../node/agents/rag/village/segment-key.ts'
import {
  CataloguePage,
  COLLECTIONS_PROTOCOL,
  CollectionsRequest,
  CollectionsRequestKind,
  HoldingsPage,
  RecordsPage,
} from '../../node/mesh/protocols/collections.ts'
import { SEARCH_PROTOCOL, SearchRequestFrame, SearchResponseFrame } from '../../node/mesh/protocols/search.ts'
import { madeDocument } from '../helpers/index-documents.ts'
import { type KnowledgeNode, startKnowledgeNode, stopKnowledgeNodes } from '../helpers/knowledge-nodes.ts'
import { joinWith, startMeshNode, stopMeshNodes } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { patientSignal, slowness } from '../runner/deadline.ts'

const WAIT_MS = 30_000
const signal = () => patientSignal(WAIT_MS)
const documents = (name: string) =>
  Array.from({ length: 20 }, (_, index) => madeDocument({ name: `${name}${index}` }))

let owner: KnowledgeNode
let member: KnowledgeNode
let guest: KnowledgeNode
/** Keys of the segments of each collection of the owner. */
const segments = new Map<string, string[]>()

async function eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
  const began = performance.now()
  while (!(await holds())) {
    if (performance.now() - began > WAIT_MS * slowness()) throw new Error(`waited for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
const names = async (node: KnowledgeNode) =>
  (await node.knowledge.collections()).map(({ name }) => name).sort()

/** One request to the owner, past everything that a well-behaved node does first. */
async function ask(from: KnowledgeNode, request: SearchRequestFrame): Promise<SearchResponseFrame> {
  const stream = await from.mesh.mesh.open(owner.peer, SEARCH_PROTOCOL, { signal: signal() })
  await stream.send(SearchRequestFrame, request)
  const answer = await stream.expect(SearchResponseFrame)
  await stream.close()
  return answer
}

async function cidsOf(node: KnowledgeNode): Promise<string[]> {
  return (await node.artifacts.list()).map(({ cid }) => cid)
}

test.before(async () => {
  owner = await startKnowledgeNode({ name: 'owner', knowledge: { requestsByMinute: 200 } })
  await owner.mesh.villages.create({ name: 'open village', open: true })
  member = await startKnowledgeNode({ name: 'member' })
  await joinWith(owner.mesh, member.mesh)
  guest = await startKnowledgeNode({ name: 'guest' })
  await joinWith(owner.mesh, guest.mesh, { role: 'guest' })
  for (const access of ['private', 'village', 'public'] as const) {
    await owner.put(access, { access, replicas: 0 }, documents(access))
    const directory = `${owner.mesh.directory}/collections/${collectionId(owner.peer, access)}/index`
    const manifest = await owner.host.manifest(directory)
    segments.set(
      access,
      manifest.segments.map(({ id }) => segmentKey(collectionId(owner.peer, access), id)),
    )
  }
  await eventually('the member knows two collections', async () => (await names(member)).length === 2)
  await eventually('the guest knows one', async () => (await names(guest)).length === 1)
  const sketches = (node: KnowledgeNode) => node.knowledge.stats().sketches
  await eventually('sketches are here', async () => sketches(member) >= 2 && sketches(guest) >= 1)
})

test('each sees what its role may see', async () => {
  assert.equal(await names(owner), ['private', 'public', 'village'])
  assert.equal(await names(member), ['public', 'village'])
  assert.equal(await names(guest), ['public'])
})

test('a search of each finds that, and no more', async () => {
  const found = async (node: KnowledgeNode) => {
    const { hits } = await node.knowledge.search(
      { text: 'w0 w1 w2 w3 w4', mode: 'lexical', limit: 100, candidates: 1000 },
      signal(),
    )
    return [...new Set(hits.map(({ collection }) => collection.split('@')[0]))].sort()
  }
  assert.equal(await found(owner), ['private', 'public', 'village'])
  assert.equal(await found(member), ['public', 'village'])
  assert.equal(await found(guest), ['public'])
  const options = { text: 'w1', mode: 'lexical', collections: [`private@${owner.peer}`] } as const
  await rejectsCode(member.knowledge.search(options, signal()), 'COLLECTION_UNKNOWN')
})

test('whoever knows the id of a private segment gets what one gets who made an id up', async () => {
  const [hidden] = segments.get('private')!
  const invented = 'f'.repeat(96)
  const statistics = { chunks: 10, totalLength: 100, documentFrequency: new Map([['w1', 1]]) }
  const lexical = { terms: [{ term: 'w1', weight: 1, field: null }], required: [], excluded: [] }
  const request = { lexical, vector: null, filters: [], limit: 10 }
  for (const from of [member, guest]) {
    const answers = await Promise.all(
      [hidden!, invented].map(async (id) => [
        await ask(from, encodeStatisticsRequest([id], ['w1'])),
        await ask(from, encodeSearch({ segments: [id], request, statistics, texts: 10 })),
        await ask(from, encodeChunksRequest([{ segment: id, chunk: 0 }])),
      ]),
    )
    assert.equal(answers[0], answers[1])
    assert.equal(
      answers[0]!.map(({ absent }) => absent),
      [[0], [0], []],
    )
    assert.ok(answers[0]!.every(({ chunks, lexical }) => chunks.length + lexical.length === 0))
  }
  const [village] = segments.get('village')!
  assert.equal((await ask(guest, encodeStatisticsRequest([village!], ['w1']))).absent, [0])
  assert.equal((await ask(member, encodeStatisticsRequest([village!], ['w1']))).absent, [])
})

test('the protocol of collections names nothing that is not to be seen', async () => {
  const seenBy = async (from: KnowledgeNode) => {
    const stream = await from.mesh.mesh.open(owner.peer, COLLECTIONS_PROTOCOL, { signal: signal() })
    await stream.send(CollectionsRequest, { kind: CollectionsRequestKind.catalogue, hashes: [], buckets: [] })
    const { entries } = await stream.expect(CataloguePage)
    const hashes = entries.map(({ hash }) => hash)
    await stream.send(CollectionsRequest, { kind: CollectionsRequestKind.records, hashes, buckets: [] })
    const { records } = await stream.expect(RecordsPage)
    await stream.send(CollectionsRequest, { kind: CollectionsRequestKind.holdings, hashes: [], buckets: [] })
    const held = await stream.expect(HoldingsPage)
    await stream.close()
    const text = Buffer.concat(records.map((record) => Buffer.from(record)))
    return {
      records: records.length,
      names: ['private', 'village', 'public'].map((name) =>
        text.includes(collectionId(owner.peer, name), 0, 'hex'),
      ),
      held: held.segments.map((id) => Buffer.from(id).toString('hex')).sort(),
    }
  }
  const [village, open] = [segments.get('village')!, segments.get('public')!]
  assert.equal(await seenBy(member), {
    records: 2,
    names: [false, true, true],
    held: [...village, ...open].sort(),
  })
  assert.equal(await seenBy(guest), { records: 1, names: [false, false, true], held: [...open].sort() })
})

test('no artifact of a collection goes to who may not see it', async () => {
  const hidden = (await owner.artifacts.list()).filter(({ name }) => name?.startsWith('village-') === true)
  assert.ok(hidden.length >= 2)
  for (const { cid } of hidden) {
    const fetch = (node: KnowledgeNode) =>
      node.artifacts.fetch(cid, { providers: [owner.peer], signal: signal() })
    await rejectsCode(fetch(guest), 'ARTIFACT_UNAVAILABLE')
    assert.is((await fetch(member)).cid, cid)
  }
  assert.equal(
    (await owner.artifacts.list()).filter(({ name }) => name?.startsWith('private-') === true),
    [],
  )
})

test('a stranger gets no answer at all', async () => {
  const stranger = await startMeshNode({ name: 'stranger' })
  await rejectsCode(stranger.mesh.open(owner.peer, SEARCH_PROTOCOL, { signal: signal() }), 'VILLAGE_NONE')
  await stranger.villages.create({ name: 'another village', open: true })
  await rejectsCode(stranger.mesh.open(owner.peer, SEARCH_PROTOCOL, { signal: signal() }), 'PEER_UNREACHABLE')
  const [address] = owner.mesh.mesh.addresses()
  await stranger.mesh.dial(address!, { signal: signal() }).then(
    () => assert.unreachable('it was let in'),
    (error: { code: string }) => assert.ok(error.code),
  )
})

test('what withdraws access takes effect at once', async () => {
  await owner.put('public', { access: 'village' })
  await eventually('the guest sees nothing', async () => (await names(guest)).length === 0)
  const [id] = segments.get('public')!
  assert.equal((await ask(guest, encodeStatisticsRequest([id!], ['w1']))).absent, [0])
  const [gone] = segments.get('village')!
  assert.equal((await ask(member, encodeStatisticsRequest([gone!], ['w1']))).absent, [])
  await owner.put('village', { access: 'private' })
  // Before any record says so.
  assert.equal((await ask(member, encodeStatisticsRequest([gone!], ['w1']))).absent, [0])
  await eventually('the member sees one', async () => (await names(member)).length === 1)
  await eventually(
    'no artifact of it is left',
    async () => !(await owner.artifacts.list()).some(({ name }) => name?.startsWith('village-') === true),
  )
  assert.equal((await cidsOf(guest)).length, 0)
})

test('who asks for two things at once, or nothing, loses the stream', async () => {
  const empty = { statistics: undefined, search: undefined, chunks: undefined }
  await ask(member, empty).then(
    () => assert.unreachable('it was answered'),
    (error: { code: string }) =>
      assert.ok(['PEER_DISCONNECTED', 'PROTOCOL_UNEXPECTED_END'].includes(error.code)),
  )
})

test('a member that floods is refused, and others are not', async () => {
  const [id] = segments.get('public')!
  const flood = encodeStatisticsRequest([id!], ['w1'])
  const stream = await member.mesh.mesh.open(owner.peer, SEARCH_PROTOCOL, { signal: signal() })
  const codes = new Map<string, number>()
  for (let sent = 0; sent < 400; sent++) {
    await stream.send(SearchRequestFrame, flood)
    const { code, statistics } = await stream.expect(SearchResponseFrame)
    assert.is(statistics.length, code === '' ? 1 : 0)
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  await stream.close()
  assert.ok(codes.get('PEER_RATE_LIMITED')! >= 100, JSON.stringify([...codes]))
  assert.is(codes.size, 2)
  assert.is((await ask(guest, flood)).code, '', 'a guest has a limit of its own')
  assert.ok(owner.knowledge.stats().requestsRefused >= 100)
  await owner.knowledge.search({ text: 'w1', mode: 'lexical' }, signal())
})

test.after(async () => {
  await stopKnowledgeNodes()
  await stopMeshNodes()
})
test.run()
