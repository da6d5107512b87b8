/**
 * The gossip of collections: when what this node shows has changed, when a neighbour connects and once a minute it tells its digests;
 * of others it hears theirs, and asks those whose digest is not the one that it asked for last.
 */
import { toVillageError } from '../../../errors.ts'
import type { Events } from '../../../events.ts'
import type { Service } from '../../../lifecycle.ts'
import type { Log } from '../../../log.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import {
  COLLECTIONS_EVERY_MS,
  COLLECTIONS_PROTOCOL,
  COLLECTIONS_TOPIC,
  COLLECTIONS_TTL_MS,
  CollectionsAnnouncement,
  MAX_COLLECTIONS_GOSSIP_BYTES,
} from '../../../mesh/protocols/collections.ts'
import { CLOCK_SKEW_MS } from '../../../mesh/protocols/records.ts'
import type { Catalogue } from './catalogue.ts'
import { createCollectionsClient, createCollectionsServer, type OwnHoldings } from './collections-exchange.ts'
import { createExchangeBudget, EXCHANGE_LIMITS } from './exchange-budget.ts'
import { type Holdings, holdingDigest } from './holdings.ts'

export interface CollectionsGossip extends Service {
  /** What this node shows has changed. */
  announceSoon(): void
  /** The records or the holdings of others were read anew, or forgotten: all who are here are asked again. */
  pullAll(): void
  /** Members that are connected, or were heard of a short while ago. */
  present(): ReadonlySet<string>
  /** Asks a member for what it holds now, whatever it announced. */
  refresh(peer: string, signal: AbortSignal): Promise<void>
}

interface Components {
  readonly mesh: Pick<
    Mesh,
    'subscribe' | 'publish' | 'handle' | 'open' | 'onPeerChange' | 'roleOf' | 'peers' | 'peerId'
  >
  readonly catalogue: Catalogue
  readonly holdings: Holdings
  readonly ownHoldings: OwnHoldings
  readonly events: Pick<Events, 'subscribe'>
  readonly log: Log
}

interface Heard {
  readonly timeMs: number
  readonly heardAtMs: number
  readonly catalogue: string
  readonly holdings: string
}

const MAX_HEARD = 10_000
const PULL_TIMEOUT_MS = 60_000
/** Who could not be asked is asked again after so long, twice as long each time. */
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 60_000
/** Members that all hear of one change do not all ask at the same moment. */
const PULL_JITTER_MS = 500
const PULLS_AT_ONCE = 8
const NO_DIGEST = ''

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Make it before the mesh starts. */
export function createCollectionsGossip(
  components: Components,
  init: { now: () => number; random: () => number; soonMs: number; onHoldings: (peer: string) => void },
): CollectionsGossip {
  const { mesh, catalogue, holdings, ownHoldings, events, log } = components
  const client = createCollectionsClient(components)
  const heard = new Map<string, Heard>()
  /** The digests that were asked for last, by peer. */
  const taken = new Map<string, { catalogue: string; holdings: string }>()
  const queue = new Set<string>()
  const failures = new Map<string, number>()
  /** Of what this node knows: what was asked for before it was read anew is of no use. */
  let epoch = 0
  const running = new Map<string, Promise<void>>()
  const timers = new Set<NodeJS.Timeout>()
  let abort = new AbortController()
  let every: NodeJS.Timeout | undefined
  let isDue = false
  let ends: (() => void)[] = []

  function later(delayMs: number, work: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, delayMs).unref()
    timers.add(timer)
  }

  function announce(): void {
    isDue = false
    const bytes = CollectionsAnnouncement.encode({
      timeMs: init.now(),
      catalogue: catalogue.digest(),
      holdings: holdingDigest(ownHoldings('member')),
    })
    mesh.publish(COLLECTIONS_TOPIC, bytes).catch((error: unknown) => {
      log.debug({ err: error }, 'collections could not be announced')
    })
  }

  function announceSoon(): void {
    if (every === undefined || isDue) return
    isDue = true
    later(init.soonMs, announce)
  }

  async function pull(peer: string): Promise<void> {
    const wanted = heard.get(peer)
    const before = taken.get(peer)
    const target = { catalogue: wanted?.catalogue ?? NO_DIGEST, holdings: wanted?.holdings ?? NO_DIGEST }
    const parts = {
      catalogue: target.catalogue !== hex(catalogue.digest()) && target.catalogue !== before?.catalogue,
      holdings: target.holdings !== before?.holdings || holdings.of(peer) === null,
    }
    if (!parts.catalogue && !parts.holdings) return
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(PULL_TIMEOUT_MS)])
    const begun = epoch
    const holding = await client.exchange(peer, parts, signal)
    if (begun !== epoch) return
    taken.set(peer, target)
    if (holding === null) return
    holdings.set(peer, holding)
    init.onHoldings(peer)
  }

  function fill(): void {
    for (const peer of queue) {
      if (running.size >= PULLS_AT_ONCE || abort.signal.aborted) return
      if (running.has(peer)) continue
      queue.delete(peer)
      const work = pull(peer)
        .then(
          () => {
            failures.delete(peer)
          },
          (error: unknown) => {
            log.debug({ err: toVillageError(error), peer }, 'a peer did not say what it has')
            retry(peer)
          },
        )
        .finally(() => {
          running.delete(peer)
          fill()
        })
      running.set(peer, work)
    }
  }

  function pullIn(peer: string, delayMs: number): void {
    if (every === undefined || mesh.roleOf(peer) === null || mesh.roleOf(peer) === 'guest') return
    later(delayMs, () => {
      queue.add(peer)
      fill()
    })
  }

  const pullSoon = (peer: string) => pullIn(peer, init.random() * Math.min(PULL_JITTER_MS, init.soonMs))

  const isConnected = (peer: string) => mesh.peers().some((one) => one.peer === peer)

  /** Who has not said what it holds, and is not about to. */
  function pullUnknown(peer: string): void {
    if (holdings.of(peer) === null && !running.has(peer) && !failures.has(peer)) pullSoon(peer)
  }

  function retry(peer: string): void {
    const count = failures.get(peer) ?? 0
    // Who is away is asked when it comes.
    if (!isConnected(peer)) {
      failures.delete(peer)
      return
    }
    failures.set(peer, count + 1)
    pullIn(peer, Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(16, count)))
  }

  function pullAll(): void {
    epoch += 1
    taken.clear()
    failures.clear()
    for (const { peer } of mesh.peers()) pullSoon(peer)
  }

  const budget = createExchangeBudget({ ...EXCHANGE_LIMITS, now: init.now })
  mesh.handle(COLLECTIONS_PROTOCOL, createCollectionsServer({ catalogue, ownHoldings, budget, log }))
  mesh.subscribe(COLLECTIONS_TOPIC, {
    maxBytes: MAX_COLLECTIONS_GOSSIP_BYTES,
    validate(bytes, from) {
      const { timeMs, catalogue: records, holdings: held } = CollectionsAnnouncement.decode(bytes)
      if (records.byteLength !== 32 || held.byteLength !== 32) return 'reject'
      if (mesh.roleOf(from) === 'guest' || Math.abs(timeMs - init.now()) > CLOCK_SKEW_MS) return 'ignore'
      return timeMs > (heard.get(from)?.timeMs ?? 0) ? 'accept' : 'ignore'
    },
    handle(bytes, from) {
      const { timeMs, catalogue: records, holdings: held } = CollectionsAnnouncement.decode(bytes)
      if (from === mesh.peerId || (heard.size >= MAX_HEARD && !heard.has(from))) return
      heard.set(from, { timeMs, heardAtMs: init.now(), catalogue: hex(records), holdings: hex(held) })
      pullSoon(from)
    },
  })

  function forgetOld(): void {
    for (const [peer, { heardAtMs }] of heard)
      if (init.now() - heardAtMs > COLLECTIONS_TTL_MS || mesh.roleOf(peer) === null) heard.delete(peer)
    for (const peer of [...holdings.peers()])
      if (mesh.roleOf(peer) === null) {
        holdings.forget(peer)
        taken.delete(peer)
      }
  }

  return {
    name: 'collections-gossip',
    announceSoon,
    pullAll,
    present() {
      const peers = new Set(mesh.peers().flatMap(({ peer, role }) => (role === 'guest' ? [] : [peer])))
      for (const [peer, { heardAtMs }] of heard)
        if (init.now() - heardAtMs <= COLLECTIONS_TTL_MS) peers.add(peer)
      return peers
    },
    async refresh(peer, signal) {
      const holding = await client.exchange(peer, { catalogue: false, holdings: true }, signal)
      if (holding !== null) holdings.set(peer, holding)
    },
    async start() {
      abort = new AbortController()
      ends = [
        catalogue.onChange((owner) => {
          // Others hear of it from its owner; whoever brought it to us knows it.
          if (owner === mesh.peerId) announceSoon()
        }),
        events.subscribe(({ type }) => {
          if (type === 'village:changed') announceSoon()
          // It was connected before it was known as a member, or as more than a guest.
          if (type === 'member:joined') for (const { peer } of mesh.peers()) pullUnknown(peer)
        }),
        mesh.onPeerChange(({ peer, connected }) => {
          if (!connected) {
            // It may be gone for good: what it said counts until it is forgotten, that it is here does not.
            heard.delete(peer)
            return
          }
          // It may have missed what was said before, and so may this node.
          announceSoon()
          pullSoon(peer)
        }),
      ]
      every = setInterval(() => {
        forgetOld()
        announce()
        for (const { peer } of mesh.peers()) pullUnknown(peer)
      }, COLLECTIONS_EVERY_MS)
      every.unref()
      pullAll()
      announceSoon()
    },
    async stop() {
      for (const end of ends) end()
      ends = []
      clearInterval(every)
      every = undefined
      isDue = false
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
      queue.clear()
      abort.abort(new Error('the node is stopping'))
      await Promise.allSettled(running.values())
      heard.clear()
      taken.clear()
      failures.clear()
    },
  }
}
