/**
 * What the village knows: one search over this node's collections and those of other members, wherever their segments lie.
 * This is the service that the API asks.
 */
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import type { Events } from '../../../events.ts'
import type { HistogramReading } from '../../../histogram.ts'
import type { Service } from '../../../lifecycle.ts'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { Signer } from '../../../mesh/membership/keys.ts'
import type { Mesh, Role } from '../../../mesh/mesh.ts'
import { SEARCH_PROTOCOL } from '../../../mesh/protocols/search.ts'
import type { Store } from '../../../store.ts'
import type { CollectionAccess } from '../collections/collection.ts'
import type { CollectionEncoder } from '../collections/collection-encoder.ts'
import type { Collections } from '../collections/collections.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Search } from '../query/search.ts'
import type { SearchAnswer } from '../query/search-answer.ts'
import type { SearchCollection, SearchOptions } from '../query/search-options.ts'
import type { BackendAnswer, ChunkReference, SearchBackend, StoredChunk } from '../search-types.ts'
import { brokenAmong, withBroken } from './broken-collections.ts'
import { createCatalogue } from './catalogue.ts'
import { createCollectionsGossip } from './collections-gossip.ts'
import { createFrequencyCache } from './frequency-cache.ts'
import { createHoldings, type Holding } from './holdings.ts'
import { clearIncoming } from './incoming.ts'
import { createKnowledgeUpkeep } from './knowledge-upkeep.ts'
import type { KnownCollection } from './known-collection.ts'
import { createOffers } from './offers.ts'
import { createPeerBook } from './peer-book.ts'
import { createPeerLinks } from './peer-links.ts'
import { createPeerSearch } from './peer-search.ts'
import { createPublishedSegments } from './published-segments.ts'
import { createReplicaStore } from './replica-store.ts'
import { createSearchCounts } from './search-counts.ts'
import { createSearchServer } from './search-server.ts'
import { collectionIn } from './segment-key.ts'
import { createSketchBoard } from './sketch-board.ts'
import { createVillageBackend } from './village-backend.ts'
import { createVillageScope, searchCollectionOf } from './village-scope.ts'

export interface KnowledgeScope {
  /** Ids, names of own collections, or `name@peer`; all that this node may see when absent. */
  readonly collections?: readonly string[]
  /** Nothing is asked of other members: what this node owns or holds. */
  readonly isLocal?: boolean
  /** What has not answered by then is named as missing. */
  readonly deadlineMs?: number
}

export type KnowledgeSearchOptions = Omit<SearchOptions, 'collections'> & KnowledgeScope

export interface Knowledge extends Service {
  /**
   * Throws COLLECTION_UNKNOWN, KNOWLEDGE_EMPTY where there is no collection at all, KNOWLEDGE_UNAVAILABLE where nothing that was
   * asked answers, and what Search throws.
   */
  search(options: KnowledgeSearchOptions, signal: AbortSignal): Promise<SearchAnswer>
  /** For work that asks more than once (an answer to a question): what search() would run over. Throws COLLECTION_UNKNOWN. */
  open(scope: KnowledgeScope): Promise<{ backend: SearchBackend; collections: SearchCollection[] }>
  /** Passages by reference, of own collections and others'; null for what is gone. */
  chunks(
    references: readonly ChunkReference[],
    signal: AbortSignal,
  ): Promise<BackendAnswer<readonly (StoredChunk | null)[]>>
  /** Own ones first, then by label. */
  collections(): Promise<KnownCollection[]>
  /** Whether members may read the artifact: a segment or a sketch of a collection that is published now. */
  isShared(cid: string): boolean
  /** Whether guests may. */
  isPublic(cid: string): boolean
  stats(): KnowledgeStats
}

export interface KnowledgeStats {
  /** Records of all members, removed ones not counted. */
  readonly collections: number
  readonly segments: number
  /** Of these, segments whose sketch is here. */
  readonly sketches: number
  /** Segments of others that this node holds. */
  readonly replicas: number
  readonly replicaBytes: number
  /** Requests of others that were answered, and that were refused for their number, since the start. */
  readonly requestsServed: number
  readonly requestsRefused: number
  /** Of searches of this node, by where (`local`, `village`) and by what came of them. */
  readonly searchSeconds: HistogramReading
  /** Members that they asked, in all. */
  readonly peersAsked: number
  /** Those that ended without an answer for some segment. */
  readonly incomplete: number
}

interface Components {
  readonly mesh: Mesh
  readonly artifacts: Artifacts
  readonly collections: Collections
  readonly host: IndexHost
  readonly search: Search
  readonly encoder: Pick<CollectionEncoder, 'has'>
  readonly events: Pick<Events, 'subscribe'>
  readonly store: Pick<Store, 'json'>
  /** Of this node's identity. */
  readonly signer: Signer
  readonly log: Log
}

export interface KnowledgeInit {
  /** The data directory: replicas lie in `replicas` below it. */
  readonly directory: string
  /** Lent to the segments of others; 0 holds none. */
  readonly replicaBytes: number
  readonly deadlineMs: number
  /** Members that one search asks at most. */
  readonly maxPeers: number
  /** Requests that one member may make in a minute. */
  readonly requestsByMinute: number
  readonly repairAfterMs: number
  readonly forgetAfterMs: number
  readonly now?: () => number
  readonly random?: () => number
  /** Changes that come together are dealt with together. */
  readonly soonMs?: number
}

const SOON_MS = 500
/** The encoder that comes with the daemon may have to be written first. */
const ENCODER_MS = 30_000
const MAX_SKETCH_BYTES = 128 * 2 ** 20
const MAX_FREQUENCIES = 200_000

/** Make it before the mesh starts; start it after the mesh, the artifacts and the collections. */
export function createKnowledge(components: Components, init: KnowledgeInit): Knowledge {
  const { mesh, artifacts, collections, host, search, encoder, events, store, signer, log } = components
  const { now = Date.now, random = Math.random, soonMs = SOON_MS } = init
  const self = mesh.peerId
  const root = path.join(init.directory, 'replicas')
  const incoming = path.join(root, 'incoming')

  const catalogue = createCatalogue({ store, roleOf: mesh.roleOf, log }, { self, now })
  const holdings = createHoldings()
  const offers = createOffers({ artifacts, log })
  const replicas = createReplicaStore({ host, log }, { directory: root })
  const sketches = createSketchBoard(
    { artifacts, catalogue, holdings, offers, log },
    { maxBytes: MAX_SKETCH_BYTES },
  )
  const links = createPeerLinks({ mesh }, { now })
  const frequencies = createFrequencyCache({ maxEntries: MAX_FREQUENCIES })
  const counts = createSearchCounts()

  const present = () => gossip.present()
  const ownerOf = (segment: string) => catalogue.byId(collectionIn(segment))?.owner ?? null
  const problemOf = (collection: string) => upkeep.problemOf(collection)
  const book = createPeerBook({ holdings, links, present, ownerOf }, { self, now })
  const peers = createPeerSearch({ links, book, random, log })
  const scope = createVillageScope(
    { collections, host, catalogue, replicas, sketches, holdersPresent: book.countFor, problemOf, log },
    { self },
  )
  const published = createPublishedSegments({
    catalogue,
    accessOf: collections.accessOf,
    localSegments: async () => scope.localSegments(await scope.sources()),
  })
  const server = createSearchServer(
    { host, find: published.find, log },
    { requestsByMinute: init.requestsByMinute, now },
  )
  const ownHoldings = (role: Role): Holding => ({
    segments: published.all(role),
    capacityBytes: role === 'guest' ? 0 : init.replicaBytes,
    usedBytes: role === 'guest' ? 0 : replicas.usedBytes(),
  })
  const gossip = createCollectionsGossip(
    { mesh, catalogue, holdings, ownHoldings, events, log },
    { now, random, soonMs, onHoldings: () => upkeep.soon() },
  )
  mesh.handle(SEARCH_PROTOCOL, server.serve)
  const upkeep = createKnowledgeUpkeep(
    {
      ...{ mesh, artifacts, collections, host, store, signer, log },
      ...{ catalogue, holdings, offers, replicas, sketches, links, book, published, gossip },
    },
    {
      get replicaBytes() {
        return init.replicaBytes
      },
      ...{ incoming, now, random, soonMs },
      ...{ repairAfterMs: init.repairAfterMs, forgetAfterMs: init.forgetAfterMs },
    },
  )
  let ends: (() => void)[] = []

  async function reload(): Promise<void> {
    const village = mesh.village()
    holdings.clear()
    sketches.clear()
    await catalogue.load(village === null || village.revoked !== null ? null : village.id)
    gossip.pullAll()
    upkeep.soon()
  }

  /** By its record, and for an own collection by what it is now, before its record says so. */
  function isOffered(cid: string, to: readonly CollectionAccess[]): boolean {
    return [...offers.of(cid)].some((id) => {
      const record = catalogue.byId(id)
      if (record === null || !to.includes(record.facts.access)) return false
      return record.owner !== self || to.includes(collections.accessOf(id) ?? 'private')
    })
  }

  async function withEncoders(searched: readonly SearchCollection[]): Promise<SearchCollection[]> {
    const named = new Set(searched.flatMap((one) => one.encoder ?? []))
    const here = new Set<string | null>()
    for (const cid of named) if (await encoder.has(cid, AbortSignal.timeout(ENCODER_MS))) here.add(cid)
    return searched.map((one) => ({ ...one, isEncoderHere: here.has(one.encoder) }))
  }

  async function open({ collections: names, isLocal = false, deadlineMs = init.deadlineMs }: KnowledgeScope) {
    const sources = await scope.sources()
    const broken = brokenAmong(scope.broken(), names, sources.length === 0)
    if (sources.length === 0) throw new VillageError('KNOWLEDGE_EMPTY')
    const chosen = scope.choose(sources, names)
    const segments = scope.segments(chosen, isLocal)
    const backend = createVillageBackend(
      { host, peers, frequencies, counts, log },
      { scope: segments, self, deadlineMs, maxPeers: init.maxPeers },
    )
    return {
      backend: withBroken(backend, broken),
      collections: await withEncoders(chosen.map(searchCollectionOf)),
    }
  }

  return {
    name: 'knowledge',
    open,
    async search({ collections: names, isLocal, deadlineMs, ...options }, signal) {
      const { backend, collections: searched } = await open({
        ...(names !== undefined && { collections: names }),
        ...(isLocal !== undefined && { isLocal }),
        ...(deadlineMs !== undefined && { deadlineMs }),
      })
      return counts.measure(isLocal === true ? 'local' : 'village', () =>
        search.search(backend, { ...options, collections: searched }, signal),
      )
    },
    async chunks(references, signal) {
      const { backend } = await open({})
      return backend.chunks(references, signal)
    },
    async collections() {
      const sources = await scope.sources()
      const local = scope.localSegments(sources)
      return sources.map((source) => scope.describe(source, local))
    },
    isShared: (cid) => isOffered(cid, ['village', 'public']),
    isPublic: (cid) => isOffered(cid, ['public']),
    stats() {
      const live = catalogue.live()
      const held = replicas.collections().flatMap((id) => replicas.segmentsOf(id))
      return {
        collections: live.length,
        segments: live.reduce((sum, { facts }) => sum + facts.segments.length, 0),
        sketches: sketches.count(),
        replicas: held.length,
        replicaBytes: replicas.usedBytes(),
        requestsServed: server.stats.served,
        requestsRefused: server.stats.refused,
        ...counts.stats(),
      }
    },
    async start(signal) {
      await clearIncoming(incoming)
      await replicas.load()
      await reload()
      await published.refresh()
      await gossip.start(signal)
      ends = [
        catalogue.onChange(() => upkeep.soon()),
        events.subscribe(({ type }) => {
          if (type === 'village:changed')
            reload().catch((error: unknown) => log.error({ err: error }, 'records could not be read'))
          if (type.startsWith('collection:')) upkeep.soon()
        }),
        mesh.onPeerChange(({ peer, connected }) => {
          if (!connected)
            links
              .close(peer)
              .catch((error: unknown) => log.debug({ err: error, peer }, 'streams were not closed'))
          upkeep.soon()
        }),
      ]
      upkeep.start()
    },
    async stop() {
      for (const end of ends) end()
      ends = []
      await upkeep.stop()
      await gossip.stop()
      await links.close()
    },
  }
}
