/** The chunks of a segment nearest to a query: by its graph where it has one, else, or where the graph finds too few, by all its rows. */
import { cosinesOf, exactNearest } from './exact-search.ts'
import { COSINE_ERROR, type Graph } from './graph-file.ts'
import type { Nearest } from './nearest.ts'
import type { VectorFile } from './vector-file.ts'

/**
 * What is smaller is searched exactly, and no graph is made: at the 100 nearest of 512 numbers, and with a graph that finds 98% of the first
 * ten, both take 2 to 3 ms at 20,000 (the bench `rag --only large`).
 */
export const GRAPH_MIN_CHUNKS = 20_000
/** A graph is asked for more than is wanted: what it misses are mostly the last of them. */
const OVERFETCH = 3
const LEAST_FETCHED = 64
/** Beyond this many the walk through the graph costs more than all rows. */
const MOST_FETCHED = 2_000

export interface SearchedVectors {
  readonly vectors: VectorFile | null
  graph(): Graph | null
}

export interface AcceptedChunks {
  /** Null: all. */
  readonly accept: ((chunk: number) => boolean) | null
  /** How many of the chunks it lets through, as far as it is known. */
  readonly accepted: number
}

/** Offers the best `limit` of a segment (and more) to `nearest`, as rows of segment number `segment`. Throws SEGMENT_CORRUPT. */
export function searchVectors(
  searched: SearchedVectors,
  query: Float32Array,
  { accept, accepted }: AcceptedChunks,
  segment: number,
  limit: number,
  nearest: Nearest,
): void {
  const { vectors } = searched
  if (vectors === null) return
  const graph = searched.graph()
  const wanted = Math.min(limit, accepted)
  const found =
    graph === null ? null : searchGraph(graph, query, accept, { wanted, accepted, chunks: vectors.chunks })
  if (found === null) exactNearest(vectors, query, accept, segment, nearest)
  for (const { chunk, cosine } of found ?? []) {
    // Best first: what follows is no better, and reading a row costs more than anything here.
    if (cosine + COSINE_ERROR < nearest.threshold) break
    const [exact] = cosinesOf(vectors, query, [chunk])
    if (exact !== null) nearest.offer({ segment, chunk, cosine: exact! })
  }
}

/** Accepted chunks, best first, at least as many as are wanted; null where it would not pay, or found too few. */
function searchGraph(
  graph: Graph,
  query: Float32Array,
  accept: ((chunk: number) => boolean) | null,
  { wanted, accepted, chunks }: { wanted: number; accepted: number; chunks: number },
): readonly { chunk: number; cosine: number }[] | null {
  const fetched = Math.ceil((Math.max(LEAST_FETCHED, wanted * OVERFETCH) * chunks) / Math.max(1, accepted))
  if (fetched > Math.min(MOST_FETCHED, graph.rows)) return null
  const found = graph
    .search(query, fetched)
    .filter(({ chunk }) => chunk < chunks && (accept === null || accept(chunk)))
  // A condition that the count does not know of (a phrase) may leave too few.
  return found.length < wanted ? null : found
}
