/** What is asked and answered of collections: as much as has changed, and all of it to and from versions that know no buckets. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../../../node/agents/rag/collections/collection.ts'
import { createCatalogue } from '../../../../node/agents/rag/village/catalogue.ts'
import { createCollectionRecord } from '../../../../node/agents/rag/village/collection-record.ts'
import {
  createCollectionsClient,
  createCollectionsServer,
} from '../../../../node/agents/rag/village/collections-exchange.ts'
import { createExchangeBudget, EXCHANGE_LIMITS } from '../../../../node/agents/rag/village/exchange-budget.ts'
import type { Holding } from '../../../../node/agents/rag/village/holdings.ts'
import type { FramedStream } from '../../../../node/mesh/framed-stream.ts'
import type { Role } from '../../../../node/mesh/mesh.ts'
import {
  CataloguePage,
  CollectionsRequest,
  CollectionsRequestKind,
  HoldingsPage,
} from '../../../../node/mesh/protocols/collections.ts'
import { memoryStore } from '../../../../scripts/scale/memory-store.ts'
import { createTally, streamPair } from '../../../../scripts/scale/virtual-streams.ts'
import { TEST_LOG } from '../../../helpers/mesh.ts'
import { rejectsCode } from '../../../helpers/throws.ts'
import { peerNamed, START_MS, signerOf } from '../../../helpers/village.ts'

const VILLAGE = 'the village'
const signal = new AbortController().signal
const hashOf = (text: string) => Buffer.from(text.padEnd(32, '.')).toString('hex').slice(0, 64)
const keyOf = (index: number) => `${'ab'.repeat(16)}${hashOf(String.fromCharCode(33 + index))}`
const holdingOf = (...indexes: number[]): Holding => ({
  segments: new Set(indexes.map(keyOf)),
  capacityBytes: 9,
  usedBytes: 4,
})

const recordOf = (owner: string, generation = 1) =>
  createCollectionRecord(signerOf(owner), {
    ...{ village: VILLAGE, id: collectionId(peerNamed(owner), 'papers'), generation, timeMs: START_MS },
    facts: {
      ...{ name: 'papers', access: 'public', encoder: null, dims: null, languages: [], weight: 0.5 },
      ...{ replicas: 2, keepsCopy: true, segments: [] },
    },
  })

async function catalogueOf(records: readonly ReturnType<typeof recordOf>[]) {
  const init = { self: 'self', now: () => START_MS }
  const catalogue = createCatalogue({ store: memoryStore(), roleOf: () => 'member', log: TEST_LOG }, init)
  await catalogue.load(VILLAGE)
  for (const { bytes } of records) await catalogue.apply(bytes)
  return catalogue
}
type Known = Awaited<ReturnType<typeof catalogueOf>>

function served(catalogue: Known, holding: Holding, role: Role = 'member') {
  const tally = createTally()
  const [ours, theirs] = streamPair(tally, 'asker', 'answerer')
  const budget = createExchangeBudget({ ...EXCHANGE_LIMITS, now: () => START_MS })
  const serve = createCollectionsServer({ catalogue, ownHoldings: () => holding, budget, log: TEST_LOG })
  return { ours, tally, done: serve(theirs, { peer: 'asker', role, signal }) }
}

const clientOf = (catalogue: Known, stream: FramedStream) =>
  createCollectionsClient({
    mesh: { open: async () => stream, roleOf: () => 'member', peerId: 'asker' },
    catalogue,
    log: TEST_LOG,
  })

const OWNERS = Array.from({ length: 40 }, (_, index) => `owner ${index}`)

test('of forty collections the one that has changed is sent, and hardly anything else', async () => {
  const records = OWNERS.map((owner) => recordOf(owner))
  const changed = recordOf('owner 7', 2)
  const [asker, answerer] = [await catalogueOf(records), await catalogueOf([...records, changed])]
  const { ours, tally, done } = served(answerer, holdingOf())
  await clientOf(asker, ours).exchange('answerer', { catalogue: true, holdings: false, before: null }, signal)
  await done
  assert.equal(asker.digest(), answerer.digest())
  assert.is(asker.get(changed.owner, changed.id)?.generation, 2)
  assert.ok(tally.bytes < 2_500, `${tally.bytes} bytes`)
})

test('who does not say what it knows is sent all, and so is a guest', async () => {
  const catalogue = await catalogueOf(OWNERS.map((owner) => recordOf(owner)))
  const kind = CollectionsRequestKind.catalogue
  const buckets = Array.from({ length: 64 }, () => new Uint8Array(16))
  for (const [role, said] of [
    ['member', []],
    ['guest', buckets],
  ] as const) {
    const { ours, done } = served(catalogue, holdingOf(), role)
    await ours.send(CollectionsRequest, { kind, hashes: [], buckets: [...said] })
    assert.is((await ours.expect(CataloguePage)).entries.length, OWNERS.length)
    await ours.close()
    await done
  }
})

test('of what a member holds, what came and what went is told', async () => {
  const catalogue = await catalogueOf([])
  for (const [before, now] of [
    [holdingOf(1, 2, 3), holdingOf(1, 2, 3, 4)],
    [holdingOf(1, 2, 3), holdingOf(2)],
    [holdingOf(1, 2, 3), holdingOf()],
    [holdingOf(1, 2), holdingOf(1, 2)],
    [holdingOf(), holdingOf(5)],
    [null, holdingOf(1, 5)],
  ] as const) {
    const { ours, done } = served(catalogue, now)
    const parts = { catalogue: false, holdings: true, before }
    const learned = await clientOf(catalogue, ours).exchange('answerer', parts, signal)
    await done
    assert.equal([...learned!.segments].sort(), [...now.segments].sort())
    assert.is(learned!.capacityBytes, 9)
  }
})

test('a part of what is held is nothing to who has not said what it knows', async () => {
  const catalogue = await catalogueOf([])
  const [ours, theirs] = streamPair(createTally(), 'asker', 'answerer')
  const parts = { catalogue: false, holdings: true, before: null }
  const asking = clientOf(catalogue, ours).exchange('answerer', parts, signal)
  await theirs.expect(CollectionsRequest)
  const page = { segments: [], capacityBytes: 0, usedBytes: 0, more: false, partial: true, buckets: [] }
  await theirs.send(HoldingsPage, page)
  await rejectsCode(asking, 'PROTOCOL_MALFORMED')
})

test('the digest of an owner is of its records alone', async () => {
  const catalogue = await catalogueOf(['ann', 'bob'].map((owner) => recordOf(owner)))
  const [ann, bob] = [catalogue.digestOf(peerNamed('ann')), catalogue.digestOf(peerNamed('bob'))]
  assert.not.equal(ann, bob)
  await catalogue.apply(recordOf('bob', 2).bytes)
  assert.equal(catalogue.digestOf(peerNamed('ann')), ann)
  assert.not.equal(catalogue.digestOf(peerNamed('bob')), bob)
  assert.equal(catalogue.digestOf(peerNamed('cat')), (await catalogueOf([])).digest())
})

test.run()
