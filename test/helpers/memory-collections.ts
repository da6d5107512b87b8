/** Collections in memory, for tests of the API and of the command line: a run stays open until it is told to end. */
import { basename } from 'node:path'
import { buffer } from 'node:stream/consumers'
import {
  type CollectionInfo,
  checkCollectionName,
  checkSettings,
  collectionId,
  DEFAULT_SETTINGS,
  documentId,
  type UnreadableCollection,
} from '../../node/agents/rag/collections/collection.ts'
import type { Collections, IndexWishes } from '../../node/agents/rag/collections/collections.ts'
import { EMPTY_REPORT, type IndexRun } from '../../node/agents/rag/collections/index-run.ts'
import { localPath } from '../../node/agents/rag/collections/local-path.ts'
import type { DocumentRecord } from '../../node/agents/rag/document.ts'
import type { StoredChunk } from '../../node/agents/rag/search-types.ts'
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'
import type { Events } from '../../node/events.ts'

const NOW_MS = 1_800_000_000_000
const SEGMENT = 'ab'.repeat(32)

export type MemoryCollections = ApiComponents['collections'] & {
  /** Ends the run that is open, or shows how far it is. */
  change(id: string, fields: Partial<IndexRun>): void
  /** What index() was given last. */
  readonly wishes: IndexWishes[]
  /** By id. */
  readonly damaged: Map<string, UnreadableCollection>
}

export function memoryCollections(components: {
  events: Pick<Events, 'emit'>
  identity: { peerId: string }
}): MemoryCollections {
  const { events, identity } = components
  const infos = new Map<string, CollectionInfo>()
  const texts = new Map<string, Map<string, string>>()
  const runs = new Map<string, IndexRun>()
  const wishes: IndexWishes[] = []
  const unreadable = new Map<string, UnreadableCollection>()

  function need(idOrName: string): CollectionInfo {
    if (unreadable.has(idOrName)) throw new VillageError('COLLECTION_CORRUPT')
    const found = infos.get(idOrName) ?? [...infos.values()].find(({ name }) => name === idOrName)
    if (found === undefined) throw new VillageError('COLLECTION_UNKNOWN')
    return found
  }

  function put(info: CollectionInfo): CollectionInfo {
    infos.set(info.id, info)
    return info
  }

  const recordOf = (info: CollectionInfo, source: string): DocumentRecord => ({
    id: documentId(info.id, source),
    source,
    title: null,
    language: 'en',
    mediaType: 'text/markdown',
    contentHash: 'cd'.repeat(32),
    sizeBytes: texts.get(info.id)?.get(source)?.length ?? 0,
    modifiedAtMs: NOW_MS,
    fields: { year: 1990 },
  })

  const documentsOf = (info: CollectionInfo) =>
    [...(texts.get(info.id)?.keys() ?? [])]
      .map((source) => recordOf(info, source))
      .sort((a, b) => (a.id < b.id ? -1 : 1))

  function begin(info: CollectionInfo, paths: readonly string[], fields: Partial<IndexRun> = {}): IndexRun {
    const run: IndexRun = {
      id: `run-${runs.size}`,
      collection: info.id,
      name: info.name,
      trigger: 'request',
      paths,
      state: 'running',
      startedAtMs: NOW_MS,
      finishedAtMs: null,
      files: 0,
      isCounted: false,
      doneFiles: 0,
      totalBytes: 0,
      doneBytes: 0,
      embedded: 0,
      report: EMPTY_REPORT,
      error: null,
      ...fields,
    }
    runs.set(run.id, run)
    return run
  }

  function needRun(id: string): IndexRun {
    const run = runs.get(id)
    if (run === undefined) throw new VillageError('INDEX_RUN_UNKNOWN')
    return run
  }

  const collections: Pick<Collections, keyof ApiComponents['collections']> = {
    list: async () => [...infos.values()],
    unreadable: () => [...unreadable.values()],
    need: async (id) => need(id),
    async create({ name: given, encoder = 'bafyencoder', segmentChunks = 10_000, ...settings }) {
      const name = checkCollectionName(given)
      checkSettings(settings)
      const id = collectionId(identity.peerId, name)
      if (infos.has(id)) throw new VillageError('COLLECTION_EXISTS')
      texts.set(id, new Map())
      return put({
        ...DEFAULT_SETTINGS,
        ...settings,
        ...{ id, name, owner: identity.peerId, encoder, segmentChunks, createdAtMs: NOW_MS },
        ...{
          documents: 0,
          chunks: 0,
          sizeBytes: 0,
          generation: 0,
          languages: ['en'],
          roots: [],
          watched: [],
          problem: null,
        },
      })
    },
    async update(id, settings) {
      checkSettings(settings)
      return put({ ...need(id), ...settings })
    },
    async remove(id) {
      if (!unreadable.delete(id)) infos.delete(need(id).id)
    },
    async documents(id, { after = '', limit }) {
      return documentsOf(need(id))
        .filter((record) => record.id > after)
        .slice(0, limit)
    },
    async document(id, idOrSource) {
      const info = need(id)
      const record = documentsOf(info).find((one) => one.id === idOrSource || one.source === idOrSource)
      if (record === undefined) throw new VillageError('DOCUMENT_UNKNOWN')
      const text = texts.get(info.id)?.get(record.source) ?? ''
      const place = { segment: SEGMENT, chunk: 0, document: record.id, ordinal: 0, page: null }
      const chunk: StoredChunk = {
        ...{ ...place, title: '', headings: [], text, start: 0, end: text.length },
        ...{ language: record.language, record },
      }
      return [chunk]
    },
    async removeDocuments(id, named) {
      const info = need(id)
      const found = named.map((name) =>
        documentsOf(info).find((one) => one.id === name || one.source === name),
      )
      if (found.includes(undefined)) throw new VillageError('DOCUMENT_UNKNOWN')
      for (const record of found) texts.get(info.id)?.delete(record!.source)
      return found.length
    },
    async index(id, given) {
      const info = need(id)
      const paths = given.paths.map(localPath)
      wishes.push(given)
      put({
        ...info,
        roots: paths.map((path) => ({ path, prefix: `${basename(path)}/` })),
        ...(given.watch === true ? { watched: paths } : {}),
      })
      return begin(info, paths)
    },
    async upload(id, { source, content }) {
      const info = need(id)
      texts.get(info.id)?.set(source, (await buffer(content)).toString())
      put({ ...info, documents: info.documents + 1, chunks: info.chunks + 1 })
      return begin(info, [source], { state: 'done', finishedAtMs: NOW_MS + 5 })
    },
    async unwatch(id, path) {
      const info = need(id)
      if (!info.watched.includes(path)) throw new VillageError('NOT_FOUND')
      return put({ ...info, watched: info.watched.filter((one) => one !== path) })
    },
    runs: () => [...runs.values()],
    needRun,
    async cancelRun(id) {
      const run: IndexRun = { ...needRun(id), state: 'cancelled', finishedAtMs: NOW_MS }
      runs.set(id, run)
      return run
    },
    async export(id) {
      const bytes = Buffer.from(need(id).name)
      async function* content() {
        yield bytes
      }
      return { name: `${need(id).name}.collection.tar`, sizeBytes: bytes.byteLength, content: content() }
    },
    async import(content, { name }) {
      const bytes = await buffer(content)
      return collections.create({ name: name ?? bytes.toString() })
    },
    stats: () => ({ collections: infos.size, runs: 0, failedRuns: 0, documents: 0, chunks: 0, seconds: 0 }),
  }
  return {
    ...collections,
    wishes,
    damaged: unreadable,
    change(id, fields) {
      const run = { ...needRun(id), ...fields }
      runs.set(id, run)
      const {
        collection,
        name,
        state,
        files,
        isCounted,
        doneFiles,
        totalBytes,
        doneBytes,
        embedded,
        report,
      } = run
      const progress = { files, isCounted, doneFiles, totalBytes, doneBytes, embedded, chunks: report.chunks }
      events.emit('index:changed', { run: id, collection, name, state, ...progress })
    },
  }
}
