/** What makes a run of indexing: somebody asks for it, something that is watched has changed, or the daemon has been off. */

import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, realpath, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { VillageError } from '../../../errors.ts'
import type { Events } from '../../../events.ts'
import type { Log } from '../../../log.ts'
import type { IndexHost } from '../index/index-host.ts'
import type { Ingest } from '../ingest/ingest.ts'
import type { SourceFile } from '../ingest/parsed-file.ts'
import { checkLanguage, checkWishes, isLanguage } from './check-wishes.ts'
import type { StoredCollection, WatchedRoot } from './collection.ts'
import type { CollectionEncoder } from './collection-encoder.ts'
import type { CollectionState } from './collection-state.ts'
import type { CollectionsInit, IndexWishes } from './collections.ts'
import { createCompacting } from './compacting.ts'
import type { Exclusive } from './exclusive.ts'
import type { FileLedger } from './file-ledger.ts'
import type { IndexRun } from './index-run.ts'
import type { IndexRuns, RunGoing } from './index-runs.ts'
import { checkIndexPath, checkUploadName, localPath } from './local-path.ts'
import { createNearDuplicateMemory } from './near-duplicate-memory.ts'
import { scopeOf, UPLOAD_PREFIX } from './roots.ts'
import { type IndexedScope, type IndexWork, runIndex } from './run-index.ts'
import { createUnfinishedRequests } from './unfinished-requests.ts'
import { createWatching } from './watching.ts'

export interface IndexRequests {
  /** Watches what is to be watched, and looks for what has changed meanwhile. */
  start(): Promise<void>
  stop(): Promise<void>
  index(idOrName: string, wishes: IndexWishes): Promise<IndexRun>
  upload(
    idOrName: string,
    file: { source: string; content: AsyncIterable<Uint8Array>; language?: string },
    signal: AbortSignal,
  ): Promise<IndexRun>
  watched(): Promise<void>
  /** Throws NOT_FOUND. */
  unwatch(id: string, given: string): StoredCollection
  /** What they looked like is forgotten. */
  forgetDocuments(id: string, documents: readonly string[]): Promise<void>
  /** Ends what goes on for a collection that is to be removed. */
  forget(id: string): Promise<void>
}

interface Components {
  readonly ingest: Pick<Ingest, 'walk' | 'parse'>
  readonly index: Pick<IndexHost, 'add' | 'remove' | 'commit' | 'compact' | 'close'>
  readonly encoder: Pick<CollectionEncoder, 'embed'>
  readonly events: Pick<Events, 'emit'>
  readonly log: Log
  readonly state: CollectionState
  readonly runs: IndexRuns
  readonly exclusive: Exclusive
  readonly ledgerOf: (id: string) => FileLedger
}

/** A path with how it is indexed; `within` as of IndexedScope. */
type Wanted = WatchedRoot & Pick<IndexedScope, 'within'>

const BATCH_CHUNKS = { large: 256, small: 64 }
/** Documents of a collection that are looked through for near-duplicates. */
const COMPARED = { large: 50_000, small: 10_000 }

export function createIndexRequests(
  components: Components,
  init: CollectionsInit & { now: () => number },
): IndexRequests {
  const { ingest, index, encoder, events, log, state, runs, exclusive, ledgerOf } = components
  const { now } = init
  let privateDirectory = init.directory
  const compacting = createCompacting({ log, state, index, exclusive, changed })
  const nearDuplicates = createNearDuplicateMemory(
    { log },
    { directoryOf: state.directoryOf, maxDocuments: init.isSmall ? COMPARED.small : COMPARED.large },
  )
  const unfinished = createUnfinishedRequests({ state, log })
  /** By collection and watched root: what has changed since the last run began; null: anything. */
  const dirty = new Map<string, Map<string, Set<string> | null>>()
  const watching = createWatching({ log }, { delayMs: init.watchDelayMs, onChange: watched })

  function changed(id: string): void {
    const collection = state.get(id)
    if (collection === undefined) return
    state
      .info(collection)
      .then(({ name, generation }) => events.emit('collection:changed', { collection: id, name, generation }))
      .catch((error: unknown) => log.error({ err: error }, 'a change of a collection could not be told'))
  }

  function watched(id: string, root: string, within: ReadonlySet<string> | null): void {
    if (state.get(id) === undefined) return
    const isQueued = dirty.has(id)
    const changes = dirty.get(id) ?? new Map<string, Set<string> | null>()
    dirty.set(id, changes)
    const before = changes.get(root)
    changes.set(root, within === null || before === null ? null : new Set([...(before ?? []), ...within]))
    if (isQueued) return
    try {
      begin(id, 'watch', [root], () => takeDirty(id))
    } catch (error) {
      // Too many wait: the next change, or the look round that comes every hour, begins it.
      dirty.delete(id)
      log.warn({ err: error, collection: id }, 'changes of a watched folder were not indexed')
    }
  }

  function takeDirty(id: string): Wanted[] {
    const changes = dirty.get(id)
    dirty.delete(id)
    return (state.get(id)?.watched ?? []).flatMap((root) => {
      const within = changes?.get(root.path)
      return within === undefined ? [] : [{ ...root, within: within === null ? null : [...within] }]
    })
  }

  /** The scopes of paths, whose roots are noted in the collection from now on. */
  async function scopesOf(id: string, wanted: readonly Wanted[]): Promise<IndexedScope[]> {
    const scopes: IndexedScope[] = []
    for (const { path: at, include, exclude, within } of wanted) {
      const { roots } = state.need(id)
      const stats = await stat(at).catch(() => null)
      const known = roots.find((root) => root.path === at)
      // What is not there now was what it was when it was indexed.
      const isFile = stats?.isFile() ?? known?.prefix.endsWith('/') === false
      const scope = scopeOf(roots, at, isFile)
      if (!roots.includes(scope.root)) {
        const collection = state.need(id)
        state.put({ ...collection, roots: [...collection.roots, scope.root] })
      }
      scopes.push({ ...scope, include, exclude, within })
    }
    return scopes
  }

  async function work(
    id: string,
    given: Pick<IndexWork, 'trigger' | 'uploads' | 'language'>,
    wanted: readonly Wanted[],
    going: RunGoing,
  ): Promise<void> {
    const { counts, signal, onProgress } = going
    const scopes = await scopesOf(id, wanted)
    const { encoder: cid, languages, roots, documentBase } = state.need(id)
    const spoken = new Set(languages)
    try {
      await runIndex(
        {
          ingest,
          index,
          ledger: ledgerOf(id),
          nearDuplicates: await nearDuplicates.open(id),
          embed: cid === null ? null : (texts) => encoder.embed(cid, texts, signal),
          counts,
          log,
        },
        {
          privateDirectory,
          batchChunks: init.isSmall ? BATCH_CHUNKS.small : BATCH_CHUNKS.large,
          commitEveryMs: init.commitEveryMs,
          now,
          onProgress,
          onCommit(manifest) {
            state.committed(id, manifest)
            changed(id)
          },
          addLanguage(language) {
            if (spoken.has(language) || !isLanguage(language)) return
            spoken.add(language)
            // Before the commit: a language too many costs little, one too few hides documents.
            state.put({ ...state.need(id), languages: [...spoken].sort() })
          },
        },
        {
          ...given,
          ...{ collection: id, documentBase, directory: state.indexDirectoryOf(id), scopes, roots, signal },
        },
      )
    } finally {
      nearDuplicates.rest(id)
    }
    if (counts.removed + counts.changed === 0) return
    if (given.trigger === 'request' && counts.removed > 0) await compacting.now(id)
    else compacting.later(id)
  }

  /** What is wanted is asked when the run begins; each language of it is a pass of its own. */
  function begin(
    id: string,
    trigger: IndexRun['trigger'],
    paths: readonly string[],
    wantedNow: () => readonly Wanted[],
    ended: () => void = () => undefined,
  ): IndexRun {
    const { name } = state.need(id)
    return runs.begin({
      ...{ collection: id, name, trigger, paths, ended },
      async work(going) {
        const byLanguage = Map.groupBy(wantedNow(), ({ language }) => language)
        for (const [language, wanted] of byLanguage)
          await work(id, { trigger, uploads: [], language }, wanted, going)
      },
    })
  }

  /** A run of all of these roots; the next start goes on with `lasting` where this one does not come to its end. */
  function beginLasting(
    id: string,
    trigger: 'request' | 'start',
    roots: readonly WatchedRoot[],
    lasting: readonly WatchedRoot[] = roots,
  ): IndexRun {
    const ended = unfinished.begin(id, lasting)
    const everything = roots.map((root) => ({ ...root, within: null }))
    const paths = roots.map(({ path: at }) => at)
    try {
      return begin(id, trigger, paths, () => everything, ended)
    } catch (error) {
      ended()
      throw error
    }
  }

  return {
    async start() {
      privateDirectory = await realpath(init.directory)
      for (const id of state.ids()) {
        await rm(path.join(state.directoryOf(id), 'incoming'), { recursive: true, force: true })
        const { watched: roots } = state.need(id)
        for (const root of roots) watching.watch(id, root.path)
        // Of a folder that is watched too, how it is watched says what is wanted.
        const left = unfinished.left(id).filter((one) => roots.every((root) => root.path !== one.path))
        if (roots.length + left.length > 0) beginLasting(id, 'start', [...roots, ...left], left)
        // A crash may have come between a change and the compaction that it was to have.
        compacting.later(id)
      }
    },
    async stop() {
      compacting.stop()
      unfinished.stop()
      await watching.stop()
      await runs.cancelAll(null)
      await nearDuplicates.stop()
    },
    async index(idOrName, wishes) {
      const { id } = state.need(idOrName)
      checkWishes(wishes)
      const { include = [], exclude = [], language = null } = wishes
      const roots: WatchedRoot[] = []
      for (const given of wishes.paths) {
        const checked = await checkIndexPath(localPath(given), privateDirectory)
        roots.push({ path: checked.path, include, exclude, language })
      }
      if (wishes.watch === true) {
        const { watched } = state.need(id)
        const others = watched.filter((one) => roots.every((root) => root.path !== one.path))
        state.put({ ...state.need(id), watched: [...others, ...roots] })
        for (const root of roots) watching.watch(id, root.path)
      }
      return beginLasting(id, 'request', roots)
    },
    async upload(idOrName, { source: given, content, language = null }, signal) {
      const { id, name } = state.need(idOrName)
      checkLanguage(language)
      const source = UPLOAD_PREFIX + checkUploadName(given)
      const incoming = path.join(state.directoryOf(id), 'incoming')
      // Not with its parents: the collection may be on its way out.
      await mkdir(incoming, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error
      })
      // The extension says how it is read; the rest of the name is of no use to the disk.
      const file = path.join(incoming, randomBytes(12).toString('hex') + path.extname(given).slice(0, 16))
      const remove = () => rm(file, { force: true })
      try {
        await pipeline(
          Readable.from(bounded(content, init.maxFileBytes)),
          createWriteStream(file, { mode: 0o600 }),
          {
            signal,
          },
        )
        const { size, mtimeMs } = await stat(file)
        const upload: SourceFile = { path: file, source, sizeBytes: size, modifiedAtMs: Math.floor(mtimeMs) }
        return runs.begin({
          ...{ collection: id, name, trigger: 'request', paths: [given] },
          work: (going) => work(id, { trigger: 'request', uploads: [upload], language }, [], going),
          ended: () => void remove(),
        })
      } catch (error) {
        await remove()
        throw error
      }
    },
    watched: watching.ready,
    unwatch(id, given) {
      const collection = state.need(id)
      const at = localPath(given)
      if (collection.watched.every((root) => root.path !== at))
        throw new VillageError('NOT_FOUND', `${at} is not watched`, { fields: { path: at } })
      const rest = { ...collection, watched: collection.watched.filter((root) => root.path !== at) }
      state.put(rest)
      watching.unwatch(id, at)
      return rest
    },
    async forgetDocuments(id, documents) {
      const known = await nearDuplicates.open(id)
      for (const document of documents) known.remove(document)
      nearDuplicates.rest(id)
    },
    async forget(id) {
      compacting.forget(id)
      nearDuplicates.forget(id)
      watching.unwatch(id, null)
      dirty.delete(id)
      await runs.cancelAll(id)
    },
  }
}

async function* bounded(content: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0
  for await (const chunk of content) {
    sizeBytes += chunk.byteLength
    if (sizeBytes > maxBytes)
      throw new VillageError('FILE_TOO_LARGE', `A document may have at most ${maxBytes} bytes`, {
        fields: { maxBytes },
      })
    yield chunk
  }
}
