/** What a search runs over: the segments of the collections that it asks, each with who can answer for it. */
import type { Sketch } from '../routing/read-sketch.ts'
import type { LocalSegment } from './local-segments.ts'

export interface ScopeSegment {
  readonly id: string
  /** Of its collection: `name` or `name@peer`. */
  readonly collection: string
  /** Model of its vectors, or null. */
  readonly encoder: string | null
  readonly chunks: number
  /** Terms in all its chunks. */
  readonly totalLength: number
  /** Chunks that its owner has deleted: a holder may not have heard of it yet. */
  readonly deletions: ReadonlySet<number>
  /** Null where it lies with others only. */
  readonly local: LocalSegment | null
  /** A blind one until its own has come. */
  readonly sketch: Sketch
}

/** Stands for a sketch that is not here: any term may be in the segment, in any number of its chunks. */
export function blindSketch(totals: { chunks: number; totalLength: number }): Sketch {
  const anything = { dfLow: 0, dfHigh: totals.chunks, maxImpact: 1 }
  return {
    ...totals,
    terms: 0,
    sizeBytes: 0,
    falseMatchRate: 1,
    estimate: () => anything,
    estimateHash: () => anything,
  }
}

/** Each segment once: what is this node's own comes first. */
export function scopeOf(segments: Iterable<ScopeSegment>): ReadonlyMap<string, ScopeSegment> {
  const scope = new Map<string, ScopeSegment>()
  for (const segment of segments) if (!scope.has(segment.id)) scope.set(segment.id, segment)
  return scope
}
