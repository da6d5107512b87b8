/**
 * Replicas of others' segments on this node's disk: a directory by collection, which is an index that nobody writes to but who adds
 * and drops whole segments. What it holds survives a restart; what no record names any more is removed, text and all.
 */
import { mkdir, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { cidOf, digestOf, parseCid, RAW_CODEC } from '../../../mesh/artifacts/cids.ts'
import { isCollectionId } from '../collections/collection.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest, ManifestSegment } from '../index/manifest.ts'
import type { LiveRecord } from './catalogue.ts'
import type { RecordSegment } from './collection-record.ts'

export interface ReplicaStore {
  /** Reads what is on the disk. */
  load(): Promise<void>
  /** Ids of the collections of which anything is held. */
  collections(): string[]
  directoryOf(collection: string): string
  holds(collection: string, segment: string): boolean
  segmentsOf(collection: string): readonly ManifestSegment[]
  /**
   * Takes the segment in `sourcePath`, which is gone then. Throws DISK_FULL, and SEGMENT_CORRUPT also where totals or sketch are not
   * those of the record: who holds such a segment would answer what others take for lies.
   */
  add(record: LiveRecord, segment: RecordSegment, sourcePath: string): Promise<void>
  /** Brings deletions up to the record, and removes the segments that `keeps` does not want. Returns those removed. */
  update(record: LiveRecord, keeps: (segment: string) => boolean): Promise<string[]>
  /** Removes all of a collection. Returns its segments. */
  drop(collection: string): Promise<string[]>
  /** On the disk, twice: to be searched, and to be fetched by others. */
  usedBytes(): number
}

const DEFAULT_SEGMENT_CHUNKS = 10_000

/** A sketch is made of a segment in one way only. One of several blocks has a CID of another kind: it is known by its length. */
function isAsSaid(said: RecordSegment, row: ManifestSegment, sketch: Uint8Array): boolean {
  const isSameSketch =
    parseCid(said.sketchCid).code !== RAW_CODEC ||
    cidOf(RAW_CODEC, digestOf(sketch)).toString() === said.sketchCid
  const { chunks, documents, totalLength } = row
  return (
    isSameSketch &&
    sketch.byteLength === said.sketchBytes &&
    chunks === said.chunks &&
    documents === said.documents &&
    totalLength === said.totalLength
  )
}

export function createReplicaStore(
  components: {
    host: Pick<IndexHost, 'create' | 'manifest' | 'adopt' | 'sketch' | 'writeManifest' | 'drop'>
    log: Log
  },
  init: { directory: string },
): ReplicaStore {
  const { host, log } = components
  const manifests = new Map<string, Manifest>()
  const directoryOf = (collection: string) => path.join(init.directory, collection)

  /** One change after another: each begins from the manifest that the one before has written. */
  let changing: Promise<unknown> = Promise.resolve()
  function inOrder<T>(change: () => Promise<T>): Promise<T> {
    const result = changing.then(change)
    changing = result.catch(() => undefined) // the caller of this change has the failure
    return result
  }

  async function remove(collection: string): Promise<string[]> {
    const removed = manifests.get(collection)?.segments.map(({ id }) => id) ?? []
    manifests.delete(collection)
    await host.drop(directoryOf(collection))
    return removed
  }

  async function open(record: LiveRecord): Promise<Manifest> {
    const known = manifests.get(record.id)
    if (known !== undefined) return known
    const directory = directoryOf(record.id)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const largest = Math.max(DEFAULT_SEGMENT_CHUNKS, ...record.facts.segments.map(({ chunks }) => chunks))
    const manifest = await host.create(directory, { maxSegmentChunks: largest, dims: record.facts.dims })
    manifests.set(record.id, manifest)
    return manifest
  }

  function deletionsOf({ facts }: LiveRecord): Map<string, readonly number[]> {
    return new Map(
      facts.segments.flatMap(({ id, deletions }) => (deletions.length === 0 ? [] : [[id, deletions]])),
    )
  }

  async function write(record: LiveRecord, manifest: Manifest): Promise<void> {
    const next = { ...manifest, generation: manifest.generation + 1 }
    manifests.set(record.id, await host.writeManifest(directoryOf(record.id), next, deletionsOf(record)))
  }

  return {
    async load() {
      manifests.clear()
      const names = await readdir(init.directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return []
        throw error
      })
      for (const name of names.filter(isCollectionId)) {
        const directory = directoryOf(name)
        if (!(await stat(directory)).isDirectory()) continue
        try {
          manifests.set(name, await host.manifest(directory))
        } catch (error) {
          // Nothing of it is unique: others have it, and it is fetched anew.
          log.warn(
            { err: toVillageError(error), collection: name },
            'replicas of a collection are not readable: removed',
          )
          await host.drop(directory)
        }
      }
    },
    collections: () => [...manifests.keys()],
    directoryOf,
    holds: (collection, segment) =>
      manifests.get(collection)?.segments.some(({ id }) => id === segment) === true,
    segmentsOf: (collection) => manifests.get(collection)?.segments ?? [],
    add: (record, segment, sourcePath) =>
      inOrder(async () => {
        const manifest = await open(record)
        const directory = directoryOf(record.id)
        const row = await host.adopt(directory, sourcePath, segment.id)
        const others = manifest.segments.filter(({ id }) => id !== segment.id)
        await write(record, { ...manifest, segments: [...others, row] })
        if (isAsSaid(segment, row, await host.sketch(directory, segment.id))) return
        await write(record, { ...manifest, segments: others })
        throw new VillageError('SEGMENT_CORRUPT', 'A segment is not what the record of its collection says')
      }),
    update: (record, keeps) =>
      inOrder(async () => {
        const manifest = manifests.get(record.id)
        if (manifest === undefined) return []
        const segments = manifest.segments.filter(({ id }) => keeps(id))
        const removed = manifest.segments.filter(({ id }) => !keeps(id)).map(({ id }) => id)
        if (segments.length === 0) return await remove(record.id)
        const wanted = deletionsOf(record)
        const isCurrent = segments.every(
          ({ id, deletedChunks }) => (wanted.get(id)?.length ?? 0) === deletedChunks,
        )
        if (removed.length > 0 || !isCurrent) await write(record, { ...manifest, segments })
        return removed
      }),
    drop: (collection) => inOrder(() => remove(collection)),
    usedBytes: () => {
      let sizeBytes = 0
      for (const { segments } of manifests.values())
        for (const segment of segments) sizeBytes += segment.sizeBytes
      return 2 * sizeBytes
    },
  }
}
