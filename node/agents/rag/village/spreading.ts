/**
 * Collections that their owner does not keep a copy of: the text of a segment leaves this node when enough members hold it, and
 * comes back when it has to be rewritten (documents were deleted) or is no longer shared. That a member holds a segment is not
 * taken on its word: it has to show passages of it.
 */
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { CollectionInfo } from '../collections/collection.ts'
import type { Collections } from '../collections/collections.ts'
import type { Exclusive } from '../collections/exclusive.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { ManifestSegment } from '../index/manifest.ts'
import type { StoredChunk } from '../search-types.ts'
import { decodeChunk } from './answer-wire.ts'
import type { Catalogue, LiveRecord } from './catalogue.ts'
import type { Holdings } from './holdings.ts'
import { withIncoming } from './incoming.ts'
import { type Offers, pinOf } from './offers.ts'
import type { PeerLinks } from './peer-links.ts'
import { encodeChunksRequest } from './query-wire.ts'
import { inCollection, segmentKey } from './segment-key.ts'

export interface Spreading {
  /** Fetches what must be here, as far as it can be had: how many segments have come, and what the other fetches threw. */
  bringBack(info: CollectionInfo, signal: AbortSignal): Promise<{ restored: number; failures: unknown[] }>
  /** Sends away what enough members hold. */
  sendAway(info: CollectionInfo, signal: AbortSignal): Promise<void>
}

interface Components {
  readonly collections: Pick<Collections, 'list' | 'indexDirectory'>
  readonly host: Pick<IndexHost, 'manifest' | 'chunks' | 'sendAway' | 'adopt' | 'compact'>
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize'>
  readonly catalogue: Pick<Catalogue, 'byId'>
  readonly holdings: Holdings
  readonly present: () => ReadonlySet<string>
  readonly links: Pick<PeerLinks, 'ask'>
  readonly offers: Offers
  /** A collection is not withdrawn while its text leaves this node. */
  readonly exclusive: Exclusive
  readonly log: Log
}

/** Passages that a member has to show, spread over the segment. */
const SHOWN = 4
const ASK_TIMEOUT_MS = 10_000
const FETCH_TIMEOUT_MS = 30 * 60_000

const mayBeAway = ({ access, keepsCopy }: CollectionInfo): boolean => access !== 'private' && !keepsCopy

export function createSpreading(
  components: Components,
  init: { incoming: string; random: () => number },
): Spreading {
  const { collections, host, artifacts, catalogue, holdings, present, links, offers, exclusive, log } =
    components

  async function restore(record: LiveRecord, id: string, signal: AbortSignal): Promise<void> {
    const segment = record.facts.segments.find((one) => one.id === id)
    if (segment === undefined)
      throw new VillageError('INDEX_SEGMENT_AWAY', undefined, { fields: { segment: id } })
    await artifacts.fetch(segment.cid, {
      providers: [...holdings.holdersOf(segmentKey(record.id, id))],
      pin: pinOf(record.id),
      private: true,
      signal: AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]),
    })
    await withIncoming(init.incoming, async (directory) => {
      const written = await artifacts.materialize(segment.cid, directory)
      await host.adopt(collections.indexDirectory(record.id), written, id)
    })
    offers.add(segment.cid, record.id)
  }

  const same = (a: StoredChunk, b: StoredChunk | undefined) =>
    b !== undefined && a.text === b.text && a.document === b.document && a.ordinal === b.ordinal

  /** Whether the peer shows the passages that this node picks. */
  async function holds(
    peer: string,
    { id, directory }: { id: string; directory: string },
    segment: ManifestSegment,
    signal: AbortSignal,
  ): Promise<boolean> {
    const references = Array.from({ length: Math.min(SHOWN, segment.chunks) }, () => ({
      segment: segment.id,
      chunk: Math.floor(init.random() * segment.chunks),
    }))
    const own = (await host.chunks(directory, references)).filter((chunk) => chunk !== null)
    const limit = AbortSignal.any([signal, AbortSignal.timeout(ASK_TIMEOUT_MS)])
    try {
      const answer = await links.ask(peer, encodeChunksRequest(inCollection(id, references)), limit)
      const shown = new Map(answer.chunks.map(decodeChunk).map((chunk) => [chunk.chunk, chunk]))
      return own.length > 0 && own.every((chunk) => same(chunk, shown.get(chunk.chunk)))
    } catch (error) {
      signal.throwIfAborted()
      log.debug({ err: toVillageError(error), peer }, 'a holder did not show what it holds')
      return false
    }
  }

  async function isHeldByOthers(
    record: LiveRecord,
    directory: string,
    segment: ManifestSegment,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { replicas } = record.facts
    const here = [...holdings.holdersOf(segmentKey(record.id, segment.id))].filter((peer) =>
      present().has(peer),
    )
    if (replicas === 0 || here.length < replicas) return false
    let shown = 0
    for (const peer of here) {
      if (await holds(peer, { id: record.id, directory }, segment, signal)) shown += 1
      if (shown === replicas) return true
    }
    return false
  }

  /** Its owner may think better of it at any moment: then nothing is lost, the artifacts are still here. */
  async function leave(record: LiveRecord, leaving: readonly string[], signal: AbortSignal): Promise<void> {
    const { id, facts } = record
    const isStillSpread = async () =>
      catalogue.byId(id) !== null && (await collections.list()).some((one) => one.id === id && mayBeAway(one))
    if (!(await isStillSpread())) return
    await host.sendAway(collections.indexDirectory(id), leaving)
    if (!(await isStillSpread())) {
      for (const segment of leaving) await restore(record, segment, signal)
      return
    }
    for (const { id: segment, cid } of facts.segments)
      if (leaving.includes(segment)) await offers.withdraw(cid, id)
    log.info({ collection: id, segments: leaving.length }, 'segments of a collection lie with others now')
  }

  return {
    async bringBack(info, signal) {
      const directory = collections.indexDirectory(info.id)
      const record = catalogue.byId(info.id)
      const { segments } = await host.manifest(directory)
      const stays = !mayBeAway(info)
      const back = segments.filter(({ isAway, deletedChunks }) => isAway && (stays || deletedChunks > 0))
      if (back.length === 0) return { restored: 0, failures: [] }
      if (record === null)
        throw new VillageError('INDEX_SEGMENT_AWAY', undefined, { fields: { collection: info.id } })
      const restored: ManifestSegment[] = []
      const failures: unknown[] = []
      for (const segment of back)
        await restore(record, segment.id, signal).then(
          () => restored.push(segment),
          (error: unknown) => {
            signal.throwIfAborted()
            failures.push(error)
          },
        )
      if (restored.length > 0)
        log.info(
          { collection: info.id, segments: restored.length },
          'segments of a spread collection came back',
        )
      if (restored.some(({ deletedChunks }) => deletedChunks > 0)) await host.compact(directory)
      return { restored: restored.length, failures }
    },
    async sendAway(info, signal) {
      if (!mayBeAway(info)) return
      const record = catalogue.byId(info.id)
      if (record === null) return
      const directory = collections.indexDirectory(info.id)
      const published = new Set(record.facts.segments.map(({ id }) => id))
      const { segments } = await host.manifest(directory)
      const leaving: string[] = []
      for (const segment of segments) {
        if (segment.isAway || segment.deletedChunks > 0 || !published.has(segment.id)) continue
        if (await isHeldByOthers(record, directory, segment, signal)) leaving.push(segment.id)
      }
      if (leaving.length > 0) await exclusive(info.id, () => leave(record, leaving, signal))
    },
  }
}
