/**
 * The gossip of collections: when what this node shows has changed, when a neighbour connects and once a minute it tells its digests;
 * of others it hears theirs, and asks those whose digest is not the one that it asked for last.
 */
import { toVillageError } from '../../../errors.ts'
import type { Events } from '../../../events.ts'
import type { Service } from '../../../lifecycle.ts'
import type { Log } from '../../../log.ts'
import { announceEveryMs, STEADY_MEMBERS } from '../../../mesh/announce-interval.ts'
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
    'subscribe' | 'publish' | 'handle' | 'open' | 'onPeerChange' | 'roleOf' | 'peers' | 'peerId' | 'village'
  >
  readonly catalogue: Catalogue
  readonly holdings: Holdings
  readonly ownHoldings: OwnHoldings
  readonly events: Pick<Events, 'subscribe'>
  readonly log: Log
}

/** Hexadecimal; NO_DIGEST: not said. */
interface Digests {
  readonly own: string
  readonly catalogue: string
  readonly holdings: string
}

interface Heard extends Digests {
  /** Clock of the sender. */
  readonly timeMs: number
  /** By elapsedMs: the clock of the day may be set. */
  readonly heardAtMs: number
}

const MAX_HEARD = 10_000
const PULL_TIMEOUT_MS = 60_000
/** Who could not be asked is asked again after so long, twice as long each time. */
const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 60_000
/** Members that all hear of one change do not all ask at the same moment. */
const PULL_JITTER_MS = 500
const PULL_JITTER_BY_MEMBER_MS = 5
/** With more members a new connection is often one for a single question: such a node says after this long at most once what it has. */
const FEW_MEMBERS = 32
const CONNECTED_SOON_MS = 10_000
const PULLS_AT_ONCE = 8
const NO_DIGEST = ''
const NOTHING_HEARD: Digests = { own: NO_DIGEST, catalogue: NO_DIGEST, holdings: NO_DIGEST }

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** Make it before the mesh starts. */
export function createCollectionsGossip(
  components: Components,
  init: {
    now: () => number
    /** A clock that nobody sets; performance.now() if absent. */
    elapsedMs?: () => number
    random: () => number
    soonMs: number
    onHoldings: (peer: string) => void
  },
): CollectionsGossip {
  const { mesh, catalogue, holdings, ownHoldings, events, log } = components
  const elapsedMs = init.elapsedMs ?? (() => performance.now())
  const client = createCollectionsClient(components)
  const heard = new Map<string, Heard>()
  /** The digests that were asked for last, by peer. */
  const taken = new Map<string, Digests>()
  const queue = new Set<string>()
  const failures = new Map<string, number>()
  /** Of what this node knows: what was asked for before it was read anew is of no use. */
  let epoch = 0
  const running = new Map<string, Promise<void>>()
  const timers = new Set<NodeJS.Timeout>()
  let abort = new AbortController()
  let every: NodeJS.Timeout | undefined
  /** When the next announcement is due, by elapsedMs; infinite: none is. */
  let dueAtMs = Number.POSITIVE_INFINITY
  let lastAnnouncedMs = Number.NEGATIVE_INFINITY
  let ends: (() => void)[] = []

  function later(delayMs: number, work: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer)
      work()
    }, delayMs).unref()
    timers.add(timer)
  }

  function announce(): void {
    dueAtMs = Number.POSITIVE_INFINITY
    lastAnnouncedMs = elapsedMs()
    const bytes = CollectionsAnnouncement.encode({
      timeMs: init.now(),
      catalogue: catalogue.digest(),
      holdings: holdingDigest(ownHoldings('member')),
      own: catalogue.digestOf(mesh.peerId),
    })
    mesh.publish(COLLECTIONS_TOPIC, bytes).catch((error: unknown) => {
      log.debug({ err: error }, 'collections could not be announced')
    })
  }

  function announceIn(delayMs: number): void {
    const atMs = elapsedMs() + delayMs
    if (every === undefined || atMs >= dueAtMs) return
    dueAtMs = atMs
    later(delayMs, () => {
      // Another one, that was due earlier, has said it.
      if (dueAtMs === atMs) announce()
    })
  }

  const announceSoon = () => announceIn(init.soonMs)
  const memberCount = () => mesh.village()?.members ?? 1

  /** A record of the member itself is not known here. */
  const lacksOwn = (peer: string, { own }: Digests) =>
    own !== NO_DIGEST && own !== taken.get(peer)?.own && own !== hex(catalogue.digestOf(peer))

  /**
   * Whatever else it knows is asked of neighbours only: each member hears of a change from its owner, and what was missed goes from neighbour to
   * neighbour. Otherwise all would ask all while a record is on its way.
   */
  const lacksAny = (peer: string, { own, catalogue: all }: Digests) =>
    (own === NO_DIGEST || isConnected(peer)) &&
    all !== taken.get(peer)?.catalogue &&
    all !== hex(catalogue.digest())

  async function pull(peer: string): Promise<void> {
    const { own, catalogue: all, holdings: held } = heard.get(peer) ?? NOTHING_HEARD
    const target = { own, catalogue: all, holdings: held }
    const before = taken.get(peer)
    const parts = {
      catalogue: lacksOwn(peer, target) || lacksAny(peer, target),
      holdings: held !== before?.holdings || holdings.of(peer) === null,
      before: holdings.of(peer),
    }
    if (!parts.catalogue && !parts.holdings) return
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(PULL_TIMEOUT_MS)])
    const begun = epoch
    const holding = await client.exchange(peer, parts, signal)
    if (begun !== epoch) return
    // Records that were not asked for now are asked for when it becomes a neighbour.
    taken.set(peer, { ...(parts.catalogue ? target : (before ?? NOTHING_HEARD)), holdings: held })
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

  function pullSoon(peer: string): void {
    const members = memberCount()
    const spreadMs = members > FEW_MEMBERS ? members * PULL_JITTER_BY_MEMBER_MS : 0
    pullIn(peer, init.random() * Math.max(spreadMs, Math.min(PULL_JITTER_MS, init.soonMs)))
  }

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
      const { timeMs, catalogue: records, holdings: held, own } = CollectionsAnnouncement.decode(bytes)
      if (records.byteLength !== 32 || held.byteLength !== 32) return 'reject'
      if (own.byteLength !== 32 && own.byteLength !== 0) return 'reject'
      if (mesh.roleOf(from) === 'guest' || Math.abs(timeMs - init.now()) > CLOCK_SKEW_MS) return 'ignore'
      return timeMs > (heard.get(from)?.timeMs ?? 0) ? 'accept' : 'ignore'
    },
    handle(bytes, from) {
      const { timeMs, catalogue: records, holdings: held, own } = CollectionsAnnouncement.decode(bytes)
      if (from === mesh.peerId || (heard.size >= MAX_HEARD && !heard.has(from))) return
      const digests = { own: hex(own), catalogue: hex(records), holdings: hex(held) }
      heard.set(from, { timeMs, heardAtMs: elapsedMs(), ...digests })
      pullSoon(from)
    },
  })

  const ttlMs = () => announceEveryMs(COLLECTIONS_TTL_MS, memberCount())

  function forgetOld(): void {
    const validMs = ttlMs()
    const isGone = (peer: string) => mesh.roleOf(peer) === null
    for (const [peer, { heardAtMs }] of heard)
      if (elapsedMs() - heardAtMs > validMs || isGone(peer)) heard.delete(peer)
    for (const peer of [...holdings.peers()]) if (isGone(peer)) holdings.forget(peer)
    for (const about of [taken, failures])
      for (const peer of about.keys()) if (isGone(peer)) about.delete(peer)
  }

  return {
    name: 'collections-gossip',
    announceSoon,
    pullAll,
    present() {
      const peers = new Set(mesh.peers().flatMap(({ peer, role }) => (role === 'guest' ? [] : [peer])))
      const validMs = ttlMs()
      for (const [peer, { heardAtMs }] of heard) if (elapsedMs() - heardAtMs <= validMs) peers.add(peer)
      return peers
    },
    async refresh(peer, signal) {
      const parts = { catalogue: false, holdings: true, before: holdings.of(peer) }
      const holding = await client.exchange(peer, parts, signal)
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
          if (type === 'member:revoked' || type === 'member:left') forgetOld()
        }),
        mesh.onPeerChange(({ peer, connected }) => {
          if (!connected) {
            // It may be gone for good: what it said counts until it is forgotten, that it is here does not. Where connections end because
            // there are too many of them, either side says that it is still here before the next announcement, which may be minutes away.
            heard.delete(peer)
            if (memberCount() > STEADY_MEMBERS) announceIn(CONNECTED_SOON_MS)
            return
          }
          // It may have missed what was said before, and so may this node.
          announceIn(memberCount() > FEW_MEMBERS ? CONNECTED_SOON_MS : init.soonMs)
          pullSoon(peer)
        }),
      ]
      every = setInterval(() => {
        forgetOld()
        const pauseMs = announceEveryMs(COLLECTIONS_EVERY_MS, memberCount()) - COLLECTIONS_EVERY_MS / 2
        if (elapsedMs() - lastAnnouncedMs >= pauseMs) announce()
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
      dueAtMs = Number.POSITIVE_INFINITY
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
