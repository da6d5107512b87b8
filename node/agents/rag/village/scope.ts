/** What a search runs over: the segments of the collections that it asks, each with who can answer for it. */
import type { Sketch } from '../routing/read-sketch.ts'
import type { ChunkReference, SearchOutcome } from '../search-types.ts'
import type { LocalSegment } from './local-segments.ts'
import { segmentIn } from './segment-key.ts'

export interface ScopeSegment {
  /** Its key: the same segment may be in several collections. */
  readonly id: string
  /** Of its collection: `name` or `name@peer`. */
  readonly collection: string
  /** Peer ID: its word on the segment is the last. */
  readonly owner: string
  /** Length of its vectors, or null. */
  readonly dims: number | null
  /** Model of its vectors, or null. */
  readonly encoder: string | null
  readonly chunks: number
  /** Terms in all its chunks. */
  readonly totalLength: number
  /** Chunks that its owner has deleted: a holder may not have heard of it yet. */
  readonly deletions: ReadonlySet<number>
  /** Null where it lies with others only. */
  readonly local: LocalSegment | null
  /** Null until it has come. Till then a segment that lies with others is not searched: nobody could check what is said of it. */
  readonly sketch: Sketch | null
}

/** One that others can be asked for. */
export interface AskedSegment extends ScopeSegment {
  readonly local: null
  readonly sketch: Sketch
}

export function canBeAskedFor(segment: ScopeSegment): segment is AskedSegment {
  return segment.local === null && segment.sketch !== null
}

/** Without what the owners of the collections have deleted. */
export function onlyLive(
  scope: ReadonlyMap<string, ScopeSegment>,
  { lexical, vectors }: SearchOutcome,
): SearchOutcome {
  const isLive = ({ segment, chunk }: ChunkReference) => scope.get(segment)?.deletions.has(chunk) !== true
  return { lexical: lexical.filter(isLive), vectors: vectors.filter(isLive) }
}

/** The key of a segment: of one that is named by its id alone, in the first collection that has it. */
export function keyIn(scope: ReadonlyMap<string, ScopeSegment>, segment: string): string {
  if (scope.has(segment)) return segment
  for (const key of scope.keys()) if (segmentIn(key) === segment) return key
  return segment
}

/** By key. */
export function scopeOf(segments: Iterable<ScopeSegment>): ReadonlyMap<string, ScopeSegment> {
  return new Map([...segments].map((segment) => [segment.id, segment]))
}
