/**
 * The indexes of this node, on threads of their own: one that answers (search, chunks) and one that writes (add, commit,
 * merge), so that the event loop never waits. An index is a directory; it opens at its first use.
 */
import { randomUUID } from 'node:crypto'
import { VillageError } from '../../../errors.ts'
import type { Service } from '../../../lifecycle.ts'
import type { Log } from '../../../log.ts'
import type { DocumentRecord, IndexedDocument } from '../document.ts'
import type {
  ChunkReference,
  SearchOutcome,
  SearchRequest,
  SegmentStatistics,
  Statistics,
  StoredChunk,
} from '../search-types.ts'
import type { IndexProblem } from './check-index.ts'
import { createIndexThread } from './index-thread.ts'
import type { IndexSettings, Manifest, ManifestSegment } from './manifest.ts'
import { createManifestCache } from './manifest-cache.ts'
import type { ReaderOperations } from './reader-operations.ts'
import type { WriterOperations } from './writer-operations.ts'

/** Who asks, and how long it is waited for. */
export interface AskOptions {
  /**
   * Absent: this node itself. Calls of peers wait for those of this node and take turns with each other, and a search that would read
   * too much throws SEARCH_TOO_COSTLY.
   */
  readonly peer?: string
  /** Of what a peer may have read for it, where one question of his asks several indexes; 1 unless given. */
  readonly share?: number
  /** What has begun ends at its next pause. */
  readonly signal?: AbortSignal
}

export interface IndexHost extends Service {
  /** Makes the directory with an empty manifest. Throws INDEX_EXISTS. */
  create(directory: string, settings: IndexSettings): Promise<Manifest>
  /** Throws INDEX_MISSING, INDEX_CORRUPT, INDEX_VERSION_UNSUPPORTED. */
  manifest(directory: string): Promise<Manifest>
  /** By segment, so that they can be cached and added up. All segments unless some are named. */
  statistics(
    directory: string,
    terms: readonly string[],
    segments?: readonly string[],
    options?: AskOptions,
  ): Promise<SegmentStatistics[]>
  /** `statistics` null: the index's own. */
  search(
    directory: string,
    request: SearchRequest,
    statistics: Statistics | null,
    options?: AskOptions & { segments?: readonly string[] },
  ): Promise<SearchOutcome>
  /** Null for what is deleted or unknown. */
  chunks(
    directory: string,
    references: readonly ChunkReference[],
    options?: AskOptions,
  ): Promise<(StoredChunk | null)[]>
  /** Records of live documents by id, from the one after `after`. */
  documents(directory: string, page: { after?: string; limit: number }): Promise<DocumentRecord[]>
  /** All chunks of a live document in their order; empty when it is unknown. */
  documentChunks(directory: string, document: string): Promise<StoredChunk[]>
  /** The serialised sketch of a segment (routing/sketch.ts). */
  sketch(directory: string, segment: string): Promise<Uint8Array>

  /**
   * Buffered, and not found before commit; replaces documents of the same ids. Resolves when the writing thread has them: who waits for
   * that before adding more has at most one batch on its way. Calls that change an index are done in the order in which they were made.
   */
  add(directory: string, documents: readonly IndexedDocument[]): Promise<void>
  /** From the next commit on. Returns how many of them were live. */
  remove(directory: string, ids: readonly string[]): Promise<number>
  /**
   * Durable when it resolves: all that was added and removed, or, after a crash, none of it. Throws WORKER_CRASHED when the writing thread
   * ended since the last commit: it has to be added again.
   */
  commit(directory: string): Promise<Manifest>
  /** Rewrites segments with deleted chunks so that their text is gone from the disk; `merge` also joins small ones. */
  compact(directory: string, options?: { merge?: boolean }): Promise<Manifest>
  /** Ends its use, and what was not committed. */
  close(directory: string): Promise<void>

  /**
   * Takes the segment in the directory `sourcePath` into the index's directory after every hash was checked; `sourcePath` is gone
   * then. Where the manifest has the segment as away, it is here again; else `writeManifest` must name it next, or the next writer
   * removes it. Throws SEGMENT_CORRUPT, also where its id is not `segment`.
   */
  adopt(directory: string, sourcePath: string, segment: string): Promise<ManifestSegment>
  /**
   * For a directory of replicas, whose segments were adopted: what it consists of now; segments that it no longer names are removed,
   * really. `deletions` are the deleted chunks by segment; their rows of the manifest are filled in from them. The directory and its
   * generation are the caller's; never for an index that `add` and `commit` write.
   */
  writeManifest(
    directory: string,
    manifest: Manifest,
    deletions: ReadonlyMap<string, readonly number[]>,
  ): Promise<Manifest>
  /** Deleted chunks of a segment, rising. Throws NOT_FOUND. */
  deletions(directory: string, segment: string): Promise<number[]>
  /** Removes text, postings and vectors of segments that others hold; their documents stay known. Throws NOT_FOUND. */
  sendAway(directory: string, segments: readonly string[]): Promise<Manifest>
  /** Hashes everything again; what it finds wrong, with the segment (null: the index as a whole) and an error code. */
  check(directory: string): Promise<IndexProblem[]>
  /** Closes it and removes its files. */
  drop(directory: string): Promise<void>
}

export interface IndexHostOptions {
  /** Of the thread that writes: 0 to 19, on Linux. */
  readonly niceness?: number
  /** The module that the writing thread runs, for tests of threads that end. */
  readonly writerUrl?: URL
}

/**
 * Units (search-work.ts) that one question of a peer may cost: some hundred milliseconds. That of a dozen common words over a
 * million chunks stays below.
 */
const FOREIGN_WORK_LIMIT = 32_000_000
/** Of the limit, however small an index is beside the others. */
const LEAST_SHARE = 1 / 64

const workLimit = (peer: string | undefined, share: number): number =>
  peer === undefined ? Number.POSITIVE_INFINITY : FOREIGN_WORK_LIMIT * Math.max(LEAST_SHARE, share)

const WRITER_URL = new URL('./writer-thread.ts', import.meta.url)

/** Which indexes have changes that only the writing thread knows, and which had some when it ended. */
function createUncommitted() {
  /** By directory how many changes there were, ever. */
  const changes = new Map<string, number>()
  const lost = new Set<string>()
  return {
    note(directory: string): void {
      changes.set(directory, (changes.get(directory) ?? 0) + 1)
    },
    lose() {
      for (const directory of changes.keys()) lost.add(directory)
      changes.clear()
    },
    countOf: (directory: string): number => changes.get(directory) ?? 0,
    isLost: (directory: string): boolean => lost.has(directory),
    /** All changes up to that count are committed, or are to be forgotten. */
    settle(directory: string, count = Number.POSITIVE_INFINITY): void {
      if ((changes.get(directory) ?? 0) <= count) changes.delete(directory)
      lost.delete(directory)
    },
  }
}

/** Its threads start with the first call that needs them. */
export function createIndexHost(components: { log: Log }, options: IndexHostOptions = {}): IndexHost {
  const { niceness = 0, writerUrl = WRITER_URL } = options
  const owner = randomUUID()
  const reader = createIndexThread<ReaderOperations>(components, {
    url: new URL('./reader-thread.ts', import.meta.url),
    name: 'index-reader',
    niceness: 0,
    owner,
    onChanged() {
      // It changes nothing.
    },
    onCrash() {
      // Nothing is lost: the next call opens what it needs.
    },
  })
  const uncommitted = createUncommitted()
  const writer = createIndexThread<WriterOperations>(components, {
    url: writerUrl,
    name: 'index-writer',
    niceness,
    owner,
    onChanged(directory) {
      if (!reader.isRunning) return
      reader.call('refresh', [directory]).catch((error: unknown) => {
        // Whoever searches it next hears of it.
        components.log.debug({ err: error, directory }, 'an index could not be opened again after a change')
      })
    },
    onCrash: uncommitted.lose,
  })

  const manifests = createManifestCache({ read: (directory) => reader.call('manifest', [directory]) })

  return {
    name: 'index-host',
    async start() {
      // Threads start with the first call.
    },
    async stop() {
      await writer.close()
      await reader.close()
    },
    create: (directory, settings) => writer.call('create', [directory, settings]),
    manifest: manifests.of,
    statistics: (directory, terms, segments, options) =>
      reader.call('statistics', [directory, terms, segments], options),
    search: (directory, request, statistics, { segments, share = 1, ...options } = {}) =>
      reader.call(
        'search',
        [directory, request, statistics, segments, workLimit(options.peer, share)],
        options,
      ),
    chunks: (directory, references, options) => reader.call('chunks', [directory, references], options),
    documents: (directory, page) => reader.call('documents', [directory, page]),
    documentChunks: (directory, document) => reader.call('documentChunks', [directory, document]),
    sketch: (directory, segment) => reader.call('sketch', [directory, segment]),
    deletions: (directory, segment) => reader.call('deletions', [directory, segment]),
    add(directory, documents) {
      uncommitted.note(directory)
      return writer.call('add', [directory, documents])
    },
    remove(directory, ids) {
      uncommitted.note(directory)
      return writer.call('remove', [directory, ids])
    },
    async commit(directory) {
      const count = uncommitted.countOf(directory)
      const refuse = () =>
        uncommitted.isLost(directory)
          ? new VillageError('WORKER_CRASHED', 'What was added to an index since its last commit was lost.')
          : null
      try {
        const manifest = await writer.call('commit', [directory], { refuse })
        uncommitted.settle(directory, count)
        return manifest
      } catch (error) {
        // What came after the loss must not be committed without what came before.
        if (uncommitted.isLost(directory)) {
          uncommitted.settle(directory)
          await writer.call('close', [directory])
        }
        throw error
      }
    },
    compact: (directory, wishes) => writer.call('compact', [directory, wishes]),
    adopt: (directory, sourcePath, segment) => writer.call('adopt', [directory, sourcePath, segment]),
    writeManifest: (directory, manifest, deletions) =>
      writer.call('writeManifest', [directory, manifest, deletions]),
    sendAway: (directory, segments) => writer.call('sendAway', [directory, segments]),
    check: (directory) => writer.call('check', [directory]),
    async close(directory) {
      uncommitted.settle(directory)
      manifests.forget(directory)
      if (reader.isRunning) await reader.call('close', [directory])
      if (writer.isRunning) await writer.call('close', [directory])
    },
    async drop(directory) {
      manifests.forget(directory)
      if (reader.isRunning) await reader.call('close', [directory])
      await writer.call('drop', [directory])
    },
  }
}
