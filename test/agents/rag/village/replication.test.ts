/** What a member fetches, keeps and drops, by a clock of the test's own; the bytes are not real here. */
import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../../../node/agents/rag/collections/collection.ts'
import type { Catalogue, LiveRecord } from '../../../../node/agents/rag/village/catalogue.ts'
import type { RecordSegment } from '../../../../node/agents/rag/village/collection-record.ts'
import type { HolderAudits } from '../../../../node/agents/rag/village/holder-audits.ts'
import { createHoldings } from '../../../../node/agents/rag/village/holdings.ts'
import { createOffers } from '../../../../node/agents/rag/village/offers.ts'
import type { ReplicaStore } from '../../../../node/agents/rag/village/replica-store.ts'
import { createReplication } from '../../../../node/agents/rag/village/replication.ts'
import { segmentKey } from '../../../../node/agents/rag/village/segment-key.ts'
import { VillageError } from '../../../../node/errors.ts'
import type { ArtifactInfo } from '../../../../node/mesh/artifacts/artifacts.ts'
import type { FetchOptions } from '../../../../node/mesh/artifacts/fetches.ts'
import { openStore } from '../../../../node/store.ts'
import { stopMeshNodes, TEST_LOG, temporaryDirectory } from '../../../helpers/mesh.ts'

const DAY_MS = 24 * 3_600_000
const SELF = 'self'
const OWNER = 'owner'
const ID = collectionId(OWNER, 'papers')
const MIB = 2 ** 20

const segmentOf = (name: string): RecordSegment => ({
  id: createHash('sha256').update(name).digest('hex'),
  ...{ cid: `cid-${name}`, sketchCid: `sketch-${name}`, sketchBytes: 10, sizeBytes: MIB },
  ...{ chunks: 4, documents: 2, totalLength: 40, deletions: [] },
})

function recordOf(segments: readonly RecordSegment[], replicas = 1): LiveRecord {
  return {
    ...{ hash: 'hash', bytes: new Uint8Array(0), owner: OWNER, id: ID, generation: 1, timeMs: 1 },
    facts: {
      ...{ name: 'papers', access: 'village', encoder: null, dims: null, languages: [], weight: 0.5 },
      ...{ replicas, keepsCopy: true, segments },
    },
  }
}

async function stage(init: { capacityBytes?: number } = {}) {
  const directory = await temporaryDirectory()
  const store = await openStore({ directory })
  const clock = { nowMs: 1_000_000 }
  const here = new Set([OWNER])
  const holdings = createHoldings()
  const artifacts = new Map<string, ArtifactInfo>()
  const held = new Set<string>()
  let record: LiveRecord | null = null
  let fetchSize = MIB
  let fetches: string[] = []
  let begun = 0
  let ended = 0
  const onFetched = () => {
    ended += 1
  }
  /** What audits and checks of answers have found, by the test's word. */
  const doubted = new Set<string>()
  const unproven = new Set<string>()
  const distrusted = new Set<string>()
  const looked: string[] = []

  const catalogue: Pick<Catalogue, 'live' | 'byId' | 'get'> = {
    live: () => (record === null ? [] : [record]),
    byId: () => record,
    get: () => null,
  }
  const replicas: Pick<ReplicaStore, 'collections' | 'holds' | 'add' | 'update' | 'drop' | 'usedBytes'> = {
    collections: () => (held.size === 0 ? [] : [ID]),
    holds: (_collection, segment) => held.has(segment),
    async add(_record, segment) {
      held.add(segment.id)
    },
    async update(_record, keeps) {
      const removed = [...held].filter((segment) => !keeps(segment))
      for (const segment of removed) held.delete(segment)
      return removed
    },
    async drop() {
      const removed = [...held]
      held.clear()
      return removed
    },
    usedBytes: () => 2 * MIB * held.size,
  }
  const artifactParts = {
    async fetch(cid: string, options: FetchOptions) {
      fetches.push(cid)
      begun += 1
      options.onProgress?.(0, fetchSize)
      options.signal.throwIfAborted()
      const info: ArtifactInfo = {
        ...{
          cid,
          sizeBytes: fetchSize,
          name: null,
          kind: 'directory' as const,
          addedAtMs: 1,
          complete: true,
        },
        pins: [options.pin!],
      }
      artifacts.set(cid, info)
      return info
    },
    materialize: async (cid: string) => cid,
    list: async () => [...artifacts.values()],
    info: async (cid: string) => artifacts.get(cid) ?? null,
    async unpin(cid: string, pin: string) {
      const info = artifacts.get(cid)!
      artifacts.set(cid, { ...info, pins: info.pins.filter((one) => one !== pin) })
    },
    async remove(cid: string) {
      if (!artifacts.delete(cid)) throw new VillageError('NOT_FOUND')
    },
  }
  const offers = createOffers({ artifacts: artifactParts, log: TEST_LOG })
  const audits: HolderAudits = {
    start: () => undefined,
    stop: async () => undefined,
    isDoubted: (peer) => doubted.has(peer),
    isProven: (peer) => !unproven.has(peer),
    look: (claims) => looked.push(...claims.map(({ peer }) => peer)),
  }
  const replication = createReplication(
    {
      ...{ audits, isTrusted: (peer) => !distrusted.has(peer) },
      catalogue: catalogue as Catalogue,
      replicas: replicas as ReplicaStore,
      ...{ holdings, artifacts: artifactParts, offers, store, log: TEST_LOG },
      ...{ present: () => here, onChange: () => undefined, onFetched },
    },
    {
      ...{ self: SELF, incoming: `${directory}/incoming`, now: () => clock.nowMs },
      ...{ repairAfterMs: 600_000, dropAfterMs: 60_000, forgetAfterMs: 30 * DAY_MS },
      capacityBytes: () => init.capacityBytes ?? 100 * MIB,
    },
  )
  replication.start()
  return {
    ...{ here, holdings, artifacts, held, offers, doubted, unproven, distrusted, looked },
    fetches: () => fetches,
    setFetchSize(size: number) {
      fetchSize = size
    },
    publish(segments: readonly RecordSegment[] | null, copies = 1) {
      record = segments === null ? null : recordOf(segments, copies)
    },
    /** A look after some time; what it fetched has come when it resolves. */
    async look(afterMs = 0) {
      clock.nowMs += afterMs
      fetches = []
      const isDone = await replication.run()
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      for (let at = 0; at < 20; at++) await turn()
      while (ended < begun) await turn()
      return isDone
    },
    member(peer: string, segments: readonly string[] = [], capacityBytes = 100 * MIB) {
      here.add(peer)
      holdings.set(peer, { segments: new Set(segments), capacityBytes, usedBytes: 0 })
    },
    async end() {
      await replication.stop()
      await store.close()
    },
  }
}

async function withStage(
  init: { capacityBytes?: number },
  work: (parts: Awaited<ReturnType<typeof stage>>) => Promise<void>,
): Promise<void> {
  const parts = await stage(init)
  try {
    await work(parts)
  } finally {
    await parts.end()
  }
}

const [one, two, three] = ['one', 'two', 'three'].map(segmentOf) as [
  RecordSegment,
  RecordSegment,
  RecordSegment,
]

test('the only member that lends room holds everything, two fetches at once', () =>
  withStage({}, async ({ publish, look, fetches, held, offers }) => {
    publish([one, two, three])
    await look()
    assert.equal(fetches(), ['cid-one', 'cid-two'])
    await look()
    assert.equal(fetches(), ['cid-three'])
    assert.is(held.size, 3)
    assert.equal([...offers.of('cid-one')], [ID])
    await look()
    assert.equal(fetches(), [])
  }))

test('who lends nothing, or has no room, holds nothing', async () => {
  for (const capacityBytes of [0, 2 * MIB - 2])
    await withStage({ capacityBytes }, async ({ publish, look, fetches }) => {
      publish([one])
      await look()
      assert.equal(fetches(), [])
    })
})

test('a collection that wants no replicas gets none', () =>
  withStage({}, async ({ publish, look, fetches }) => {
    publish([one], 0)
    await look()
    assert.equal(fetches(), [])
  }))

test('members share the work, and a member that is long away is replaced', () =>
  withStage({}, async ({ publish, look, fetches, member, here }) => {
    const segments = Array.from({ length: 40 }, (_, index) => segmentOf(`s${index}`))
    member('bob')
    publish(segments)
    await look()
    const ids = new Set(segments.map(({ id }) => id))
    member('bob', [...ids])
    for (let turn = 0; turn < 20; turn++) await look()
    assert.equal(fetches(), [], 'bob has them all')
    here.delete('bob')
    await look(1_000)
    await look(500_000)
    assert.equal(fetches(), [], 'he may come back')
    await look(200_000)
    assert.is(fetches().length, 2, 'he does not')
  }))

test('who does not show what it holds, or has lied, keeps nobody from making a copy', async () => {
  for (const found of ['doubted', 'distrusted'] as const)
    await withStage({}, async (parts) => {
      const { publish, look, held, member, looked } = parts
      const segments = Array.from({ length: 10 }, (_, index) => segmentOf(`s${index}`))
      const keys = segments.map(({ id }) => segmentKey(ID, id))
      member('liar', keys, Number.MAX_SAFE_INTEGER)
      publish(segments)
      for (let turn = 0; turn < 10; turn++) await look()
      const before = held.size
      assert.ok(before < segments.length && looked.includes('liar'), 'the next in line looks after it')
      parts[found].add('liar')
      for (let turn = 0; turn < 10; turn++) await look()
      assert.is(held.size, segments.length)
    })
})

test('a copy is dropped only when those that shall have it have shown it', () =>
  withStage({}, async ({ publish, look, held, member, unproven }) => {
    const segments = Array.from({ length: 10 }, (_, index) => segmentOf(`s${index}`))
    publish(segments)
    for (let turn = 0; turn < 10; turn++) await look()
    assert.is(held.size, segments.length)
    unproven.add('bob')
    member(
      'bob',
      segments.map(({ id }) => segmentKey(ID, id)),
    )
    for (let turn = 0; turn < 5; turn++) await look(100_000)
    assert.is(held.size, segments.length)
    unproven.clear()
    for (let turn = 0; turn < 3; turn++) await look(100_000)
    assert.ok(held.size > 0 && held.size < segments.length)
  }))

test('what is not published any more goes at once, with its artifact', () =>
  withStage({}, async ({ publish, look, held, artifacts, offers }) => {
    publish([one, two])
    await look()
    publish([two])
    await look()
    assert.equal([...held], [two.id])
    assert.equal([...artifacts.keys()], ['cid-two'])
    assert.is(offers.of('cid-one').size, 0)
    publish(null)
    await look()
    assert.is(held.size, 0)
    assert.is(artifacts.size, 0)
  }))

test('a copy that is not wanted any more goes only after a while', () =>
  withStage({}, async ({ publish, look, held }) => {
    publish([one])
    await look()
    publish([one], 0)
    await look()
    await look(30_000)
    assert.is(held.size, 1)
    await look(40_000)
    assert.is(held.size, 0)
  }))

test('copies of an owner that was not seen for a month go', () =>
  withStage({}, async ({ publish, look, held, here }) => {
    publish([one])
    await look()
    await look(2 * DAY_MS)
    here.delete(OWNER)
    await look(1_000)
    await look(29 * DAY_MS)
    assert.is(held.size, 1)
    await look(2 * DAY_MS)
    assert.is(held.size, 0)
  }))

test('a segment that is larger than its record says is not taken, and tried ever less often', () =>
  withStage({}, async ({ publish, look, held, fetches, setFetchSize }) => {
    setFetchSize(3 * MIB)
    publish([one])
    await look()
    assert.is(held.size, 0)
    assert.not.ok(await look())
    assert.equal(fetches(), [], 'not again at once')
    await look(600)
    assert.equal(fetches(), ['cid-one'])
    await look(600)
    assert.equal(fetches(), [])
    setFetchSize(MIB)
    await look(5_000)
    assert.is(held.size, 1)
    assert.ok(await look())
  }))

test.after(stopMeshNodes)
test('a record that names another artifact for a segment that is held does not make this node offer that', async () => {
  const here = await stage()
  here.publish([one])
  await here.look()
  assert.ok(here.offers.of(one.cid).has(ID))
  const diary = { ...here.artifacts.get(one.cid)!, cid: 'a diary', pins: ['mine'] }
  here.artifacts.set('a diary', diary)
  here.publish([{ ...one, cid: 'a diary' }])
  await here.look()
  assert.is(here.offers.of('a diary').size, 0)
  assert.equal(here.artifacts.get('a diary'), diary)
  await here.end()
})

test.run()
