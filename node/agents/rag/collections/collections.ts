/** The collections of this node: made, indexed, watched, listed, moved and removed. Each is a directory of its own. */
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import type { Events } from '../../../events.ts'
import type { Service } from '../../../lifecycle.ts'
import type { Log } from '../../../log.ts'
import type { Store } from '../../../store.ts'
import type { DocumentRecord } from '../document.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { StoredChunk } from '../search-types.ts'
import {
  type CollectionAccess,
  type CollectionInfo,
  type CollectionSettings,
  checkSettings,
  type StoredCollection,
  type UnreadableCollection,
} from './collection.ts'
import type { CollectionEncoder } from './collection-encoder.ts'
import { createCollectionState } from './collection-state.ts'
import { createExclusive } from './exclusive.ts'
import { exportCollection } from './export-collection.ts'
import { createFileLedger } from './file-ledger.ts'
import { findDocuments } from './find-documents.ts'
import { createIndexRequests } from './index-requests.ts'
import type { IndexRun } from './index-run.ts'
import { createIndexRuns } from './index-runs.ts'
import { createCollectionMaking, type NewCollection } from './make-collection.ts'
import { removeDocuments } from './remove-documents.ts'

export interface IndexWishes {
  /** Absolute. */
  readonly paths: readonly string[]
  /** Follow what changes below them from now on, over restarts. */
  readonly watch?: boolean
  /** Globs; with any, only what one of them matches. */
  readonly include?: readonly string[]
  readonly exclude?: readonly string[]
  readonly language?: string
}

export interface Collections extends Service {
  list(): Promise<CollectionInfo[]>
  /** Those whose description on the disk is damaged: they are in no list, and can be removed. */
  unreadable(): UnreadableCollection[]
  /** By id or name; null where there is none. */
  get(idOrName: string): Promise<CollectionInfo | null>
  /** As get(). Throws COLLECTION_UNKNOWN with the nearest name, COLLECTION_CORRUPT. */
  need(idOrName: string): Promise<CollectionInfo>
  /** Who may search it at this moment; null: there is none of that id. */
  accessOf(id: string): CollectionAccess | null
  /** Where its index is, for IndexHost. */
  indexDirectory(id: string): string
  /** Throws COLLECTION_EXISTS, INVALID_ARGUMENT, MODEL_UNKNOWN, MODEL_NOT_ENCODER. */
  create(wishes: NewCollection): Promise<CollectionInfo>
  /**
   * Changes settings. Throws COLLECTION_UNKNOWN, INVALID_ARGUMENT, and COLLECTION_SPREAD where it is to be private and a part of its
   * text lies with others only: that would be private in name only, or lost.
   */
  update(idOrName: string, settings: Partial<CollectionSettings>): Promise<CollectionInfo>
  /** Removes the collection with all its text from the disk; a run that goes on is ended. Throws COLLECTION_UNKNOWN. */
  remove(idOrName: string): Promise<void>
  /** Records in the order of their ids, from the one after `after`. */
  documents(idOrName: string, page: { after?: string; limit: number }): Promise<DocumentRecord[]>
  /** All chunks of a document, by its id or source. Throws COLLECTION_UNKNOWN, DOCUMENT_UNKNOWN, COLLECTION_SPREAD. */
  document(idOrName: string, idOrSource: string): Promise<StoredChunk[]>
  /**
   * Removes documents, by id, source, or folder (`notes/`), so that their text is gone from the disk when it resolves. All or
   * none: throws DOCUMENT_UNKNOWN.
   */
  removeDocuments(idOrName: string, idsOrSources: readonly string[]): Promise<number>

  /**
   * Begins to index files and folders of this machine; the collection must exist. Runs of one collection go one after the other.
   * Throws COLLECTION_UNKNOWN, INVALID_ARGUMENT, INDEX_PATH_REFUSED, FILE_UNREADABLE, INDEX_RUNS_BUSY.
   */
  index(idOrName: string, wishes: IndexWishes): Promise<IndexRun>
  /** Indexes one document that was sent, under a name that says what it is (`report.pdf`). Throws as index(). */
  upload(
    idOrName: string,
    file: { source: string; content: AsyncIterable<Uint8Array>; language?: string },
    signal: AbortSignal,
  ): Promise<IndexRun>
  /** Ends the watching of a path; what was indexed stays. Throws COLLECTION_UNKNOWN, NOT_FOUND. */
  unwatch(idOrName: string, path: string): Promise<CollectionInfo>
  /** Resolves when the folders that are to be watched are. */
  watched(): Promise<void>
  /** Those that wait or run, and the last that have ended; oldest first. */
  runs(): IndexRun[]
  /** Throws INDEX_RUN_UNKNOWN. */
  needRun(id: string): IndexRun
  /** Ends it when it has committed what it did. Throws INDEX_RUN_UNKNOWN. */
  cancelRun(id: string): Promise<IndexRun>

  /** The collection as one file (archive-format.ts). Throws COLLECTION_UNKNOWN, COLLECTION_SPREAD. */
  export(
    idOrName: string,
    signal: AbortSignal,
  ): Promise<{ name: string; sizeBytes: number; content: AsyncIterable<Uint8Array> }>
  /**
   * A collection from such a file, as one of this node: private whatever it was. Nothing is shown before every byte is checked.
   * Throws COLLECTION_EXISTS, COLLECTION_ARCHIVE_INVALID, DISK_FULL.
   */
  import(
    content: AsyncIterable<Uint8Array>,
    options: { name?: string },
    signal: AbortSignal,
  ): Promise<CollectionInfo>
  stats(): CollectionStats
}

/** Totals since the start of the daemon. */
export interface CollectionStats {
  readonly collections: number
  readonly runs: number
  readonly failedRuns: number
  readonly documents: number
  readonly chunks: number
  readonly seconds: number
}

interface Components {
  readonly ingest: Pick<Ingest, 'walk' | 'parse'>
  readonly index: Pick<
    IndexHost,
    | 'create'
    | 'manifest'
    | 'documents'
    | 'documentChunks'
    | 'add'
    | 'remove'
    | 'commit'
    | 'compact'
    | 'adopt'
    | 'writeManifest'
    | 'close'
  >
  readonly encoder: CollectionEncoder
  readonly store: Pick<Store, 'json'>
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
}

export interface CollectionsInit {
  /** The data directory: collections are kept in `collections` below it, and nothing of it is indexed. */
  readonly directory: string
  /** The owner of what is made here. */
  readonly peerId: string
  readonly maxFileBytes: number
  readonly commitEveryMs: number
  readonly watchDelayMs: number
  /** The profile `edge`: smaller batches, one run at a time. */
  readonly isSmall: boolean
  readonly now?: () => number
}

export function createCollections(components: Components, init: CollectionsInit): Collections {
  const { index, events, log } = components
  const now = init.now ?? Date.now
  const root = path.join(init.directory, 'collections')
  const state = createCollectionState({ index, log }, { root })
  const stopping = new AbortController()
  const exclusive = createExclusive()
  const ledgerOf = (id: string) => createFileLedger(components, id)
  const making = createCollectionMaking(
    { ...components, state, exclusive },
    { peerId: init.peerId, root, stopping: stopping.signal, now },
  )
  const runs = createIndexRuns({ events, log, exclusive }, { parallel: init.isSmall ? 1 : 2, now })
  const requests = createIndexRequests({ ...components, state, runs, exclusive, ledgerOf }, { ...init, now })

  const placeOf = (id: string) => ({
    documentBase: state.need(id).documentBase,
    directory: state.indexDirectoryOf(id),
  })

  async function changed(collection: StoredCollection): Promise<CollectionInfo> {
    const info = await state.info(collection)
    const { id, name, generation } = info
    events.emit('collection:changed', { collection: id, name, generation })
    return info
  }

  return {
    name: 'collections',
    async start() {
      for (const id of await state.load()) await ledgerOf(id).clear()
      await requests.start()
    },
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await requests.stop()
    },
    unreadable: state.unreadable,
    list: () => Promise.all(state.ids().map((id) => state.info(state.need(id)))),
    async get(idOrName) {
      const found = state.find(idOrName)
      return found === undefined ? null : state.info(found)
    },
    need: async (idOrName) => state.info(state.need(idOrName)),
    accessOf: (id) => state.get(id)?.access ?? null,
    indexDirectory: (id) => state.indexDirectoryOf(id),
    create: making.create,
    async update(idOrName, settings) {
      checkSettings(settings)
      const { id, access, replicas, keepsCopy, weight } = state.need(idOrName)
      const collection = { ...state.need(id), ...settings }
      state.put(collection)
      if (collection.access === 'private' && access !== 'private') {
        // After it is said, so that nothing is sent away between this look and that.
        const { segments } = await index.manifest(state.indexDirectoryOf(id))
        if (segments.some(({ isAway }) => isAway)) {
          state.put({ ...state.need(id), access, replicas, keepsCopy, weight })
          throw new VillageError('COLLECTION_SPREAD', undefined, { fields: { collection: id } })
        }
      }
      return changed(collection)
    },
    async remove(idOrName) {
      const damaged = state.findUnreadable(idOrName)
      const { id, name } = damaged ?? state.need(idOrName)
      await requests.forget(id)
      await exclusive(id, async () => {
        if (damaged === undefined) state.need(id)
        await state.take(id)
        await ledgerOf(id).clear()
      })
      events.emit('collection:removed', { collection: id, name: name ?? id })
    },
    documents: (idOrName, page) => index.documents(state.indexDirectoryOf(state.need(idOrName).id), page),
    async document(idOrName, idOrSource) {
      const { id } = state.need(idOrName)
      const place = placeOf(id)
      const [document] = await findDocuments({ index, ledger: ledgerOf(id) }, place, [idOrSource])
      const passages = await index.documentChunks(place.directory, document!)
      // It was found a moment ago: what is not here lies with others.
      if (passages.length === 0)
        throw new VillageError('COLLECTION_SPREAD', undefined, { fields: { document: document! } })
      return passages
    },
    async removeDocuments(idOrName, idsOrSources) {
      const { id } = state.need(idOrName)
      const removed = await exclusive(id, async () => {
        state.need(id)
        const place = placeOf(id)
        const { ids, count, manifest } = await removeDocuments(
          { index, ledger: ledgerOf(id) },
          place,
          idsOrSources,
        )
        state.committed(id, manifest)
        await requests.forgetDocuments(id, ids)
        return count
      })
      await changed(state.need(id))
      return removed
    },
    index: requests.index,
    upload: requests.upload,
    async unwatch(idOrName, given) {
      const collection = requests.unwatch(state.need(idOrName).id, given)
      return changed(collection)
    },
    async export(idOrName, signal) {
      const { id } = state.need(idOrName)
      return exclusive(id, () =>
        exportCollection(
          { index, onCompacted: (manifest) => state.committed(id, manifest) },
          { collection: state.need(id), directory: state.indexDirectoryOf(id), snapshots: root, signal },
        ),
      )
    },
    import: making.import,
    watched: requests.watched,
    runs: runs.list,
    needRun: runs.need,
    cancelRun: runs.cancel,
    stats: () => ({ collections: state.ids().length, ...runs.totals() }),
  }
}
