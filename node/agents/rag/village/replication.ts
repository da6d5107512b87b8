/**
 * Keeps as many copies of published segments in the village as their owners want. Every member decides for itself, from the same
 * facts by the same function (routing/replica-plan.ts), what it fetches and what it may drop; there is nobody to ask.
 */
import path from 'node:path'
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { JsonTable, Store } from '../../../store.ts'
import { canBeAsked, observePresence, type Presence } from '../routing/presence.ts'
import { planReplicas, type ReplicaMember } from '../routing/replica-plan.ts'
import { sweepArtifacts } from './artifact-sweep.ts'
import type { Catalogue, LiveRecord } from './catalogue.ts'
import type { RecordSegment } from './collection-record.ts'
import type { Holdings } from './holdings.ts'
import { type Offers, pinOf } from './offers.ts'
import type { ReplicaStore } from './replica-store.ts'

export interface Replication {
  /** One look at everything; fetches and removals have ended when it resolves. False: a fetch has failed. */
  run(signal: AbortSignal): Promise<boolean>
  /** Presence as it was last looked at. */
  presenceOf(peer: string): Presence | null
}

interface Components {
  readonly catalogue: Catalogue
  readonly holdings: Holdings
  readonly replicas: ReplicaStore
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize' | 'list'>
  readonly offers: Offers
  readonly store: Pick<Store, 'json'>
  /** Members that are here now, this node not among them. */
  readonly present: () => ReadonlySet<string>
  /** What this node holds has changed. */
  readonly onChange: () => void
  readonly log: Log
}

export interface ReplicationInit {
  readonly self: string
  /** Below it segments wait between their fetch and their place. */
  readonly incoming: string
  /** Lent to the segments of others; 0 holds none. */
  readonly capacityBytes: number
  /** A member that is away for longer is replaced. */
  readonly repairAfterMs: number
  /** A copy that is not wanted any more goes after this long. */
  readonly dropAfterMs: number
  /** Copies of a collection whose owner was not seen for this long go. */
  readonly forgetAfterMs: number
  readonly now: () => number
}

/** Fetches at once: gentle, so that a new member does not take the village's bandwidth. */
const AT_ONCE = 2
const FETCH_TIMEOUT_MS = 30 * 60_000
/** Names and manifests of an artifact besides its files. */
const OVERHEAD_BYTES = 64 * 1024
const SEEN_EVERY_MS = 3_600_000

export function createReplication(components: Components, init: ReplicationInit): Replication {
  const { catalogue, holdings, replicas, artifacts, offers, present, onChange, log } = components
  const { self, now } = init
  /** When the owner of a collection that is held here was last seen. */
  const seenOwners: JsonTable<number> = components.store.json('replica-owners-seen')
  const seenAtMs = new Map<string, number>()
  /** Since when a copy is not wanted. */
  const surplusSinceMs = new Map<string, number>()
  let presence: ReadonlyMap<string, Presence> = new Map()

  function look(): void {
    const settle = { awayMs: init.repairAfterMs, settleMs: Math.min(60_000, init.repairAfterMs) }
    presence = observePresence(presence, new Set([...present(), self]), now(), settle)
  }

  function members(): ReplicaMember[] {
    return [...presence].flatMap(([peer, state]): ReplicaMember[] => {
      const { capacityBytes, usedBytes } =
        peer === self
          ? { capacityBytes: init.capacityBytes, usedBytes: replicas.usedBytes() }
          : (holdings.of(peer) ?? { capacityBytes: 0, usedBytes: 0 })
      if (capacityBytes === 0) return []
      // A copy lies on the disk twice.
      const freeBytes = Math.floor((capacityBytes - usedBytes) / 2)
      return [{ peer, weight: capacityBytes, presence: state, freeBytes }]
    })
  }

  function holdersOf(record: LiveRecord, segment: RecordSegment): Set<string> {
    const holders = new Set(holdings.holdersOf(segment.id))
    holders.delete(record.owner)
    if (replicas.holds(record.id, segment.id)) holders.add(self)
    else holders.delete(self)
    return holders
  }

  /** Where the bytes can be had now: other members first, so that the owner is not asked by all. */
  function providersOf(record: LiveRecord, segment: RecordSegment): string[] {
    const here = (peer: string) => {
      const state = presence.get(peer)
      return peer !== self && state !== undefined && canBeAsked(state)
    }
    return [...holdings.holdersOf(segment.id), record.owner].filter(here)
  }

  /** Throws what a fetch throws, SEGMENT_CORRUPT, DISK_FULL. */
  async function fetch(record: LiveRecord, segment: RecordSegment, signal: AbortSignal): Promise<void> {
    const stop = new AbortController()
    const { cid } = segment
    try {
      await artifacts.fetch(cid, {
        providers: providersOf(record, segment),
        pin: pinOf(record.id),
        private: true,
        signal: AbortSignal.any([signal, stop.signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
        onProgress(_doneBytes, totalBytes) {
          if (totalBytes > segment.sizeBytes + OVERHEAD_BYTES)
            stop.abort(new VillageError('SEGMENT_CORRUPT', 'A segment is larger than its record says'))
        },
      })
      const written = await artifacts.materialize(cid, path.join(init.incoming, record.id))
      await replicas.add(record, segment, written)
    } catch (error) {
      // What can never be a replica does not stay; what was cut off goes on from where it was.
      if (toVillageError(error).code === 'SEGMENT_CORRUPT') await offers.withdraw(cid, record.id)
      throw error
    }
    offers.add(cid, record.id)
    onChange()
  }

  async function fetchAll(
    wanted: readonly { record: LiveRecord; segment: RecordSegment }[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const next = wanted[Symbol.iterator]()
    let isDone = true
    const worker = async () => {
      for (const { record, segment } of next) {
        signal.throwIfAborted()
        // The owner may have withdrawn it while others were fetched.
        if (catalogue.segment(segment.id) === null) continue
        await fetch(record, segment, signal).catch((error: unknown) => {
          signal.throwIfAborted()
          isDone = false
          log.debug({ err: toVillageError(error), segment: segment.id }, 'a replica could not be fetched')
        })
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    return isDone
  }

  async function forget(collection: string, reason: string): Promise<void> {
    const removed = await replicas.drop(collection)
    await seenOwners.del(collection)
    seenAtMs.delete(collection)
    log.info({ collection, segments: removed.length, reason }, 'replicas of a collection were removed')
    onChange()
  }

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
      const record = live.get(collection)
      if (record === undefined) await forget(collection, 'withdrawn')
      else if (await isForgotten(record)) await forget(collection, 'owner away')
    }
  }

  function offerHeld(live: Iterable<LiveRecord>): void {
    for (const { id, facts } of live)
      for (const segment of facts.segments) if (replicas.holds(id, segment.id)) offers.add(segment.cid, id)
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
    const keeps = (segment: string) => named.has(segment) && !mayDrop(segment, surplus.has(segment))
    const removed = await replicas.update(record, keeps)
    for (const segment of removed) surplusSinceMs.delete(segment)
    if (removed.length > 0) onChange()
  }

  return {
    presenceOf: (peer) => presence.get(peer) ?? null,
    async run(signal) {
      look()
      const live = new Map(catalogue.live().map((record) => [record.id, record]))
      offerHeld(live.values())
      await dropWithdrawn(live)
      const everybody = members()
      const wanted: { record: LiveRecord; segment: RecordSegment; live: number }[] = []
      for (const record of live.values()) {
        if (record.owner === self) continue
        const surplus = new Set<string>()
        for (const segment of record.facts.segments) {
          const { id, sizeBytes } = segment
          const { replicas: copies } = record.facts
          const holders = holdersOf(record, segment)
          const plan = planReplicas(
            { segment: id, sizeBytes, replicas: copies, owner: record.owner, holders },
            everybody,
          )
          if (plan.fetch.includes(self)) wanted.push({ record, segment, live: plan.live })
          if (plan.drop.includes(self) || copies === 0) surplus.add(id)
        }
        await update(record, surplus)
      }
      await sweepArtifacts(components, self)
      // What has the fewest copies first.
      return await fetchAll(
        wanted.sort((a, b) => a.live - b.live),
        signal,
      )
    },
  }
}
