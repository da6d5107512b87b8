/**
 * Publishes the collections of this node that members may search: their segments and sketches as artifacts, and a signed record that
 * names them. What is private, removed or compacted away is withdrawn: a newer record, and no bytes left to fetch.
 */
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { Signer } from '../../../mesh/membership/keys.ts'
import {
  MAX_COLLECTION_SEGMENTS,
  MAX_COLLECTIONS_BY_OWNER,
  RECORD_RENEWED_MS,
} from '../../../mesh/protocols/collections.ts'
import type { CollectionInfo } from '../collections/collection.ts'
import type { Collections } from '../collections/collections.ts'
import type { Exclusive } from '../collections/exclusive.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest, ManifestSegment } from '../index/manifest.ts'
import type { Catalogue } from './catalogue.ts'
import {
  type CollectionFacts,
  createCollectionRecord,
  fitsRecord,
  type PublishedAccess,
  type RecordSegment,
} from './collection-record.ts'
import { type Offers, pinOf } from './offers.ts'

export interface Publisher {
  /**
   * Makes the records say what is withdrawn, deleted or for fewer to see now. It waits for nobody. False: something has failed, was
   * logged, and is to be tried again.
   */
  withdraw(signal: AbortSignal): Promise<boolean>
  /** Makes them say what is new as well: it has to be read and hashed first, which can take long. False as above. */
  publish(signal: AbortSignal): Promise<boolean>
  /** Why the village does not learn what the collection is now; null where it does, or is not to. */
  problemOf(collection: string): PublishProblem | null
}

export interface PublishProblem {
  readonly code: string
  readonly message: string
}

interface Components {
  readonly collections: Pick<Collections, 'list' | 'accessOf' | 'indexDirectory'>
  readonly host: Pick<IndexHost, 'manifest' | 'sketch' | 'deletions' | 'compact'>
  readonly artifacts: Pick<Artifacts, 'addPath' | 'addBytes' | 'has'>
  readonly catalogue: Catalogue
  readonly offers: Offers
  readonly signer: Signer
  /** A collection is not withdrawn while its text leaves this node. */
  readonly exclusive: Exclusive
  readonly log: Log
}

/** A merge may take segments away while they are read: then all is looked at again. */
const ATTEMPTS = 3
/** Collections: most of the time of one is waiting until its blocks are on the disk. */
const AT_ONCE = 4

export function createPublisher(
  components: Components,
  init: { self: string; now: () => number; segmentPath: (directory: string, segment: string) => string },
): Publisher {
  const { collections, host, artifacts, catalogue, offers, signer, exclusive, log } = components
  const { self } = init
  const problems = new Map<string, PublishProblem>()
  /** What was found to say nothing more than it may, by collection. */
  const narrowed = new Map<string, string>()

  async function write(id: string, facts: CollectionFacts | null): Promise<void> {
    const village = catalogue.village()
    if (village === null) return
    const before = catalogue.get(self, id)
    const generation = (before?.generation ?? 0) + 1
    const record = createCollectionRecord(signer, { village, id, generation, timeMs: init.now(), facts })
    if (!(await catalogue.apply(record.bytes)))
      throw new VillageError('COLLECTION_RECORD_REFUSED', undefined, {
        fields: { collection: id, generation },
      })
    log.info(
      { collection: id, generation, segments: facts?.segments.length ?? null },
      facts === null ? 'a collection was withdrawn from the village' : 'a collection was published',
    )
    const kept = new Set(facts?.segments.flatMap(({ cid, sketchCid }) => [cid, sketchCid]))
    for (const { cid, sketchCid } of before?.facts?.segments ?? [])
      for (const old of [cid, sketchCid]) if (!kept.has(old)) await offers.withdraw(old, id)
  }

  /** Deletions that do not fit into a record are compacted away first. */
  async function publishable(
    directory: string,
  ): Promise<{ manifest: Manifest; deletions: Map<string, number[]> }> {
    for (let isCompacted = false; ; isCompacted = true) {
      const manifest = await host.manifest(directory)
      const deletions = new Map<string, number[]>()
      for (const { id, deletedChunks } of manifest.segments)
        if (deletedChunks > 0) deletions.set(id, await host.deletions(directory, id))
      if (fitsRecord(manifest.segments.length, deletions.values())) return { manifest, deletions }
      if (isCompacted) throw new VillageError('COLLECTION_TOO_LARGE')
      await host.compact(directory)
    }
  }

  async function entryOf(
    info: CollectionInfo,
    segment: ManifestSegment,
    known: RecordSegment | undefined,
    signal: AbortSignal,
  ): Promise<RecordSegment> {
    const { id, chunks, documents, totalLength, sizeBytes, isAway } = segment
    const directory = collections.indexDirectory(info.id)
    const options = { pin: pinOf(info.id), private: true, name: `${info.name}-${id.slice(0, 8)}` }
    const facts = { id, chunks, documents, totalLength, sizeBytes, deletions: [] }
    if (known !== undefined && (isAway || (await isHere(known)))) return { ...known, deletions: [] }
    if (isAway) throw new VillageError('INDEX_SEGMENT_AWAY', undefined, { fields: { segment: id } })
    const sketch = await host.sketch(directory, id)
    const { cid } = await artifacts.addPath(init.segmentPath(directory, id), { ...options, signal })
    const sketched = await artifacts.addBytes(sketch, options)
    return { ...facts, cid, sketchCid: sketched.cid, sketchBytes: sketch.byteLength }
  }

  const isHere = async ({ cid, sketchCid }: RecordSegment) =>
    (await artifacts.has(cid)) && (await artifacts.has(sketchCid))

  async function factsOf(
    info: CollectionInfo,
    signal: AbortSignal,
  ): Promise<{ facts: CollectionFacts; generation: number }> {
    const { manifest, deletions } = await publishable(collections.indexDirectory(info.id))
    if (manifest.segments.length > MAX_COLLECTION_SEGMENTS) throw new VillageError('COLLECTION_TOO_LARGE')
    const before = catalogue.get(self, info.id)?.facts?.segments ?? []
    const known = new Map(before.map((segment) => [segment.id, segment]))
    const segments: RecordSegment[] = []
    for (const segment of manifest.segments) {
      const entry = await entryOf(info, segment, known.get(segment.id), signal)
      segments.push({ ...entry, deletions: deletions.get(segment.id) ?? [] })
    }
    const { name, encoder, languages, weight, replicas, keepsCopy } = info
    const facts = {
      ...{ name, access: info.access as PublishedAccess, encoder, dims: manifest.settings.dims },
      ...{ languages: [...languages], weight, replicas, keepsCopy, segments },
    }
    return { facts, generation: manifest.generation }
  }

  /**
   * What is published already does not wait for what is not: who may see it, and that something of it is deleted, is said at once. A
   * segment that was rewritten without a document is named no more, before the new one can be had.
   */
  async function narrow(info: CollectionInfo): Promise<void> {
    const record = catalogue.get(self, info.id)
    const before = record?.facts ?? null
    if (record === null || before === null) return
    const looked = `${info.generation}/${info.access}/${record.hash}`
    if (narrowed.get(info.id) === looked) return
    const { manifest, deletions } = await publishable(collections.indexDirectory(info.id))
    // What was published meanwhile is newer than what was read here: that it came leads to another look.
    if (catalogue.get(self, info.id)?.hash !== record.hash) return
    const here = new Set(manifest.segments.map(({ id }) => id))
    const named = before.segments.filter(({ id }) => here.has(id))
    const segments = named.map((segment) => ({ ...segment, deletions: deletions.get(segment.id) ?? [] }))
    const access = collections.accessOf(info.id) === 'public' ? before.access : 'village'
    const isSame = access === before.access && JSON.stringify(segments) === JSON.stringify(named)
    if (!isSame || liveChunks(manifest) < publishedChunks(before))
      await write(info.id, { ...before, access, segments })
    else narrowed.set(info.id, looked)
  }

  /** Before artifacts are made that nobody would learn of. */
  function checkRoom(id: string): void {
    const others = catalogue.live().filter((record) => record.owner === self && record.id !== id)
    if (others.length >= MAX_COLLECTIONS_BY_OWNER) throw new VillageError('COLLECTION_LIMIT')
  }

  async function publish(info: CollectionInfo, signal: AbortSignal): Promise<void> {
    checkRoom(info.id)
    const directory = collections.indexDirectory(info.id)
    for (let attempt = 1; ; attempt++) {
      try {
        const { facts, generation } = await factsOf(info, signal)
        const now = await host.manifest(directory)
        // It took a while: what was deleted or withdrawn meanwhile must not come back.
        if (collections.accessOf(info.id) !== info.access) return
        if (now.generation !== generation)
          throw new VillageError('NOT_FOUND', 'The collection has changed while it was published')
        const before = catalogue.get(self, info.id)
        // Nothing to be found in it: who heard of it now would ask it in vain until its first documents are told a second time.
        if (facts.segments.length === 0 && (before?.facts ?? null) === null) return
        for (const { cid, sketchCid } of facts.segments)
          for (const one of [cid, sketchCid]) offers.add(one, info.id)
        const isSame = JSON.stringify(before?.facts ?? null) === JSON.stringify(facts)
        if (!isSame || before === null || init.now() - before.timeMs > RECORD_RENEWED_MS)
          await write(info.id, facts)
        return
      } catch (error) {
        signal.throwIfAborted()
        if (attempt === ATTEMPTS || toVillageError(error).code !== 'NOT_FOUND') throw error
      }
    }
  }

  const isLive = (id: string) => (catalogue.get(self, id)?.facts ?? null) !== null

  /** Where something of it lies with others only, they would drop it for good: it has to come back before they are told to. */
  async function hide(info: CollectionInfo): Promise<void> {
    if (!isLive(info.id)) return
    const { segments } = await host.manifest(collections.indexDirectory(info.id))
    if (segments.some(({ isAway }) => isAway)) await narrow(info)
    else await write(info.id, null)
  }

  /** False: something has failed, and was logged. */
  async function forEach<T extends { readonly id: string }>(
    items: readonly T[],
    signal: AbortSignal,
    work: (item: T) => Promise<void>,
  ): Promise<boolean> {
    let isDone = true
    const next = items[Symbol.iterator]()
    const worker = async () => {
      for (const item of next)
        await work(item).catch((error: unknown) => {
          signal.throwIfAborted()
          isDone = false
          const { code, message } = toVillageError(error)
          // It is tried every few seconds; what lasts is said once, and shown with the collection.
          if (problems.get(item.id)?.code !== code)
            log.error({ err: error, collection: item.id }, 'a collection could not be published')
          problems.set(item.id, { code, message })
        })
    }
    // All of them have ended before an abort is told.
    await Promise.allSettled(Array.from({ length: AT_ONCE }, worker))
    signal.throwIfAborted()
    return isDone
  }

  return {
    async withdraw(signal) {
      if (catalogue.village() === null) return true
      const infos = await collections.list()
      const own = new Set(infos.map(({ id }) => id))
      const removed = catalogue.live().filter(({ owner, id }) => owner === self && !own.has(id))
      const areWritten = await forEach(removed, signal, ({ id }) => write(id, null))
      const areNarrowed = await forEach(infos, signal, async (info) => {
        if (info.access !== 'private') return await narrow(info)
        await exclusive(info.id, () => hide(info))
        problems.delete(info.id)
      })
      for (const id of problems.keys()) if (!own.has(id) && areWritten) problems.delete(id)
      return areWritten && areNarrowed
    },
    async publish(signal) {
      if (catalogue.village() === null) return true
      const infos = (await collections.list()).filter(({ access }) => access !== 'private')
      return await forEach(infos, signal, async (info) => {
        await publish(info, signal)
        problems.delete(info.id)
      })
    },
    problemOf: (id) => problems.get(id) ?? null,
  }
}

const liveChunks = ({ segments }: Manifest): number =>
  segments.reduce((sum, { chunks, deletedChunks }) => sum + chunks - deletedChunks, 0)

const publishedChunks = ({ segments }: CollectionFacts): number =>
  segments.reduce((sum, { chunks, deletions }) => sum + chunks - deletions.length, 0)
