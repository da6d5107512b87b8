/** What was added and removed since the last commit: a buffer, segments that were written from it, and ids that are to go. */
import type { IndexedDocument } from '../document.ts'
import type { CommittedSegments } from './committed-segments.ts'
import type { IndexSettings } from './manifest.ts'
import { liveDocument, type WriterSegment, without } from './writer-segment.ts'

export interface PendingDocuments {
  readonly isEmpty: boolean
  add(document: IndexedDocument, sizeBytes: number): void
  /** Whether it was live: committed, written or buffered. */
  remove(id: string): boolean
  /** Writes what is buffered. Throws DISK_FULL, DATA_DIR_READ_ONLY with the buffer as it was. */
  flush(): void
  changes(): { segments: readonly WriterSegment[]; removed: ReadonlySet<string> }
  /** Ids of what was written: no leftovers. */
  segmentIds(): Set<string>
  /** The changes were committed. */
  clear(): void
  close(): void
}

export function createPendingDocuments(
  committed: Pick<CommittedSegments, 'has' | 'write'>,
  init: { settings: IndexSettings; bufferBytes: number },
): PendingDocuments {
  const { settings, bufferBytes } = init
  const buffer = new Map<string, { document: IndexedDocument; sizeBytes: number }>()
  let bufferedChunks = 0
  let bufferedBytes = 0
  let segments: WriterSegment[] = []
  /** Documents whose committed form is to go. */
  const removed = new Set<string>()

  function unbuffer(id: string): boolean {
    const buffered = buffer.get(id)
    if (buffered === undefined) return false
    bufferedChunks -= buffered.document.chunks.length
    bufferedBytes -= buffered.sizeBytes
    return buffer.delete(id)
  }

  /** A document is live in one place at most. */
  function remove(id: string): boolean {
    if (unbuffer(id)) return true
    for (const [at, held] of segments.entries()) {
      const document = liveDocument(held, id)
      if (document < 0) continue
      segments[at] = without(held, [document])
      return true
    }
    if (removed.has(id) || !committed.has(id)) return false
    removed.add(id)
    return true
  }

  function flush(): void {
    if (buffer.size === 0) return
    const fresh = committed.write([...buffer.values()].map(({ document }) => document))
    // The same documents as before give the same segment: then all of them were removed from it meanwhile.
    const same = segments.findIndex(({ entry }) => entry.id === fresh.entry.id)
    if (same >= 0) segments.splice(same, 1)[0]!.segment.close()
    segments.push(fresh)
    buffer.clear()
    bufferedChunks = 0
    bufferedBytes = 0
  }

  return {
    get isEmpty() {
      return buffer.size === 0 && segments.length === 0 && removed.size === 0
    },
    add(document, sizeBytes) {
      const { length } = document.chunks
      // First what may fail: a disk that is full leaves the document's earlier form as it was.
      if (bufferedChunks + length > settings.maxSegmentChunks || bufferedBytes + sizeBytes > bufferBytes)
        flush()
      remove(document.record.id)
      buffer.set(document.record.id, { document, sizeBytes })
      bufferedChunks += length
      bufferedBytes += sizeBytes
    },
    remove,
    flush,
    changes: () => ({ segments, removed }),
    segmentIds: () => new Set(segments.map(({ entry }) => entry.id)),
    clear() {
      segments = []
      removed.clear()
    },
    close() {
      for (const { segment } of segments) segment.close()
      segments = []
    },
  }
}
