/**
 * What goes on by itself: own collections are withdrawn, published and spread, sketches fetched, replicas kept. A loop for each: neither
 * a slow fetch nor a large segment must keep a removed document in the village.
 */
import path from 'node:path'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { Signer } from '../../../mesh/membership/keys.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { Store } from '../../../store.ts'
import type { Collections } from '../collections/collections.ts'
import { createExclusive } from '../collections/exclusive.ts'
import type { IndexHost } from '../index/index-host.ts'
import { sweepArtifacts } from './artifact-sweep.ts'
import type { Catalogue } from './catalogue.ts'
import type { CollectionsGossip } from './collections-gossip.ts'
import { createHolderAudits } from './holder-audits.ts'
import type { Holdings } from './holdings.ts'
import type { Offers } from './offers.ts'
import type { PeerBook } from './peer-book.ts'
import type { PeerLinks } from './peer-links.ts'
import type { PublishedSegments } from './published-segments.ts'
import { createPublisher, type PublishProblem } from './publisher.ts'
import type { ReplicaStore } from './replica-store.ts'
import { createReplication } from './replication.ts'
import type { SketchBoard } from './sketch-board.ts'
import { createSpreading } from './spreading.ts'
import { createUpkeep } from './upkeep.ts'

export interface KnowledgeUpkeep {
  /** Something has changed. */
  soon(): void
  start(): void
  stop(): Promise<void>
  /** Of an own collection, by id: why the village does not learn what it is now. */
  problemOf(collection: string): PublishProblem | null
}

interface Components {
  readonly mesh: Pick<Mesh, 'peerId' | 'roleOf' | 'village'>
  readonly artifacts: Artifacts
  readonly collections: Pick<Collections, 'list' | 'accessOf' | 'indexDirectory'>
  readonly host: IndexHost
  readonly store: Pick<Store, 'json'>
  readonly signer: Signer
  readonly catalogue: Catalogue
  readonly holdings: Holdings
  readonly offers: Offers
  readonly replicas: ReplicaStore
  readonly sketches: SketchBoard
  readonly links: PeerLinks
  readonly book: Pick<PeerBook, 'isTrusted'>
  readonly published: PublishedSegments
  readonly gossip: Pick<CollectionsGossip, 'present' | 'announceSoon'>
  readonly log: Log
}

interface Init {
  readonly incoming: string
  readonly replicaBytes: number
  readonly repairAfterMs: number
  readonly forgetAfterMs: number
  readonly soonMs: number
  readonly now: () => number
  readonly random: () => number
}

const EVERY_MS = 15_000
/** A copy that is not wanted any more: whoever takes over has had time to be known. */
const DROP_AFTER_MS = 60_000

export function createKnowledgeUpkeep(components: Components, init: Init): KnowledgeUpkeep {
  const { mesh, artifacts, collections, catalogue, offers, replicas, sketches, published, gossip, log } =
    components
  const { incoming, now, random, soonMs, repairAfterMs, forgetAfterMs } = init
  const self = mesh.peerId
  const { present } = gossip
  const exclusive = createExclusive()
  const publisher = createPublisher(
    { ...components, exclusive },
    {
      self,
      now,
      segmentPath: (directory, segment) => path.join(directory, segment),
    },
  )
  const spreading = createSpreading({ ...components, present, exclusive }, { incoming, random })
  const audits = createHolderAudits(
    { ...components, present, onFound: () => replicaLoop.soon() },
    { now, random },
  )
  const replication = createReplication(
    {
      ...components,
      audits,
      isTrusted: components.book.isTrusted,
      present,
      onChange: onHeldChange,
      onFetched: () => replicaLoop.soon(),
    },
    {
      ...{ self, incoming, repairAfterMs, forgetAfterMs, now, dropAfterMs: DROP_AFTER_MS },
      capacityBytes: () => (isMember() ? init.replicaBytes : 0),
    },
  )
  const timing = { everyMs: EVERY_MS, soonMs }
  const withdrawLoop = createUpkeep({ log }, { work: keepWithdrawn, ...timing })
  const publishLoop = createUpkeep({ log }, { work: keepPublished, ...timing })
  const spreadLoop = createUpkeep({ log }, { work: keepSpread, ...timing })
  const sketchLoop = createUpkeep({ log }, { work: (signal) => sketches.sync(signal), ...timing })
  const replicaLoop = createUpkeep({ log }, { work: keepReplicas, ...timing })
  const loops = [withdrawLoop, publishLoop, spreadLoop, sketchLoop, replicaLoop]

  /** A guest of an open village searches, and no more. */
  function isMember(): boolean {
    const role = mesh.roleOf(self)
    return role !== null && role !== 'guest'
  }

  async function lookHere(): Promise<void> {
    if (await published.refresh()) gossip.announceSoon()
  }

  function onHeldChange(): void {
    lookHere().catch((error: unknown) => log.error({ err: error }, 'what lies here could not be looked up'))
  }

  async function keepWithdrawn(signal: AbortSignal): Promise<boolean> {
    if (catalogue.village() === null || !isMember()) return true
    const isDone = await publisher.withdraw(signal)
    await lookHere()
    return isDone
  }

  async function keepPublished(signal: AbortSignal): Promise<boolean> {
    if (catalogue.village() === null || !isMember()) return true
    const isDone = await publisher.publish(signal)
    await lookHere()
    const covers = (collection: string) => catalogue.get(self, collection) !== null
    await sweepArtifacts({ artifacts, catalogue, replicas, offers }, { self, covers, isComing: () => false })
    return isDone
  }

  async function keepSpread(signal: AbortSignal): Promise<boolean> {
    if (catalogue.village() === null || !isMember()) return true
    let isDone = true
    for (const info of await collections.list()) {
      try {
        const { restored, failures } = await spreading.bringBack(info, signal)
        if (restored > 0) for (const loop of [withdrawLoop, publishLoop]) loop.soon()
        if (failures.length > 0) throw failures[0]
        await spreading.sendAway(info, signal)
      } catch (error) {
        signal.throwIfAborted()
        isDone = false
        log.warn({ err: error, collection: info.id }, 'a collection cannot be brought back or spread yet')
      }
      // It looks at all collections: only where this one may have moved.
      if (!info.keepsCopy) await lookHere()
    }
    await lookHere()
    return isDone
  }

  async function keepReplicas(): Promise<boolean> {
    const village = mesh.village()
    if (village === null || village.revoked !== null) {
      await replication.dropAll()
      return true
    }
    // Its records are still being read.
    if (catalogue.village() === null) return true
    const isDone = await replication.run()
    await lookHere()
    return isDone
  }

  return {
    problemOf: publisher.problemOf,
    soon() {
      for (const loop of loops) loop.soon()
    },
    start() {
      replication.start()
      for (const loop of loops) loop.start()
    },
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()))
      await replication.stop()
    },
  }
}
