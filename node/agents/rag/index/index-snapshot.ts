/** The open segments of an index at one generation, and how the next generation's are opened from them. */
import { statSync } from 'node:fs'
import path from 'node:path'
import { type LiveSegment, openLiveSegment } from './live-segment.ts'
import type { Manifest } from './manifest.ts'
import { MANIFEST_FILE, readManifest } from './manifest-file.ts'

export interface IndexSnapshot {
  readonly manifest: Manifest
  /** In the manifest's order, those that are away too. */
  readonly segments: readonly LiveSegment[]
  readonly byId: ReadonlyMap<string, LiveSegment>
  /** Of the manifest file: another one when it was replaced. */
  readonly stamp: string
}

/** Changes whenever the manifest file is replaced; empty where there is none. */
export function stampOf(directory: string): string {
  const stats = statSync(path.join(directory, MANIFEST_FILE), { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.ino}.${stats.ctimeNs}.${stats.size}`
}

/**
 * Opens what the manifest names; segments of `previous` stay open where they are named still, and are closed where they are not (only
 * once the new snapshot stands). Throws what readManifest and openLiveSegment throw, with `previous` as it was.
 */
export function openSnapshot(directory: string, previous: IndexSnapshot | null): IndexSnapshot {
  // Before it is read: a manifest that is replaced meanwhile is noticed at the next look.
  const stamp = stampOf(directory)
  const manifest = readManifest(directory)
  const opened: LiveSegment[] = []
  const segments: LiveSegment[] = []
  try {
    for (const entry of manifest.segments) {
      const known = previous?.byId.get(entry.id)
      if (known !== undefined && known.entry.isAway === entry.isAway) segments.push(known.renewed(entry))
      else {
        const fresh = openLiveSegment(directory, entry)
        opened.push(fresh)
        segments.push(fresh)
      }
    }
  } catch (error) {
    for (const segment of opened) segment.close()
    throw error
  }
  const byId = new Map(segments.map((live) => [live.entry.id, live]))
  for (const old of previous?.segments ?? []) if (byId.get(old.entry.id)?.segment !== old.segment) old.close()
  return { manifest, segments, byId, stamp }
}

export function closeSnapshot(snapshot: IndexSnapshot): void {
  for (const segment of snapshot.segments) segment.close()
}
