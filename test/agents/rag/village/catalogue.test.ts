/** The records that a node knows: whose count, which is newer, and what each role is shown. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { collectionId } from '../../../../node/agents/rag/collections/collection.ts'
import { createCatalogue } from '../../../../node/agents/rag/village/catalogue.ts'
import {
  type CollectionFacts,
  createCollectionRecord,
} from '../../../../node/agents/rag/village/collection-record.ts'
import { cidOf, DAG_PB_CODEC, digestOf, RAW_CODEC } from '../../../../node/mesh/artifacts/cids.ts'
import type { Role } from '../../../../node/mesh/mesh.ts'
import { openStore } from '../../../../node/store.ts'
import { stopMeshNodes, TEST_LOG, temporaryDirectory } from '../../../helpers/mesh.ts'
import { rejectsCode } from '../../../helpers/throws.ts'
import { peerNamed, signerOf } from '../../../helpers/village.ts'

const VILLAGE = 'the village'
const NOW_MS = 1_700_000_000_000
const [ann, gus, me] = [peerNamed('ann'), peerNamed('gus'), peerNamed('me')]
const LIMITS = { live: 8, removals: 4, total: 24, validMs: 90 * 86_400_000 }
const SEGMENT = 'a'.repeat(64)

const facts = (name: string, access: 'village' | 'public' = 'village'): CollectionFacts => ({
  ...{ name, access, encoder: null, dims: null, languages: [], weight: 0.5, replicas: 2, keepsCopy: true },
  segments: [
    {
      id: SEGMENT,
      cid: cidOf(DAG_PB_CODEC, digestOf(Buffer.from(name))).toString(),
      sketchCid: cidOf(RAW_CODEC, digestOf(Buffer.from(name))).toString(),
      ...{ sketchBytes: 200, chunks: 4, documents: 2, totalLength: 40, sizeBytes: 99, deletions: [] },
    },
  ],
})

function record(
  name: string,
  init: { by?: string; generation?: number; timeMs?: number; facts?: CollectionFacts | null } = {},
) {
  const { by = 'ann', generation = 1, timeMs = NOW_MS } = init
  return createCollectionRecord(signerOf(by), {
    ...{ village: VILLAGE, id: collectionId(peerNamed(by), name), generation, timeMs },
    facts: init.facts === undefined ? facts(name) : init.facts,
  })
}

async function withCatalogue(work: (parts: Awaited<ReturnType<typeof open>>) => Promise<void>) {
  const parts = await open()
  try {
    await work(parts)
  } finally {
    await parts.store.close()
  }
}

async function open() {
  const store = await openStore({ directory: await temporaryDirectory() })
  const roles: Record<string, Role> = { [ann]: 'member', [gus]: 'guest' }
  const clock = { nowMs: NOW_MS }
  const make = () =>
    createCatalogue(
      { store, roleOf: (peer) => roles[peer] ?? null, log: TEST_LOG },
      { self: me, now: () => clock.nowMs, limits: LIMITS },
    )
  const catalogue = make()
  await catalogue.load(VILLAGE)
  return { store, roles, catalogue, clock, make }
}

test('the newer of two records counts, in whatever order they come', () =>
  withCatalogue(async ({ catalogue }) => {
    const [first, second] = [record('papers'), record('papers', { generation: 2 })]
    assert.ok(await catalogue.apply(second.bytes))
    assert.not.ok(await catalogue.apply(first.bytes))
    assert.not.ok(await catalogue.apply(second.bytes))
    assert.is(catalogue.get(ann, first.id)?.generation, 2)
    assert.is(catalogue.byId(first.id)?.hash, second.hash)
  }))

test('a removal stays, and what it removed does not come back', () =>
  withCatalogue(async ({ catalogue, make }) => {
    await catalogue.apply(record('papers').bytes)
    assert.ok(await catalogue.apply(record('papers', { generation: 2, facts: null }).bytes))
    assert.equal(catalogue.live(), [])
    assert.is(catalogue.byId(record('papers').id), null)
    assert.not.ok(await catalogue.apply(record('papers').bytes))
    const again = make()
    await again.load(VILLAGE)
    assert.is(again.get(ann, record('papers').id)?.facts, null)
    assert.not.ok(await again.apply(record('papers').bytes))
  }))

test('guests and strangers publish nothing, and who leaves is not heard any more', () =>
  withCatalogue(async ({ catalogue, roles }) => {
    assert.not.ok(await catalogue.apply(record('papers', { by: 'gus' }).bytes))
    assert.not.ok(await catalogue.apply(record('papers', { by: 'stranger' }).bytes))
    const own = record('papers')
    await catalogue.apply(own.bytes)
    const before = catalogue.digest()
    delete roles[ann]
    assert.equal(catalogue.live(), [])
    assert.is(catalogue.byId(own.id), null)
    assert.not.equal(catalogue.digest(), before)
  }))

test('a record from the future, or of another village, is not taken', () =>
  withCatalogue(async ({ catalogue }) => {
    assert.not.ok(await catalogue.apply(record('papers', { timeMs: NOW_MS + 3_600_000 }).bytes))
    const other = createCollectionRecord(signerOf('ann'), {
      ...{ village: 'elsewhere', id: collectionId(ann, 'papers'), generation: 1, timeMs: NOW_MS },
      facts: facts('papers'),
    })
    await rejectsCode(catalogue.apply(other.bytes), 'PROTOCOL_MALFORMED')
    assert.equal(catalogue.visibleTo('admin'), [])
  }))

test('guests see public collections, and of the others not even that they ended', () =>
  withCatalogue(async ({ catalogue }) => {
    await catalogue.apply(record('inner').bytes)
    await catalogue.apply(record('open', { facts: facts('open', 'public') }).bytes)
    await catalogue.apply(record('gone', { facts: null }).bytes)
    const names = (role: Role) => catalogue.visibleTo(role).map((one) => one.facts?.name ?? null)
    assert.equal(names('guest'), ['open'])
    assert.equal(names('member'), ['inner', 'open', null])
  }))

test('one member cannot fill the catalogue', () =>
  withCatalogue(async ({ catalogue }) => {
    for (let index = 0; index < LIMITS.live; index++)
      assert.ok(await catalogue.apply(record(`c${index}`).bytes))
    assert.not.ok(await catalogue.apply(record('one-more').bytes))
    assert.ok(await catalogue.apply(record('c0', { generation: 2 }).bytes), 'what it has can change')
    assert.ok(await catalogue.apply(record('c0', { generation: 3, facts: null }).bytes))
    assert.ok(await catalogue.apply(record('one-more').bytes), 'a removal makes room')
    assert.not.ok(await catalogue.apply(record('c0', { generation: 4 }).bytes), 'and is not undone beyond it')
  }))

test('removals take no place of what is shared: of many the oldest are forgotten', () =>
  withCatalogue(async ({ catalogue, make }) => {
    for (let index = 0; index < 3 * LIMITS.removals; index++) {
      const [name, timeMs] = [`c${index}`, NOW_MS - 1_000 + index]
      assert.ok(await catalogue.apply(record(name, { timeMs }).bytes))
      assert.ok(await catalogue.apply(record(name, { timeMs, generation: 2, facts: null }).bytes))
    }
    assert.equal(catalogue.live(), [])
    assert.is(catalogue.visibleTo('member').length, LIMITS.removals)
    const old = record('older', { timeMs: NOW_MS - 5_000, facts: null })
    assert.not.ok(await catalogue.apply(old.bytes))
    const again = make()
    await again.load(VILLAGE)
    assert.equal(again.digest(), catalogue.digest())
  }))

test('a record counts for so long after its time, and another one begins anew', () =>
  withCatalogue(async ({ catalogue, clock, make }) => {
    const [shared, gone] = [
      record('shared', { generation: 7 }),
      record('gone', { generation: 3, facts: null }),
    ]
    await catalogue.apply(shared.bytes)
    await catalogue.apply(gone.bytes)
    const before = catalogue.digest()
    clock.nowMs += LIMITS.validMs + 1
    assert.equal(catalogue.visibleTo('member'), [])
    assert.equal(catalogue.live(), [])
    assert.is(catalogue.byId(shared.id), null)
    assert.not.equal(catalogue.digest(), before)
    assert.not.ok(
      await catalogue.apply(record('gone', { generation: 2 }).bytes),
      'what was removed is over too',
    )
    assert.ok(await catalogue.apply(record('shared', { timeMs: clock.nowMs }).bytes))
    const again = make()
    await again.load(VILLAGE)
    assert.is(again.get(ann, gone.id), null)
    assert.is(again.byId(shared.id)?.generation, 1)
  }))

test('own records keep their generation when they have expired, so that the next one counts everywhere', () =>
  withCatalogue(async ({ catalogue, clock, roles, make }) => {
    roles[me] = 'member'
    const own = record('mine', { by: 'me', generation: 5 })
    await catalogue.apply(own.bytes)
    clock.nowMs += LIMITS.validMs + 1
    await catalogue.apply(record('other', { timeMs: clock.nowMs }).bytes)
    const again = make()
    await again.load(VILLAGE)
    for (const one of [catalogue, again]) {
      assert.is(one.get(me, own.id)?.generation, 5)
      assert.is(one.byId(own.id), null)
    }
  }))

test('when all is full, who has the most gives way to who has fewer, and this node to nobody', () =>
  withCatalogue(async ({ catalogue, roles }) => {
    const fill = async (by: string, count: number) => {
      roles[peerNamed(by)] = 'member'
      let taken = 0
      for (let index = 0; index < count; index++)
        if (await catalogue.apply(record(`c${index}`, { by, timeMs: NOW_MS + index }).bytes)) taken += 1
      return taken
    }
    const countOf = (by: string) => catalogue.live().filter(({ owner }) => owner === peerNamed(by)).length
    const { live, total } = LIMITS
    assert.is(await fill('me', live), live)
    for (let index = 0; index * live < total; index++) await fill(`liar${index}`, live)
    assert.is(catalogue.live().length, total)
    assert.is(await fill('bob', 2), 2)
    assert.is(catalogue.live().length, total)
    assert.is(countOf('me'), live)
    await fill('bob', live)
    const shares = ['liar0', 'liar1', 'liar2', 'bob'].map(countOf)
    assert.ok(Math.max(...shares) - Math.min(...shares) <= 1, `${shares}`)
  }))

test('what is forgotten is gone, unless something newer has come', () =>
  withCatalogue(async ({ catalogue, make }) => {
    const heard: string[] = []
    catalogue.onChange((owner) => heard.push(owner))
    const [first, second] = [record('papers'), record('papers', { generation: 2 })]
    await catalogue.apply(first.bytes)
    await catalogue.apply(second.bytes)
    await catalogue.forget(first)
    assert.is(catalogue.live().length, 1)
    await catalogue.forget(second)
    assert.is(catalogue.live().length, 0)
    assert.equal(heard, [ann, ann, ann])
    const again = make()
    await again.load(VILLAGE)
    assert.is(again.live().length, 0)
  }))

test('each village has records of its own', () =>
  withCatalogue(async ({ catalogue }) => {
    await catalogue.apply(record('papers').bytes)
    await catalogue.load('another')
    assert.equal(catalogue.live(), [])
    await catalogue.load(null)
    assert.not.ok(await catalogue.apply(record('papers').bytes))
    await catalogue.load(VILLAGE)
    assert.is(catalogue.live().length, 1)
  }))

test.after(stopMeshNodes)
test.run()
