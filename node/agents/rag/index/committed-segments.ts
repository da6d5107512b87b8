/** The segments of the manifest, as their one writer has them: every change of theirs is a new manifest, durable or not made at all. */
import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../../errors.ts'
import type { IndexedDocument } from '../document.ts'
import { UNFINISHED_PREFIX, writeSegment } from '../segment/write-segment.ts'
import { fillSegment } from './adopt-segment.ts'
import { syncDirectory } from './durable-files.ts'
import { collectLeftovers } from './index-files.ts'
import type { Manifest } from './manifest.ts'
import { readManifest, writeManifest } from './manifest-file.ts'
import {
  freshSegment,
  isEmpty,
  liveDocument,
  liveDocuments,
  openWriterSegment,
  type WriterSegment,
  without,
  withTombstones,
} from './writer-segment.ts'

export interface CommittedSegments {
  readonly manifest: Manifest
  readonly segments: readonly WriterSegment[]
  /** Whether a document is live in it. */
  has(id: string): boolean
  /** A segment on the disk that no manifest names yet. */
  write(documents: readonly IndexedDocument[]): WriterSegment
  /** Adds segments and removes documents from those that were there. */
  commit(fresh: readonly WriterSegment[], removed: ReadonlySet<string>): void
  /** Writes what is live in these segments as one, in the place of the first; nothing when nothing is live. */
  rewrite(ids: readonly string[]): void
  /** Its files are there again (adoptSegment). */
  bringBack(id: string): Manifest
  sendAway(ids: readonly string[]): Manifest
  close(): void
}

export interface CommittedSegmentsOptions {
  /** Ids of segments that were written and are not committed. */
  readonly uncommitted: () => ReadonlySet<string>
  readonly onFailure: (error: unknown, what: string) => void
}

/** Removes what a crash left. Throws INDEX_MISSING, INDEX_CORRUPT, INDEX_VERSION_UNSUPPORTED, SEGMENT_CORRUPT. */
export function createCommittedSegments(
  directory: string,
  { uncommitted, onFailure }: CommittedSegmentsOptions,
): CommittedSegments {
  let manifest = readManifest(directory)
  collectLeftovers(directory, manifest.segments)
  let segments: readonly WriterSegment[] = manifest.segments.map((entry) =>
    openWriterSegment(directory, entry),
  )

  function take(next: Manifest, nextSegments: readonly WriterSegment[]): void {
    const kept = new Set(nextSegments.map(({ segment }) => segment))
    for (const { segment } of segments) if (!kept.has(segment)) segment.close()
    segments = nextSegments
    manifest = next
  }

  function publish(all: readonly WriterSegment[]): void {
    // A segment whose documents were all added again has the id of the one that they are in now: it is empty, and only that one counts.
    const nextSegments = all.filter((held) => !isEmpty(held)).map((held) => withTombstones(directory, held))
    syncDirectory(directory)
    const next: Manifest = {
      ...manifest,
      generation: manifest.generation + 1,
      segments: nextSegments.map(({ entry }) => entry),
    }
    try {
      writeManifest(directory, next)
    } catch (error) {
      // Renamed, and only its name may not be on the disk yet: what others read is the new one.
      if (readManifest(directory).generation === next.generation) take(next, nextSegments)
      throw error
    }
    take(next, nextSegments)
  }

  /** What is of no use any more; the change that made it so stands whatever comes of this. */
  function collect(): void {
    try {
      collectLeftovers(directory, manifest.segments, uncommitted())
    } catch (error) {
      onFailure(error, 'files that an index no longer needs could not be removed')
    }
  }

  function need(id: string): WriterSegment {
    const held = segments.find(({ entry }) => entry.id === id)
    if (held === undefined)
      throw new VillageError('NOT_FOUND', 'The index has no such segment.', { fields: { segment: id } })
    return held
  }

  const withAway = (held: WriterSegment, isAway: boolean): WriterSegment => ({
    ...held,
    entry: { ...held.entry, isAway },
  })

  return {
    get manifest() {
      return manifest
    },
    get segments() {
      return segments
    },
    has: (id) => segments.some((held) => liveDocument(held, id) >= 0),
    write(documents) {
      const summary = writeSegment(directory, documents)
      if (segments.some(({ entry }) => entry.id === summary.id && entry.isAway)) {
        // Its directory was there with nothing but records, and stayed as it was.
        const staging = path.join(directory, `${UNFINISHED_PREFIX}again`)
        rmSync(staging, { recursive: true, force: true })
        writeSegment(staging, documents)
        fillSegment(directory, path.join(staging, summary.id), summary.id)
        rmSync(staging, { recursive: true, force: true })
      }
      return freshSegment(directory, summary)
    },
    commit(fresh, removed) {
      const gone = new Map<WriterSegment, number[]>(segments.map((held) => [held, []]))
      for (const id of removed)
        for (const [held, documents] of gone) {
          const document = liveDocument(held, id)
          if (document >= 0) documents.push(document)
        }
      publish([...[...gone].map(([held, documents]) => without(held, documents)), ...fresh])
      for (const held of fresh) if (isEmpty(held)) held.segment.close()
      collect()
    },
    rewrite(ids) {
      const sources = ids.map(need)
      const [first] = sources
      if (first === undefined || sources.some(({ entry }) => entry.isAway)) return
      if (sources.length === 1 && first.deleted === null) return
      const merged = sources.every(isEmpty)
        ? null
        : freshSegment(directory, writeSegment(directory, liveDocuments(sources)))
      publish(
        segments.flatMap((held) => {
          if (held === first) return merged === null ? [] : [merged]
          return sources.includes(held) ? [] : [held]
        }),
      )
      collectLeftovers(directory, manifest.segments, uncommitted())
    },
    bringBack(id) {
      const away = need(id)
      if (away.entry.isAway) publish(segments.map((held) => (held === away ? withAway(held, false) : held)))
      return manifest
    },
    sendAway(ids) {
      const sent = new Set(ids.map(need))
      publish(segments.map((held) => (sent.has(held) ? withAway(held, true) : held)))
      collectLeftovers(directory, manifest.segments, uncommitted())
      return manifest
    },
    close() {
      for (const { segment } of segments) segment.close()
      if (existsSync(directory)) collect()
    },
  }
}
