/** Who is asked for what after which announcement, who counts as present for how long, and what is said when. */
import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createCatalogue } from '../../../../node/agents/rag/village/catalogue.ts'
import { createCollectionsGossip } from '../../../../node/agents/rag/village/collections-gossip.ts'
import { createHoldings } from '../../../../node/agents/rag/village/holdings.ts'
import { createEvents } from '../../../../node/events.ts'
import type { Mesh, Role } from '../../../../node/mesh/mesh.ts'
import {
  CataloguePage,
  CollectionsAnnouncement,
  CollectionsRequest,
  CollectionsRequestKind,
  HoldingsPage,
} from '../../../../node/mesh/protocols/collections.ts'
import type { TopicInit } from '../../../../node/mesh/topics.ts'
import { memoryStore } from '../../../../scripts/scale/memory-store.ts'
import { createTally, streamPair } from '../../../../scripts/scale/virtual-streams.ts'
import { TEST_LOG } from '../../../helpers/mesh.ts'
import { START_MS } from '../../../helpers/village.ts'

const test = suite('gossip of collections')
const MINUTE_MS = 60_000
const HOLDINGS_PAGE = {
  segments: [],
  capacityBytes: 0,
  usedBytes: 0,
  more: false,
  partial: false,
  buckets: [],
}
const bytesOf = (value: number) => new Uint8Array(32).fill(value)

test.before.each(() => mock.timers.enable({ apis: ['setTimeout', 'setInterval'] }))
test.after.each(() => mock.timers.reset())

/** One node among members that are played: they answer what they are asked, and what that was is kept. */
async function nodeIn(members: number) {
  const clock = { elapsedMs: 0, offsetMs: 0 }
  const now = () => START_MS + clock.elapsedMs + clock.offsetMs
  const connected = new Set<string>()
  const gone = new Set<string>()
  const asked: string[] = []
  let announced = 0
  let topic: TopicInit | undefined
  let onChange: ((change: { peer: string; connected: boolean }) => void) | undefined
  const events = createEvents()
  const roleOf = (peer: string): Role | null => (gone.has(peer) ? null : 'member')

  async function open(peer: string) {
    const [ours, theirs] = streamPair(createTally(), 'self', peer)
    const answer = async () => {
      for (;;) {
        const request = await theirs.receive(CollectionsRequest)
        if (request === null) return
        const isCatalogue = request.kind === CollectionsRequestKind.catalogue
        asked.push(`${peer}: ${isCatalogue ? 'catalogue' : 'holdings'}`)
        if (isCatalogue) await theirs.send(CataloguePage, { entries: [], more: false })
        else await theirs.send(HoldingsPage, HOLDINGS_PAGE)
      }
    }
    void answer()
    return ours
  }

  const mesh: Partial<Mesh> = {
    peerId: 'self',
    subscribe(_topic, init) {
      topic = init
    },
    async publish() {
      announced += 1
      return 1
    },
    handle() {},
    roleOf,
    open,
    peers: () =>
      [...connected].map((peer) => ({ peer, role: 'member' }) as ReturnType<Mesh['peers']>[number]),
    village: () => ({ members }) as ReturnType<Mesh['village']>,
    onPeerChange(listener) {
      onChange = listener
      return () => {}
    },
  }
  const catalogue = createCatalogue({ store: memoryStore(), roleOf, log: TEST_LOG }, { self: 'self', now })
  await catalogue.load('the village')
  const holdings = createHoldings()
  const gossip = createCollectionsGossip(
    {
      mesh: mesh as Mesh, // what gossip uses of one
      catalogue,
      holdings,
      ownHoldings: () => ({ segments: new Set(), capacityBytes: 0, usedBytes: 0 }),
      events,
      log: TEST_LOG,
    },
    { now, elapsedMs: () => clock.elapsedMs, random: () => 0, soonMs: 20, onHoldings() {} },
  )
  await gossip.start(new AbortController().signal)

  /** Time goes on by so much, and what was begun then ends. */
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 5_000) {
      const step = Math.min(5_000, left)
      clock.elapsedMs += step
      mock.timers.tick(step)
      for (let turn = 0; turn < 20; turn++) await setImmediate()
    }
  }
  await pass(100)

  return {
    clock,
    gossip,
    holdings,
    events,
    pass,
    /** Of a member whose own records are none, as far as it knows; `records` is what else it knows. */
    async hear(peer: string, records = 2): Promise<void> {
      const digests = { catalogue: bytesOf(records), holdings: bytesOf(3), own: catalogue.digestOf(peer) }
      const bytes = CollectionsAnnouncement.encode({ timeMs: now(), ...digests })
      assert.is(await topic!.validate(bytes, peer), 'accept')
      topic!.handle(bytes, peer)
      await pass(100)
    },
    async connect(peer: string): Promise<void> {
      connected.add(peer)
      onChange!({ peer, connected: true })
      await pass(100)
    },
    disconnect(peer: string): void {
      connected.delete(peer)
      onChange!({ peer, connected: false })
    },
    leave(peer: string): void {
      gone.add(peer)
      connected.delete(peer)
      events.emit('member:left', { peer })
    },
    comeBack: (peer: string) => gone.delete(peer),
    asked: () => asked.splice(0),
    announcements(): number {
      const count = announced
      announced = 0
      return count
    },
  }
}

test('what a far member knows of others is asked when it becomes a neighbour, once', async () => {
  const node = await nodeIn(10)
  await node.hear('ann')
  assert.equal(node.asked(), ['ann: holdings'])
  await node.connect('ann')
  assert.equal(node.asked(), ['ann: catalogue'])
  await node.hear('ann')
  assert.equal(node.asked(), [])
  await node.hear('ann', 4)
  assert.equal(node.asked(), ['ann: catalogue'])
  await node.gossip.stop()
})

test('a member whose connection ends is away at once, however many there are', async () => {
  for (const members of [3, 250, 251, 1_000, 9_000]) {
    const node = await nodeIn(members)
    await node.hear('ann')
    await node.connect('ann')
    assert.ok(node.gossip.present().has('ann'))
    node.disconnect('ann')
    assert.not.ok(node.gossip.present().has('ann'), `${members} members`)
    await node.gossip.stop()
  }
})

test('to others it is away after three minutes, or twelve at most', async () => {
  for (const [members, minutes] of [
    [3, 3],
    [250, 3],
    [500, 6],
    [1_000, 12],
    [9_000, 12],
  ] as const) {
    const node = await nodeIn(members)
    await node.hear('ann')
    await node.pass(minutes * MINUTE_MS - 1_000)
    assert.ok(node.gossip.present().has('ann'), `${members} members, before`)
    await node.pass(2_000)
    assert.not.ok(node.gossip.present().has('ann'), `${members} members, after`)
    await node.gossip.stop()
  }
})

test('in a large village both ends of a connection that ended say within ten seconds that they are here', async () => {
  const node = await nodeIn(1_000)
  await node.connect('ann')
  await node.pass(MINUTE_MS)
  node.announcements()
  for (const peer of ['ann', 'bob', 'cat']) node.disconnect(peer)
  await node.pass(10_000)
  assert.is(node.announcements(), 1)
  await node.hear('ann')
  assert.ok(node.gossip.present().has('ann'))
  await node.gossip.stop()
})

test('a clock that is set back makes nobody present for longer', async () => {
  const node = await nodeIn(3)
  await node.hear('ann')
  node.clock.offsetMs = -60 * MINUTE_MS
  await node.pass(4 * MINUTE_MS)
  assert.not.ok(node.gossip.present().has('ann'))
  assert.ok(node.announcements() >= 4)
  await node.hear('bob')
  assert.ok(node.gossip.present().has('bob'))
  await node.gossip.stop()
})

test('a member that left is forgotten at once, also what it was asked', async () => {
  const node = await nodeIn(3)
  await node.connect('ann')
  await node.hear('ann')
  assert.equal([...new Set(node.asked())].sort(), ['ann: catalogue', 'ann: holdings'])
  // What is known of who holds what may have been cleared before.
  node.holdings.clear()
  node.leave('ann')
  assert.not.ok(node.gossip.present().has('ann'))
  node.comeBack('ann')
  await node.connect('ann')
  await node.hear('ann')
  assert.ok(node.asked().includes('ann: catalogue'))
  await node.gossip.stop()
})

test.run()
