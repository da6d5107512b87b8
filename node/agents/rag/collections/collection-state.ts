/** The collections of this node in memory and on the disk, and what is known of their indexes. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { toVillageError, VillageError } from '../../../errors.ts'
import type { Log } from '../../../log.ts'
import { nearest } from '../../../nearest.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import {
  type CollectionInfo,
  isCollectionId,
  type StoredCollection,
  type UnreadableCollection,
} from './collection.ts'
import { readCollection, readCollectionName, writeCollection } from './collection-file.ts'
import { SNAPSHOT_PREFIX } from './export-collection.ts'
import { STAGING_PREFIX } from './import-collection.ts'

type Counts = Pick<CollectionInfo, 'documents' | 'chunks' | 'sizeBytes' | 'generation' | 'problem'>

export interface CollectionState {
  /** Reads all of the directory, and removes what a crash left half made or half removed; gives the ids of these. */
  load(): Promise<string[]>
  ids(): string[]
  get(id: string): StoredCollection | undefined
  /** By id or name. Throws COLLECTION_UNKNOWN with the nearest name, COLLECTION_CORRUPT for one that cannot be read. */
  need(idOrName: string): StoredCollection
  find(idOrName: string): StoredCollection | undefined
  unreadable(): UnreadableCollection[]
  findUnreadable(idOrName: string): UnreadableCollection | undefined
  directoryOf(id: string): string
  indexDirectoryOf(id: string): string
  /** Durable when it returns. */
  put(collection: StoredCollection): void
  /** It is gone for everybody when this resolves; then its files go. */
  take(id: string): Promise<void>
  info(collection: StoredCollection): Promise<CollectionInfo>
  /** What a commit made of the index. */
  committed(id: string, manifest: Manifest): void
}

interface Components {
  readonly index: Pick<IndexHost, 'manifest' | 'close'>
  readonly log: Log
}

/** A directory on its way out; what begins with a dot is no collection. */
const REMOVED = '.removed-'
const LEFTOVERS = [REMOVED, SNAPSHOT_PREFIX, STAGING_PREFIX]
const NO_COUNTS: Counts = { documents: 0, chunks: 0, sizeBytes: 0, generation: 0, problem: null }

function countsOf({ segments, generation }: Manifest): Counts {
  const sum = (of: (segment: Manifest['segments'][number]) => number) =>
    segments.reduce((total, segment) => total + of(segment), 0)
  return {
    documents: sum((segment) => segment.documents - segment.deletedDocuments),
    chunks: sum((segment) => segment.chunks - segment.deletedChunks),
    sizeBytes: sum((segment) => (segment.isAway ? 0 : segment.sizeBytes)),
    generation,
    problem: null,
  }
}

/** `root` holds nothing else than collections. */
export function createCollectionState(components: Components, init: { root: string }): CollectionState {
  const { index, log } = components
  const { root } = init
  const collections = new Map<string, StoredCollection>()
  const counts = new Map<string, Counts>()
  const unreadable = new Map<string, UnreadableCollection>()

  const directoryOf = (id: string) => path.join(root, id)
  const indexDirectoryOf = (id: string) => path.join(root, id, 'index')

  function find(idOrName: string): StoredCollection | undefined {
    const name = idOrName.normalize('NFC')
    return collections.get(idOrName) ?? [...collections.values()].find((one) => one.name === name)
  }

  const findUnreadable = (idOrName: string) =>
    unreadable.get(idOrName) ??
    [...unreadable.values()].find(({ name }) => name !== null && name === idOrName.normalize('NFC'))

  async function loadOne(name: string): Promise<string | null> {
    if (LEFTOVERS.some((prefix) => name.startsWith(prefix))) {
      await rm(path.join(root, name), { recursive: true, force: true })
      const id = name.slice(REMOVED.length)
      return isCollectionId(id) ? id : null
    }
    if (!isCollectionId(name)) return null
    try {
      const collection = readCollection(directoryOf(name))
      if (collection === null) {
        await rm(directoryOf(name), { recursive: true, force: true })
        return name
      }
      if (collection.id !== name) throw new VillageError('COLLECTION_CORRUPT')
      collections.set(name, collection)
    } catch (error) {
      // Its text stays for whoever can repair it; the others are not made to wait for that.
      const { code, message } = toVillageError(error)
      unreadable.set(name, {
        id: name,
        name: readCollectionName(directoryOf(name)),
        problem: { code, message },
      })
      log.error({ err: error, collection: name }, 'collection cannot be read; it is left out')
    }
    return null
  }

  return {
    async load() {
      await mkdir(root, { recursive: true, mode: 0o700 })
      const gone: string[] = []
      for (const name of await readdir(root)) {
        const id = await loadOne(name)
        if (id !== null) gone.push(id)
      }
      return gone
    },
    ids: () => [...collections.keys()],
    get: (id) => collections.get(id),
    find,
    unreadable: () => [...unreadable.values()],
    findUnreadable,
    need(idOrName) {
      const found = find(idOrName)
      if (found !== undefined) return found
      const damaged = findUnreadable(idOrName)
      if (damaged !== undefined) throw new VillageError('COLLECTION_CORRUPT', damaged.problem.message)
      const meant = nearest(
        idOrName,
        [...collections.values()].map(({ name }) => name),
      )
      throw new VillageError(
        'COLLECTION_UNKNOWN',
        `There is no collection "${idOrName}"${meant === null ? '' : `; did you mean "${meant}"?`}`,
        { fields: { collection: idOrName, suggestion: meant } },
      )
    },
    directoryOf,
    indexDirectoryOf,
    put(collection) {
      writeCollection(directoryOf(collection.id), collection)
      collections.set(collection.id, collection)
    },
    async take(id) {
      const removed = path.join(root, `${REMOVED}${id}`)
      await rm(removed, { recursive: true, force: true })
      collections.delete(id)
      unreadable.delete(id)
      counts.delete(id)
      // Not in place: a crash half-way would leave a collection without an index.
      await index.close(indexDirectoryOf(id)).catch((error: unknown) => {
        log.debug({ err: error, collection: id }, 'index of a removed collection could not be closed')
      })
      await rename(directoryOf(id), removed)
      await rm(removed, { recursive: true, force: true })
    },
    async info({ version: _, documentBase: __, unfinished: ___, watched, ...collection }) {
      let known = counts.get(collection.id)
      if (known === undefined) {
        try {
          known = countsOf(await index.manifest(indexDirectoryOf(collection.id)))
          counts.set(collection.id, known)
        } catch (error) {
          const { code, message } = toVillageError(error)
          known = { ...NO_COUNTS, problem: { code, message } }
        }
      }
      return { ...collection, ...known, watched: watched.map((one) => one.path) }
    },
    committed: (id, manifest) => void counts.set(id, countsOf(manifest)),
  }
}
