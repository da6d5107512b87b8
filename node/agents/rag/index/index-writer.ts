/**
 * Writes an index in this thread: what the writing thread of an IndexHost does, and what tests, benches and simulations use.
 *
 * What is added is buffered, and written as a segment when there is enough of it; nothing names that segment until `commit` writes the
 * manifest, so that a crash leaves the last commit and some files that the next writer removes. Merges rewrite what is committed and
 * know nothing of what is not.
 */
import { randomUUID } from 'node:crypto'
import { VillageError } from '../../../errors.ts'
import type { IndexedDocument } from '../document.ts'
import { createGraphMaker } from '../vectors/graph-maker.ts'
import { bytesOfDocument, checkDocument } from './check-document.ts'
import { createCommittedSegments } from './committed-segments.ts'
import type { Manifest } from './manifest.ts'
import { readManifest } from './manifest-file.ts'
import { chooseMerge, planCompaction } from './merge-policy.ts'
import { createPendingDocuments } from './pending-documents.ts'
import { lockWriter } from './writer-lock.ts'

export interface IndexWriter {
  /** As last committed. */
  readonly manifest: Manifest
  /**
   * Buffered, and not found before commit; replaces documents of the same ids. Throws INVALID_ARGUMENT before it takes any of them;
   * DISK_FULL, DATA_DIR_READ_ONLY when it took some: to add all of them again does no harm.
   */
  add(documents: readonly IndexedDocument[]): void
  /** From the next commit on. Returns how many of them were live. */
  remove(ids: readonly string[]): number
  /** Durable when it returns. Throws DISK_FULL, DATA_DIR_READ_ONLY with everything as it was: it can be tried again. */
  commit(): Manifest
  /** Rewrites what is committed, and leaves what is not as it is. Chunks that are away cannot be rewritten. */
  compact(options?: { merge?: boolean }): Manifest
  /** One piece of what can wait: a merge, a part of a graph. False: there is nothing to do. */
  maintain(): boolean
  /** The files of a segment that was away are there again (adoptSegment). Throws NOT_FOUND. */
  bringBack(segment: string): Manifest
  /** Only the documents of these segments stay here. Throws NOT_FOUND. */
  sendAway(segments: readonly string[]): Manifest
  /** Ends its use, and what was not committed. */
  close(): void
}

export interface IndexWriterOptions {
  /** Two writers of one owner may follow each other without a close between; anybody else finds INDEX_LOCKED. */
  readonly owner?: string
  /** What is buffered at most before it goes to the disk. */
  readonly bufferBytes?: number
  /** What failed and changes no result: a graph that could not be made, files of no use that could not be removed. */
  readonly onFailure?: (error: unknown, what: string) => void
}

const DEFAULT_BUFFER_BYTES = 64 * 2 ** 20
const MOST_SEGMENTS = 32

/** The directory must have an index (createIndex). Throws INDEX_MISSING, INDEX_CORRUPT, INDEX_LOCKED, DATA_DIR_READ_ONLY. */
export function createIndexWriter(directory: string, options: IndexWriterOptions = {}): IndexWriter {
  const { owner = randomUUID(), bufferBytes = DEFAULT_BUFFER_BYTES, onFailure = () => {} } = options
  readManifest(directory)
  const lock = lockWriter(directory, owner)
  let isClosed = false
  try {
    const committed = createCommittedSegments(directory, {
      uncommitted: () => pending.segmentIds(),
      onFailure,
    })
    const { settings } = committed.manifest
    const pending = createPendingDocuments(committed, { settings, bufferBytes })
    const graphs = createGraphMaker(directory, { onFailure })

    const open = (): void => {
      if (isClosed) throw new VillageError('INTERNAL', 'The writer of an index was closed.')
    }

    function rewrite(groups: readonly (readonly string[])[]): Manifest {
      for (const ids of groups) committed.rewrite(ids)
      return committed.manifest
    }

    return {
      get manifest() {
        return committed.manifest
      },
      add(documents) {
        open()
        for (const document of documents) checkDocument(document, settings.dims)
        for (const document of documents) pending.add(document, bytesOfDocument(document))
      },
      remove(ids) {
        open()
        return ids.filter((id) => pending.remove(id)).length
      },
      commit() {
        open()
        pending.flush()
        if (!pending.isEmpty) {
          const { segments, removed } = pending.changes()
          committed.commit(segments, removed)
          pending.clear()
        }
        // Where commits follow each other without a pause, merges cannot wait for one.
        const here = committed.manifest.segments.filter((segment) => !segment.isAway)
        if (here.length > MOST_SEGMENTS) rewrite([chooseMerge(here, settings.maxSegmentChunks)])
        return committed.manifest
      },
      compact({ merge = false } = {}) {
        open()
        const here = committed.manifest.segments.filter((segment) => !segment.isAway)
        return rewrite(planCompaction(here, settings.maxSegmentChunks, { join: merge }))
      },
      maintain() {
        open()
        const here = committed.manifest.segments.filter((segment) => !segment.isAway)
        const ids = chooseMerge(here, settings.maxSegmentChunks)
        if (ids.length === 0) return graphs.step(committed.segments)
        rewrite([ids])
        return true
      },
      bringBack(segment) {
        open()
        return committed.bringBack(segment)
      },
      sendAway(segments) {
        open()
        return committed.sendAway(segments)
      },
      close() {
        if (isClosed) return
        isClosed = true
        graphs.close()
        pending.close()
        committed.close()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}
