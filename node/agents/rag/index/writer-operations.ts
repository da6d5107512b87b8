/** What the writing thread does, on indexes that open at their first use; what can wait is done when nobody asks for anything. */
import { rmSync } from 'node:fs'
import type { IndexedDocument } from '../document.ts'
import { adoptSegment } from './adopt-segment.ts'
import { checkIndex } from './check-index.ts'
import { createIndexWriter, type IndexWriter } from './index-writer.ts'
import type { IndexSettings, Manifest } from './manifest.ts'
import { createIndex, readManifest } from './manifest-file.ts'
import { writeReplicaManifest } from './replica-manifest.ts'
import type { ThreadContext } from './serve-thread.ts'

/** Between two batches of one run there is less. */
const IDLE_MS = 200

export type WriterOperations = ReturnType<typeof createWriterOperations>['operations']

export function createWriterOperations({
  owner,
  report,
  changed,
}: Pick<ThreadContext, 'owner' | 'report' | 'changed'>) {
  const writers = new Map<string, IndexWriter>()
  let idle: NodeJS.Timeout | undefined

  function writerOf(directory: string): IndexWriter {
    let writer = writers.get(directory)
    if (writer === undefined) {
      writer = createIndexWriter(directory, { owner, onFailure: report })
      writers.set(directory, writer)
    }
    return writer
  }

  /** Does something to an index, and tells where that made a new manifest. */
  function changing<T>(directory: string, change: (writer: IndexWriter) => T): T {
    const writer = writerOf(directory)
    const { generation } = writer.manifest
    try {
      return change(writer)
    } finally {
      if (writer.manifest.generation !== generation) changed(directory)
    }
  }

  function closeOne(directory: string): void {
    const writer = writers.get(directory)
    writers.delete(directory)
    writer?.close()
  }

  /** A step of one index; the next call, or the next step, comes after it. */
  function maintain(): void {
    for (const [directory, writer] of [...writers])
      try {
        if (!changing(directory, (one) => one.maintain())) continue
        idle = setTimeout(maintain, 0)
        return
      } catch (error) {
        report(error, 'an index could not be maintained: it is tried again after the next change')
        writers.delete(directory)
        writers.set(directory, writer)
        return
      }
  }

  function afterCall(): void {
    clearTimeout(idle)
    idle = setTimeout(maintain, IDLE_MS)
  }

  return {
    operations: {
      create: (directory: string, settings: IndexSettings) => createIndex(directory, settings),
      add: (directory: string, documents: readonly IndexedDocument[]) => writerOf(directory).add(documents),
      remove: (directory: string, ids: readonly string[]) => writerOf(directory).remove(ids),
      commit: (directory: string) => changing(directory, (writer) => writer.commit()),
      compact: (directory: string, options?: { merge?: boolean }) =>
        changing(directory, (writer) => writer.compact(options)),
      sendAway: (directory: string, segments: readonly string[]) =>
        changing(directory, (writer) => writer.sendAway(segments)),
      adopt(directory: string, sourcePath: string, segment: string) {
        const isAway = segmentsOf(directory).some(({ id, isAway: away }) => id === segment && away)
        // Opened first: an opening writer removes the chunks of what is away.
        if (isAway) writerOf(directory)
        const row = adoptSegment(directory, sourcePath, segment)
        if (!isAway) return row
        const { segments } = changing(directory, (writer) => writer.bringBack(segment))
        return segments.find(({ id }) => id === segment) ?? row
      },
      writeManifest: (
        directory: string,
        manifest: Manifest,
        deletions: ReadonlyMap<string, readonly number[]>,
      ) => {
        const written = writeReplicaManifest(directory, manifest, deletions)
        changed(directory)
        return written
      },
      check: (directory: string) => checkIndex(directory),
      close: (directory: string) => closeOne(directory),
      drop(directory: string) {
        closeOne(directory)
        rmSync(directory, { recursive: true, force: true })
      },
    },
    afterCall,
    close() {
      clearTimeout(idle)
      for (const directory of [...writers.keys()]) closeOne(directory)
    },
  }
}

/** A directory that has no manifest yet gets replicas before it gets one. */
function segmentsOf(directory: string): Manifest['segments'] {
  try {
    return readManifest(directory).segments
  } catch (error) {
    if ((error as { code?: unknown }).code === 'INDEX_MISSING') return []
    throw error
  }
}
