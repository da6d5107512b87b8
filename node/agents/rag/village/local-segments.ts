/** The segments that lie on this node: those of its own collections, and replicas of others'. */
import type { AskOptions, IndexHost } from '../index/index-host.ts'
import type { ManifestSegment } from '../index/manifest.ts'
import type { ChunkReference, SearchOutcome, SegmentStatistics, StoredChunk } from '../search-types.ts'
import { inCollection, inIndex, segmentKey } from './segment-key.ts'

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

/** By key. */
export function findLocalSegments(
  indexes: Iterable<{ local: LocalCollection; segments: readonly ManifestSegment[] }>,
): Map<string, LocalSegment> {
  const found = new Map<string, LocalSegment>()
  for (const { local, segments } of indexes)
    for (const segment of segments)
      if (!segment.isAway) found.set(segmentKey(local.collection, segment.id), { ...local, segment })
  return found
}

export interface LocalGroup extends LocalCollection {
  /** As the index calls them. */
  readonly ids: readonly string[]
  readonly chunks: number
}

/** Segments by the collection that they are of: an index is asked once for all of its own. */
export function byCollection(segments: Iterable<LocalSegment>): LocalGroup[] {
  return [...Map.groupBy(segments, ({ collection }) => collection).values()].map((group) => {
    const { collection, directory, isOwn, encoder } = group[0]!
    const ids = group.map(({ segment }) => segment.id)
    const chunks = group.reduce((sum, { segment }) => sum + segment.chunks, 0)
    return { collection, directory, isOwn, encoder, ids, chunks }
  })
}

/** Of the segments that are still there, by key: one may have been merged away since it was found. */
export async function localStatistics(
  host: Pick<IndexHost, 'statistics'>,
  segments: Iterable<LocalSegment>,
  terms: readonly string[],
  asker: AskOptions = {},
): Promise<SegmentStatistics[]> {
  const parts: SegmentStatistics[] = []
  for (const { collection, directory, ids } of byCollection(segments))
    parts.push(...inCollection(collection, await host.statistics(directory, terms, ids, asker)))
  return parts
}

/** What an index found, as what its collection says. */
export function outcomeIn(collection: string, { lexical, vectors }: SearchOutcome): SearchOutcome {
  return { lexical: inCollection(collection, lexical), vectors: inCollection(collection, vectors) }
}

/** References and passages by key, in no order; what is not `here`, or not there any more, is left out. */
export async function localChunks(
  host: Pick<IndexHost, 'chunks'>,
  here: (key: string) => LocalSegment | null,
  references: readonly ChunkReference[],
  asker: AskOptions = {},
): Promise<StoredChunk[]> {
  const groups = new Map<string, { directory: string; asked: ChunkReference[] }>()
  for (const reference of references) {
    const local = here(reference.segment)
    if (local === null) continue
    const group = groups.get(local.collection)
    if (group === undefined) groups.set(local.collection, { directory: local.directory, asked: [reference] })
    else group.asked.push(reference)
  }
  const found: StoredChunk[] = []
  for (const [collection, { directory, asked }] of groups) {
    const chunks = await host.chunks(directory, inIndex(asked), asker)
    found.push(
      ...inCollection(
        collection,
        chunks.filter((chunk) => chunk !== null),
      ),
    )
  }
  return found
}
