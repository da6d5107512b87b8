/** The segments that lie on this node: those of its own collections, and replicas of others'. */
import type { IndexHost } from '../index/index-host.ts'
import type { ManifestSegment } from '../index/manifest.ts'
import type { SegmentStatistics } from '../search-types.ts'

/** An index directory of this node and the collection that it is of. */
export interface LocalCollection {
  /** 32 hexadecimal digits. */
  readonly collection: string
  readonly directory: string
  readonly isOwn: boolean
  /** Model of its vectors, or null. */
  readonly encoder: string | null
}

export interface LocalSegment extends LocalCollection {
  readonly segment: ManifestSegment
}

/** By segment; what lies in two indexes counts where it comes first. */
export function findLocalSegments(
  indexes: Iterable<{ local: LocalCollection; segments: readonly ManifestSegment[] }>,
): Map<string, LocalSegment> {
  const found = new Map<string, LocalSegment>()
  for (const { local, segments } of indexes)
    for (const segment of segments)
      if (!segment.isAway && !found.has(segment.id)) found.set(segment.id, { ...local, segment })
  return found
}

/** Segments by the directory that they lie in: an index is asked once for all of its own. */
export function byDirectory(segments: Iterable<LocalSegment>): Map<string, string[]> {
  const grouped = new Map<string, string[]>()
  for (const { directory, segment } of segments) {
    const ids = grouped.get(directory)
    if (ids === undefined) grouped.set(directory, [segment.id])
    else ids.push(segment.id)
  }
  return grouped
}

/** Of the segments that are still there: one may have been merged away since it was found. */
export async function localStatistics(
  host: Pick<IndexHost, 'statistics'>,
  segments: Iterable<LocalSegment>,
  terms: readonly string[],
): Promise<SegmentStatistics[]> {
  const parts: SegmentStatistics[] = []
  for (const [directory, ids] of byDirectory(segments))
    parts.push(...(await host.statistics(directory, terms, ids)))
  return parts
}
