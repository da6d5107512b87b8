/** A segment as the manifest has it: open, with its deletions, its vectors and what is kept for searching it. */

import { openSegment } from '../segment/open-segment.ts'
import type { Segment } from '../segment/segment.ts'
import { type Graph, openGraph, readNote } from '../vectors/graph-file.ts'
import { GRAPH_MIN_CHUNKS } from '../vectors/search-vectors.ts'
import { openVectorFile, type VectorFile } from '../vectors/vector-file.ts'
import { createDocumentFilter, type DocumentFilter } from './filter-documents.ts'
import type { ManifestSegment } from './manifest.ts'
import { type Bits, hasBit, readTombstones } from './tombstones.ts'

export interface LiveSegment {
  readonly entry: ManifestSegment
  readonly segment: Segment
  /** By chunk; null: none. */
  readonly deleted: Bits | null
  readonly filter: DocumentFilter
  /** Null where it has none, and where its chunks are away. */
  readonly vectors: VectorFile | null
  /** Null as long as there is none, or none that is what its note says. */
  graph(): Graph | null
  /** The same segment under a newer row of the manifest: its files stay open. */
  renewed(entry: ManifestSegment): LiveSegment
  close(): void
}

/** Throws SEGMENT_CORRUPT, SEGMENT_VERSION_UNSUPPORTED, INDEX_CORRUPT. */
export function openLiveSegment(directory: string, entry: ManifestSegment): LiveSegment {
  const segment = openSegment(directory, entry.id)
  const { chunks, dims } = segment.header
  const filter = createDocumentFilter(segment)
  const vectors =
    dims !== null && !entry.isAway ? openVectorFile(directory, entry.id, { chunks, dims }) : null
  let graph: Graph | null = null
  /** Hash of the graph that was not what its note says: not hashed again until the writer has made another. */
  let refused: string | null = null

  function findGraph(): Graph | null {
    if (graph !== null || dims === null || chunks < GRAPH_MIN_CHUNKS) return graph
    const note = readNote(directory, entry.id)
    if (note === null || note.sha256 === refused) return null
    graph = openGraph(directory, entry.id, dims)
    if (graph === null) refused = note.sha256
    return graph
  }

  const as = (row: ManifestSegment, deleted: Bits | null): LiveSegment => ({
    entry: row,
    segment,
    deleted,
    filter,
    vectors,
    graph: findGraph,
    renewed: (next) =>
      as(
        next,
        next.tombstones === row.tombstones ? deleted : readTombstones(directory, next.tombstones, chunks),
      ),
    close() {
      segment.close()
      vectors?.close()
    },
  })
  try {
    return as(entry, readTombstones(directory, entry.tombstones, chunks))
  } catch (error) {
    segment.close()
    throw error
  }
}

export const isDeleted = (live: Pick<LiveSegment, 'deleted'>, chunk: number): boolean =>
  live.deleted !== null && hasBit(live.deleted, chunk)
