/** What an owner's records say, and what it is told where they cannot say it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type CollectionInfo, collectionId } from '../../../../node/agents/rag/collections/collection.ts'
import { createExclusive } from '../../../../node/agents/rag/collections/exclusive.ts'
import type { IndexHost } from '../../../../node/agents/rag/index/index-host.ts'
import type { ManifestSegment } from '../../../../node/agents/rag/index/manifest.ts'
import { createCatalogue } from '../../../../node/agents/rag/village/catalogue.ts'
import { createOffers } from '../../../../node/agents/rag/village/offers.ts'
import { createPublisher } from '../../../../node/agents/rag/village/publisher.ts'
import type { Artifacts } from '../../../../node/mesh/artifacts/artifacts.ts'
import { cidOf, DAG_PB_CODEC, digestOf, RAW_CODEC } from '../../../../node/mesh/artifacts/cids.ts'
import {
  MAX_COLLECTION_RECORD_BYTES,
  MAX_COLLECTIONS_BY_OWNER,
  RECORD_RENEWED_MS,
} from '../../../../node/mesh/protocols/collections.ts'
import type { JsonTable } from '../../../../node/store.ts'
import { TEST_LOG } from '../../../helpers/mesh.ts'
import { peerNamed, signerOf } from '../../../helpers/village.ts'

const self = peerNamed('ann')
const never = new AbortController().signal
const hex = (text: string) => Buffer.from(digestOf(Buffer.from(text))).toString('hex')

/** As the store, but in memory: thousands of writes that wait for a disk would take a while. */
function tableOf<T>(): JsonTable<T> {
  const rows = new Map<string, T>()
  return {
    get: async (key) => rows.get(key),
    put: async (key, value) => void rows.set(key, value),
    del: async (key) => void rows.delete(key),
    batch: () => Promise.reject(new Error('not used')),
    async *entries({ prefix = '' } = {}) {
      for (const row of rows) if (row[0].startsWith(prefix)) yield row
    },
  }
}

/** An owner with collections of `segments` segments each, in which every second of `deleted` chunks is deleted. */
function ownerWith(init: { segments?: number; deleted?: number; compacts?: boolean } = {}) {
  const { deleted = 0, compacts = true } = init
  const index = { segments: init.segments ?? 1 }
  const clock = { nowMs: 1_700_000_000_000 }
  const infos: CollectionInfo[] = []
  const seen = { compacted: 0, made: 0 }
  const isCompacted = () => compacts && seen.compacted > 0
  const deletions = Array.from({ length: deleted }, (_, index) => 2 * index)

  const segmentsOf = (directory: string): ManifestSegment[] =>
    Array.from({ length: index.segments }, (_, at) => ({
      id: hex(`${directory} ${at}`),
      ...{ chunks: 200_000, documents: 10, totalLength: 400_000, sizeBytes: 9_000_000 },
      deletedChunks: isCompacted() ? 0 : deletions.length,
      ...{ deletedDocuments: 0, tombstones: null, isAway: false },
    }))

  const host = {
    manifest: async (directory: string) => ({
      ...{ version: 1, generation: 1, settings: { maxSegmentChunks: 200_000, dims: null } },
      segments: segmentsOf(directory),
    }),
    deletions: async () => (isCompacted() ? [] : deletions),
    async compact() {
      seen.compacted += 1
    },
    sketch: async () => new Uint8Array(1_000),
  } as unknown as IndexHost // what a publisher asks of it

  const artifacts = {
    has: async () => true,
    info: async () => null,
    async addPath(at: string) {
      seen.made += 1
      return { cid: cidOf(DAG_PB_CODEC, digestOf(Buffer.from(at))).toString() }
    },
    addBytes: async () => ({ cid: cidOf(RAW_CODEC, digestOf(Buffer.from('sketch'))).toString() }),
  } as unknown as Artifacts // as above

  const catalogue = createCatalogue(
    { store: { json: tableOf }, roleOf: () => 'member', log: TEST_LOG },
    { self, now: () => clock.nowMs },
  )
  const publisher = createPublisher(
    {
      collections: {
        list: async () => [...infos],
        accessOf: (id) => infos.find((info) => info.id === id)?.access ?? null,
        indexDirectory: (id) => id,
      },
      ...{ host, artifacts, catalogue, offers: createOffers({ artifacts, log: TEST_LOG }) },
      ...{ signer: signerOf('ann'), exclusive: createExclusive(), log: TEST_LOG },
    },
    { self, now: () => clock.nowMs, segmentPath: (directory, segment) => `${directory}/${segment}` },
  )
  function add(name: string): string {
    const id = collectionId(self, name)
    infos.push({
      ...{ id, name, owner: self, encoder: null, segmentChunks: 200_000, createdAtMs: 1, documents: 10 },
      ...{ chunks: 10, sizeBytes: 10, generation: 1, languages: ['en'], roots: [], watched: [] },
      ...{ problem: null, access: 'village', replicas: 2, keepsCopy: true, weight: 0.5 },
      ...{ feedback: false, candidates: null },
    })
    return id
  }
  /** Both passes, as they are made in turn. */
  async function sync(): Promise<boolean> {
    const isDone = await publisher.withdraw(never)
    return (await publisher.publish(never)) && isDone
  }
  return { catalogue, publisher, infos, index, seen, clock, add, sync }
}

test('more collections than a member may share: the last one says so, and comes when there is room', async () => {
  const { catalogue, publisher, infos, seen, add, sync } = ownerWith()
  await catalogue.load('village')
  const ids = Array.from({ length: MAX_COLLECTIONS_BY_OWNER }, (_, index) => add(`c${index}`))
  assert.ok(await sync())
  const last = add('one-more')
  const { made } = seen
  assert.not.ok(await sync())
  assert.is(publisher.problemOf(last)?.code, 'COLLECTION_LIMIT')
  assert.is(publisher.problemOf(ids[0]!), null)
  assert.is(catalogue.byId(last), null)
  assert.is(seen.made, made, 'nothing is made for it')
  infos.splice(3, 1)
  assert.ok(await sync())
  assert.is(publisher.problemOf(last), null)
  assert.is(catalogue.byId(last)?.facts.name, 'one-more')
  assert.is(catalogue.byId(ids[3]!), null)
})

test('deletions that fit by segment and not together are compacted away', async () => {
  const { catalogue, seen, add, sync } = ownerWith({ segments: 16, deleted: 60_000 })
  await catalogue.load('village')
  const id = add('papers')
  assert.ok(await sync())
  assert.is(seen.compacted, 1)
  const record = catalogue.byId(id)!
  assert.ok(record.bytes.byteLength <= MAX_COLLECTION_RECORD_BYTES)
  assert.ok(record.facts.segments.every(({ deletions }) => deletions.length === 0))
})

test('what fits into a record is not rewritten', async () => {
  const { catalogue, seen, add, sync } = ownerWith({ segments: 8, deleted: 60_000 })
  await catalogue.load('village')
  const id = add('papers')
  assert.ok(await sync())
  assert.is(seen.compacted, 0)
  assert.ok(catalogue.byId(id)!.bytes.byteLength > 8 * 60_000)
})

test('a collection whose record cannot be made small enough says so', async () => {
  const { catalogue, publisher, add, sync } = ownerWith({ segments: 16, deleted: 60_000, compacts: false })
  await catalogue.load('village')
  const id = add('papers')
  assert.not.ok(await sync())
  assert.is(publisher.problemOf(id)?.code, 'COLLECTION_TOO_LARGE')
})

test('a record that is refused is not said to be published', async () => {
  const { catalogue, publisher, add, sync } = ownerWith()
  await catalogue.load('village')
  const id = add('papers')
  const apply = catalogue.apply
  catalogue.apply = async () => false
  assert.not.ok(await sync())
  assert.is(publisher.problemOf(id)?.code, 'COLLECTION_RECORD_REFUSED')
  catalogue.apply = apply
  assert.ok(await sync())
  assert.is(publisher.problemOf(id), null)
})

test('records are signed anew before they expire, and not sooner', async () => {
  const { catalogue, clock, add, sync } = ownerWith()
  await catalogue.load('village')
  const id = add('papers')
  for (const [laterMs, generation] of [
    [0, 1],
    [RECORD_RENEWED_MS, 1],
    [1, 2],
    [10 * RECORD_RENEWED_MS, 3],
  ] as const) {
    clock.nowMs += laterMs
    assert.ok(await sync())
    assert.is(catalogue.byId(id)?.generation, generation)
  }
})

test('a collection is told with its first documents, not before, and stays told when they are gone', async () => {
  const { catalogue, index, add, sync } = ownerWith({ segments: 0 })
  await catalogue.load('the village')
  const id = add('papers')
  assert.ok(await sync())
  assert.is(catalogue.get(self, id), null)
  index.segments = 1
  assert.ok(await sync())
  assert.is(catalogue.get(self, id)?.facts?.segments.length, 1)
  assert.is(catalogue.get(self, id)?.generation, 1)
  index.segments = 0
  assert.ok(await sync())
  assert.equal(catalogue.get(self, id)?.facts?.segments, [])
})

test.run()
