/**
 * Keeps as many copies of published segments in the village as their owners want. Every member decides for itself, from the same
 * facts by the same function (routing/replica-plan.ts), what it fetches and what it may drop; there is nobody to ask.
 */
import { setImmediate } from 'node:timers/promises'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { JsonTable, Store } from '../../../store.ts'
import { capWeights } from '../routing/member-weights.ts'
import { createDraws } from '../routing/placement.ts'
import { canBeAsked, observePresence, type Presence } from '../routing/presence.ts'
import { planReplicas, type ReplicaMember } from '../routing/replica-plan.ts'
import { sweepArtifacts } from './artifact-sweep.ts'
import type { Catalogue, LiveRecord } from './catalogue.ts'
import type { RecordSegment } from './collection-record.ts'
import type { Claim, HolderAudits } from './holder-audits.ts'
import type { Holdings } from './holdings.ts'
import type { Offers } from './offers.ts'
import { createReplicaFetches } from './replica-fetches.ts'
import type { ReplicaStore } from './replica-store.ts'
import { segmentKey } from './segment-key.ts'

export interface Replication {
  /** One look at everything: removals have ended when it resolves, fetches go on. False: a fetch has to be tried again. */
  run(): Promise<boolean>
  /** Removes all replicas: this node is in no village. */
  dropAll(): Promise<void>
  start(): void
  /** Ends the fetches; they are resumed by a later run. */
  stop(): Promise<void>
}

interface Components {
  readonly catalogue: Catalogue
  readonly holdings: Holdings
  readonly replicas: ReplicaStore
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize' | 'list'>
  readonly offers: Offers
  readonly audits: HolderAudits
  /** False: its word that it holds something does not count. */
  readonly isTrusted: (peer: string, segment: string) => boolean
  readonly store: Pick<Store, 'json'>
  /** Members that are here now, this node not among them. */
  readonly present: () => ReadonlySet<string>
  /** What this node holds has changed. */
  readonly onChange: () => void
  /** A fetch has ended: there is room for another. */
  readonly onFetched: () => void
  readonly log: Log
}

export interface ReplicationInit {
  readonly self: string
  /** Below it segments wait between their fetch and their place. */
  readonly incoming: string
  /** Lent to the segments of others now; 0 takes none. */
  readonly capacityBytes: () => number
  /** A member that is away for longer is replaced. */
  readonly repairAfterMs: number
  /** A copy that is not wanted any more goes after this long. */
  readonly dropAfterMs: number
  /** Copies of a collection whose owner was not seen for this long go. */
  readonly forgetAfterMs: number
  readonly now: () => number
}

const SEEN_EVERY_MS = 3_600_000
const PLANNED_AT_ONCE = 32

export function createReplication(components: Components, init: ReplicationInit): Replication {
  const { catalogue, holdings, replicas, offers, audits, isTrusted, present, onChange, log } = components
  const { self, now } = init
  /** When the owner of a collection that is held here was last seen. */
  const seenOwners: JsonTable<number> = components.store.json('replica-owners-seen')
  const seenAtMs = new Map<string, number>()
  /** Since when a copy is not wanted. */
  const surplusSinceMs = new Map<string, number>()
  let presence: ReadonlyMap<string, Presence> = new Map()
  const draws = createDraws()
  const fetches = createReplicaFetches(components, { incoming: init.incoming, providersOf, now })

  function look(): void {
    const settle = { awayMs: init.repairAfterMs, settleMs: Math.min(60_000, init.repairAfterMs) }
    presence = observePresence(presence, new Set([...present(), self]), now(), settle)
  }

  function members(): ReplicaMember[] {
    const said = [...presence].flatMap(([peer, state]): ReplicaMember[] => {
      const { capacityBytes, usedBytes } =
        peer === self
          ? { capacityBytes: init.capacityBytes(), usedBytes: replicas.usedBytes() }
          : (holdings.of(peer) ?? { capacityBytes: 0, usedBytes: 0 })
      if (capacityBytes === 0) return []
      // A copy lies on the disk twice.
      const freeBytes = Math.floor((capacityBytes - usedBytes) / 2)
      return [{ peer, weight: capacityBytes, presence: state, freeBytes }]
    })
    return capWeights(said)
  }

  function holdersOf(record: LiveRecord, segment: RecordSegment): Set<string> {
    const holders = new Set(holdings.holdersOf(segmentKey(record.id, segment.id)))
    holders.delete(record.owner)
    if (replicas.holds(record.id, segment.id)) holders.add(self)
    else holders.delete(self)
    return holders
  }

  function doubtedOf(key: string, everybody: readonly ReplicaMember[]): Set<string> {
    const isDoubted = (peer: string) =>
      peer !== self && (!isTrusted(peer, key) || audits.isDoubted(peer, key))
    return new Set(everybody.map(({ peer }) => peer).filter(isDoubted))
  }

  /** Where the bytes can be had now: other members first, so that the owner is not asked by all. */
  function providersOf(record: LiveRecord, segment: RecordSegment): string[] {
    const here = (peer: string) => {
      const state = presence.get(peer)
      return peer !== self && state !== undefined && canBeAsked(state)
    }
    return [...holdings.holdersOf(segmentKey(record.id, segment.id)), record.owner].filter(here)
  }

  async function forget(collection: string, reason: string): Promise<void> {
    const removed = await replicas.drop(collection)
    log.info({ collection, segments: removed.length, reason }, 'replicas of a collection were removed')
    onChange()
  }

  /** Its owner was not seen for so long that nobody keeps it any more, until the owner is seen again. */
  async function isForgotten(record: LiveRecord): Promise<boolean> {
    const known = seenAtMs.get(record.id) ?? (await seenOwners.get(record.id)) ?? null
    const isHere = presence.get(record.owner)?.state === 'present'
    if (known === null || (isHere && now() - known > SEEN_EVERY_MS)) await seenOwners.put(record.id, now())
    seenAtMs.set(record.id, isHere || known === null ? now() : known)
    return !isHere && known !== null && now() - known > init.forgetAfterMs
  }

  /** Copies of what is not published any more, by anybody who is a member. */
  async function dropWithdrawn(live: ReadonlyMap<string, LiveRecord>): Promise<void> {
    for (const collection of replicas.collections()) {
      if (live.has(collection)) continue
      await forget(collection, 'withdrawn')
      await seenOwners.del(collection)
      seenAtMs.delete(collection)
    }
  }

  async function offerHeld(live: Iterable<LiveRecord>): Promise<void> {
    for (const { id, facts } of live)
      for (const segment of facts.segments)
        if (replicas.holds(id, segment.id)) await offers.addKept(segment.cid, id)
  }

  /** Whether a copy that is not wanted has been so for long enough. */
  function mayDrop(segment: string, isSurplus: boolean): boolean {
    if (!isSurplus) {
      surplusSinceMs.delete(segment)
      return false
    }
    const since = surplusSinceMs.get(segment) ?? now()
    surplusSinceMs.set(segment, since)
    return now() - since >= init.dropAfterMs
  }

  async function update(record: LiveRecord, surplus: ReadonlySet<string>): Promise<void> {
    const named = new Set(record.facts.segments.map(({ id }) => id))
    const keeps = (segment: string) =>
      named.has(segment) && !mayDrop(segmentKey(record.id, segment), surplus.has(segment))
    const removed = await replicas.update(record, keeps)
    for (const segment of removed) surplusSinceMs.delete(segmentKey(record.id, segment))
    if (removed.length > 0) onChange()
  }

  return {
    start() {
      fetches.start()
      audits.start()
    },
    async stop() {
      await audits.stop()
      await fetches.stop()
    },
    async dropAll() {
      for (const collection of replicas.collections()) await forget(collection, 'no village')
      await sweepArtifacts(components, { self, covers: () => true, isComing: () => false })
    },
    async run() {
      look()
      const live = new Map(catalogue.live().map((record) => [record.id, record]))
      await offerHeld(live.values())
      await dropWithdrawn(live)
      const everybody = members()
      const wanted: { record: LiveRecord; segment: RecordSegment; live: number }[] = []
      const claims: Claim[] = []
      let planned = 0
      for (const record of live.values()) {
        if (record.owner === self) continue
        if (await isForgotten(record)) {
          if (replicas.collections().includes(record.id)) await forget(record.id, 'owner away')
          continue
        }
        const surplus = new Set<string>()
        for (const segment of record.facts.segments) {
          // Each looks at all members: the event loop has its turn now and then.
          planned += 1
          if (planned % PLANNED_AT_ONCE === 0) await setImmediate()
          const { id, sizeBytes } = segment
          const { replicas: copies } = record.facts
          const holders = holdersOf(record, segment)
          const key = segmentKey(record.id, id)
          const doubted = doubtedOf(key, everybody)
          const plan = planReplicas(
            { segment: id, sizeBytes, replicas: copies, owner: record.owner, holders, doubted },
            everybody,
            draws,
          )
          if (plan.fetch.includes(self)) wanted.push({ record, segment, live: plan.live })
          const mayGo = plan.drop.includes(self)
          if (copies > 0 && (mayGo || plan.next === self))
            for (const peer of [...plan.wanted, ...doubted])
              if (peer !== self && holders.has(peer)) claims.push({ peer, record, segment })
          // A claim is enough to make no copy, not to drop one.
          if (copies === 0 || (mayGo && plan.wanted.every((peer) => audits.isProven(peer, key))))
            surplus.add(id)
        }
        await update(record, surplus)
      }
      audits.look(claims)
      const covers = (collection: string) => catalogue.get(self, collection) === null
      const coming = new Set(wanted.map(({ segment }) => segment.cid))
      const isComing = (cid: string) => coming.has(cid) || fetches.isRunning(cid)
      await sweepArtifacts(components, { self, covers, isComing })
      // What has the fewest copies first.
      return fetches.next(wanted.sort((a, b) => a.live - b.live))
    },
  }
}
