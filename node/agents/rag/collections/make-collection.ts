/** Makes collections: empty ones, and those that come as an archive. */
import { mkdir, rm } from 'node:fs/promises'
import { VillageError } from '../../../errors.ts'
import type { Events } from '../../../events.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Manifest } from '../index/manifest.ts'
import {
  type CollectionInfo,
  type CollectionSettings,
  checkCollectionName,
  checkSegmentChunks,
  checkSettings,
  collectionId,
  DEFAULT_SEGMENT_CHUNKS,
  DEFAULT_SETTINGS,
  type StoredCollection,
} from './collection.ts'
import type { CollectionEncoder } from './collection-encoder.ts'
import { readCollection } from './collection-file.ts'
import type { CollectionState } from './collection-state.ts'
import type { Exclusive } from './exclusive.ts'
import { adoptArchive, unpackArchive } from './import-collection.ts'

export interface NewCollection extends Partial<CollectionSettings> {
  readonly name: string
  /** Id or CID of an encoder of this node; null: no vectors. Absent: the encoder that comes with the daemon. */
  readonly encoder?: string | null
  readonly segmentChunks?: number
}

export interface CollectionMaking {
  create(wishes: NewCollection): Promise<CollectionInfo>
  import(
    content: AsyncIterable<Uint8Array>,
    options: { name?: string },
    signal: AbortSignal,
  ): Promise<CollectionInfo>
}

interface Components {
  readonly index: Pick<IndexHost, 'create' | 'adopt' | 'writeManifest' | 'close'>
  readonly encoder: Pick<CollectionEncoder, 'resolve'>
  readonly events: Pick<Events, 'emit'>
  readonly state: CollectionState
  readonly exclusive: Exclusive
}

interface Init {
  readonly peerId: string
  /** Where collections are kept. */
  readonly root: string
  readonly stopping: AbortSignal
  readonly now: () => number
}

const MAX_COLLECTIONS = 10_000

export function createCollectionMaking(components: Components, init: Init): CollectionMaking {
  const { index, encoder, events, state, exclusive } = components
  const { root, now } = init

  /** Throws INVALID_ARGUMENT, COLLECTION_EXISTS. */
  function newCollection(wishes: NewCollection, encoderCid: string | null): StoredCollection {
    const { encoder: _, name: given, segmentChunks = DEFAULT_SEGMENT_CHUNKS, ...settings } = wishes
    const name = checkCollectionName(given)
    checkSettings(settings)
    checkSegmentChunks(segmentChunks)
    const id = collectionId(init.peerId, name)
    if (state.get(id) !== undefined)
      throw new VillageError('COLLECTION_EXISTS', `There is a collection "${name}" already`, {
        fields: { collection: name },
      })
    if (state.ids().length >= MAX_COLLECTIONS)
      throw new VillageError('INVALID_ARGUMENT', `A node has at most ${MAX_COLLECTIONS} collections`)
    return {
      version: 1,
      ...DEFAULT_SETTINGS,
      ...settings,
      ...{ id, name, owner: init.peerId, encoder: encoderCid, segmentChunks, createdAtMs: now() },
      ...{ documentBase: id, languages: [], roots: [], watched: [], unfinished: [] },
    }
  }

  /** Makes its directory, with the index that `build` makes in it. */
  async function establish(
    collection: StoredCollection,
    build: (directory: string) => Promise<Manifest>,
  ): Promise<CollectionInfo> {
    const { id, name } = collection
    const directory = state.directoryOf(id)
    await mkdir(directory, { mode: 0o700 }).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
      // What is no collection was left half made or half removed.
      if (readCollection(directory) !== null) throw new VillageError('COLLECTION_EXISTS')
      await rm(directory, { recursive: true, force: true })
      await mkdir(directory, { mode: 0o700 })
    })
    try {
      const manifest = await build(state.indexDirectoryOf(id))
      state.put(collection)
      state.committed(id, manifest)
    } catch (error) {
      // It may never have been opened, and the error that is thrown is the one that counts.
      await index.close(state.indexDirectoryOf(id)).catch(() => undefined)
      await rm(directory, { recursive: true, force: true })
      throw error
    }
    events.emit('collection:created', { collection: id, name })
    return state.info(collection)
  }

  async function create(wishes: NewCollection): Promise<CollectionInfo> {
    const { id } = newCollection(wishes, null)
    return exclusive(id, async () => {
      const resolved = wishes.encoder === null ? null : await encoder.resolve(wishes.encoder, init.stopping)
      const collection = newCollection(wishes, resolved?.cid ?? null)
      const settings = { maxSegmentChunks: collection.segmentChunks, dims: resolved?.dims ?? null }
      return establish(collection, (directory) => index.create(directory, settings))
    })
  }

  async function importArchive(
    content: AsyncIterable<Uint8Array>,
    options: { name?: string },
    signal: AbortSignal,
  ): Promise<CollectionInfo> {
    // A name that is taken is told before gigabytes are sent, where it is given.
    if (options.name !== undefined) newCollection({ name: options.name }, null)
    const archive = await unpackArchive(content, { parent: root, signal })
    try {
      const { name, weight, segmentChunks, documentBase, languages } = archive.header
      const wishes = { name: options.name ?? name, weight, segmentChunks }
      const { id } = newCollection(wishes, null)
      return await exclusive(id, () => {
        const collection = { ...newCollection(wishes, archive.header.encoder), documentBase, languages }
        return establish(collection, (directory) => adoptArchive({ index }, archive, directory))
      })
    } finally {
      await archive.remove()
    }
  }

  return { create, import: importArchive }
}
