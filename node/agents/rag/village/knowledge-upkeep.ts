/**
 * What goes on by itself: own collections are published and spread, sketches fetched, replicas kept. Three loops, each by itself: a slow
 * fetch must not keep a removed document in the village.
 */
import path from 'node:path'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { Signer } from '../../../mesh/membership/keys.ts'
import type { Mesh } from '../../../mesh/mesh.ts'
import type { Store } from '../../../store.ts'
import type { Collections } from '../collections/collections.ts'
import type { IndexHost } from '../index/index-host.ts'
import { sweepArtifacts } from './artifact-sweep.ts'
import type { Catalogue } from './catalogue.ts'
import type { CollectionsGossip } from './collections-gossip.ts'
import type { Holdings } from './holdings.ts'
import type { Offers } from './offers.ts'
import type { PeerLinks } from './peer-links.ts'
import type { PublishedSegments } from './published-segments.ts'
import { createPublisher } from './publisher.ts'
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
}

interface Components {
  readonly mesh: Pick<Mesh, 'peerId' | 'roleOf' | 'village'>
  readonly artifacts: Artifacts
  readonly collections: Pick<Collections, 'list' | 'indexDirectory'>
  readonly host: IndexHost
  readonly store: Pick<Store, 'json'>
  readonly signer: Signer
  readonly catalogue: Catalogue
  readonly holdings: Holdings
  readonly offers: Offers
  readonly replicas: ReplicaStore
  readonly sketches: SketchBoard
  readonly links: PeerLinks
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
  const publisher = createPublisher(components, {
    self,
    now,
    segmentPath: (directory, segment) => path.join(directory, segment),
  })
  const spreading = createSpreading({ ...components, present }, { incoming, random })
  const replication = createReplication(
    { ...components, present, onChange: onHeldChange, onFetched: () => replicaLoop.soon() },
    {
      ...{ self, incoming, repairAfterMs, forgetAfterMs, now, dropAfterMs: DROP_AFTER_MS },
      capacityBytes: () => (isMember() ? init.replicaBytes : 0),
    },
  )
  const timing = { everyMs: EVERY_MS, soonMs }
  const ownLoop = createUpkeep({ log }, { work: keepOwn, ...timing })
  const sketchLoop = createUpkeep({ log }, { work: (signal) => sketches.sync(signal), ...timing })
  const replicaLoop = createUpkeep({ log }, { work: keepReplicas, ...timing })
  const loops = [ownLoop, sketchLoop, replicaLoop]

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

  async function keepOwn(signal: AbortSignal): Promise<boolean> {
    if (catalogue.village() === null || !isMember()) return true
    const own = await collections.list()
    const stuck = new Set<string>()
    for (const info of own)
      await spreading.bringBack(info, signal).catch((error: unknown) => {
        signal.throwIfAborted()
        stuck.add(info.id)
        log.warn({ err: error, collection: info.id }, 'a spread collection cannot be brought back yet')
      })
    await publisher.sync(signal, stuck)
    await lookHere()
    for (const info of own) await spreading.sendAway(info, signal)
    const covers = (collection: string) => catalogue.get(self, collection) !== null
    await sweepArtifacts({ artifacts, catalogue, replicas, offers }, { self, covers, isComing: () => false })
    await lookHere()
    return stuck.size === 0
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
