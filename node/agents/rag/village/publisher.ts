/**
 * Publishes the collections of this node that members may search: their segments and sketches as artifacts, and a signed record that
 * names them. What is private, removed or compacted away is withdrawn: a newer record, and no bytes left to fetch.
 */
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import type { Artifacts } from '../../../mesh/artifacts/artifacts.ts'
import type { Signer } from '../../../mesh/membership/keys.ts'
import { MAX_COLLECTION_SEGMENTS, MAX_DELETIONS_BYTES } from '../../../mesh/protocols/collections.ts'
import type { CollectionInfo } from '../collections/collection.ts'
import type { Collections } from '../collections/collections.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest, ManifestSegment } from '../index/manifest.ts'
import type { Catalogue } from './catalogue.ts'
import { type CollectionFacts, createCollectionRecord, type RecordSegment } from './collection-record.ts'
import { encodeDeletions } from './deletions.ts'
import { type Offers, pinOf } from './offers.ts'

export interface Publisher {
  /**
   * Makes the records say what the collections are, but for `stuck` ones, whose text lies with others and could not be had. What fails is
   * logged and tried again at the next call.
   */
  sync(signal: AbortSignal, stuck: ReadonlySet<string>): Promise<void>
}

interface Components {
  readonly collections: Pick<Collections, 'list' | 'indexDirectory'>
  readonly host: Pick<IndexHost, 'manifest' | 'sketch' | 'deletions' | 'compact'>
  readonly artifacts: Pick<Artifacts, 'addPath' | 'addBytes' | 'has'>
  readonly catalogue: Catalogue
  readonly offers: Offers
  readonly signer: Signer
  readonly log: Log
}

/** A merge may take segments away while they are read: then all is looked at again. */
const ATTEMPTS = 3

export function createPublisher(
  components: Components,
  init: { self: string; now: () => number; segmentPath: (directory: string, segment: string) => string },
): Publisher {
  const { collections, host, artifacts, catalogue, offers, signer, log } = components
  const { self } = init

  async function write(id: string, facts: CollectionFacts | null): Promise<void> {
    const village = catalogue.village()
    if (village === null) return
    const before = catalogue.get(self, id)
    const generation = (before?.generation ?? 0) + 1
    const record = createCollectionRecord(signer, { village, id, generation, timeMs: init.now(), facts })
    await catalogue.apply(record.bytes)
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
      let fits = true
      for (const { id, deletedChunks } of manifest.segments) {
        if (deletedChunks === 0) continue
        const list = await host.deletions(directory, id)
        deletions.set(id, list)
        fits &&= encodeDeletions(list).byteLength <= MAX_DELETIONS_BYTES
      }
      if (fits) return { manifest, deletions }
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

  async function factsOf(info: CollectionInfo, signal: AbortSignal): Promise<CollectionFacts> {
    const { manifest, deletions } = await publishable(collections.indexDirectory(info.id))
    if (manifest.segments.length > MAX_COLLECTION_SEGMENTS) throw new VillageError('COLLECTION_TOO_LARGE')
    const before = catalogue.get(self, info.id)?.facts?.segments ?? []
    const known = new Map(before.map((segment) => [segment.id, segment]))
    const segments: RecordSegment[] = []
    for (const segment of manifest.segments) {
      const entry = await entryOf(info, segment, known.get(segment.id), signal)
      segments.push({ ...entry, deletions: deletions.get(segment.id) ?? [] })
    }
    const { name, access, encoder, languages, weight, replicas, keepsCopy } = info
    return {
      name,
      access: access as CollectionFacts['access'],
      encoder,
      dims: manifest.settings.dims,
      languages: [...languages],
      weight,
      replicas,
      keepsCopy,
      segments,
    }
  }

  async function publish(info: CollectionInfo, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        const facts = await factsOf(info, signal)
        for (const { cid, sketchCid } of facts.segments)
          for (const one of [cid, sketchCid]) offers.add(one, info.id)
        const before = catalogue.get(self, info.id)?.facts ?? null
        if (JSON.stringify(before) !== JSON.stringify(facts)) await write(info.id, facts)
        return
      } catch (error) {
        signal.throwIfAborted()
        if (attempt === ATTEMPTS || toVillageError(error).code !== 'NOT_FOUND') throw error
      }
    }
  }

  return {
    async sync(signal, stuck) {
      if (catalogue.village() === null) return
      const own = await collections.list()
      const published = new Map(
        own.filter(({ access }) => access !== 'private').map((info) => [info.id, info]),
      )
      for (const record of catalogue.live())
        if (record.owner === self && !published.has(record.id) && !stuck.has(record.id))
          await write(record.id, null)
      for (const info of published.values()) {
        if (stuck.has(info.id)) continue
        await publish(info, signal).catch((error: unknown) => {
          signal.throwIfAborted()
          log.error({ err: error, collection: info.id }, 'a collection could not be published')
        })
      }
    },
  }
}
