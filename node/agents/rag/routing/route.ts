/**
 * Whom to ask: from the sketches of all segments and from who holds them, the few peers that are worth a question, and which
 * of their segments each is asked for. Each segment is asked for once; its other holders stand by for when a peer is slow.
 */
import type { LexicalQuery } from '../search-types.ts'
import type { Sketch } from './read-sketch.ts'
import { valueSegments } from './segment-value.ts'

export interface RoutedSegment {
  readonly segment: string
  readonly sketch: Sketch
}

export interface SegmentHolder {
  /** Base58 peer ID. */
  readonly peer: string
  /** Ids of segments that it holds and would answer for now. */
  readonly segments: readonly string[]
  /** Expected time of an answer; 0 for this node. */
  readonly latencyMs: number
  /** Questions that it is answering, from 0. */
  readonly load: number
  /** This node itself: asked for all that it holds, and not counted. */
  readonly isLocal: boolean
}

export interface RouteQuery {
  /** Null: only vectors are asked for, and every segment may have near ones. */
  readonly lexical: LexicalQuery | null
  /** A segment without a term of the query still has the nearest vectors that it has. */
  readonly hasVector: boolean
}

export interface RouteOptions {
  /** Peers asked besides this node. */
  readonly maxPeers: number
}

export interface Question {
  readonly peer: string
  readonly segments: readonly string[]
}

export interface Route {
  /** This node first, then the most promising. */
  readonly ask: readonly Question[]
  /** By segment that is asked for: who else holds it, the quickest first. */
  readonly standby: ReadonlyMap<string, readonly string[]>
  /** Cannot hold what the query asks for: nothing is missing without them. */
  readonly irrelevant: readonly string[]
  /** May hold something, but less than those asked, by the sketches. */
  readonly skipped: readonly string[]
  /** Nobody that holds them can be asked. */
  readonly missing: readonly string[]
}

/** Pure and deterministic: ties go to the smaller id. `holders` lists who can be asked now, each peer once. */
export function choosePeers(
  segments: readonly RoutedSegment[],
  holders: readonly SegmentHolder[],
  query: RouteQuery,
  options: RouteOptions,
): Route {
  const values = valueSegments(segments, query)
  const held = new Map<string, SegmentHolder[]>()
  for (const holder of holders)
    for (const segment of holder.segments) {
      const others = held.get(segment)
      if (others) others.push(holder)
      else held.set(segment, [holder])
    }

  const relevant = segments.filter(({ segment }) => values.has(segment)).map(({ segment }) => segment)
  const reachable = relevant.filter((segment) => held.has(segment))
  const chosen = chooseHolders(reachable, values, held, options.maxPeers)
  const chosenPeers = new Set(chosen.map(({ peer }) => peer))

  const questions = new Map<string, string[]>(chosen.map(({ peer }) => [peer, []]))
  const standby = new Map<string, readonly string[]>()
  const skipped: string[] = []
  for (const segment of byValue(reachable, values)) {
    const able = held.get(segment)!.toSorted(bySpeed)
    const candidates = able.filter(({ peer }) => chosenPeers.has(peer))
    if (candidates.length === 0) {
      skipped.push(segment)
      continue
    }
    const first = candidates.reduce((best, other) =>
      cost(other, questions.get(other.peer)!.length) < cost(best, questions.get(best.peer)!.length)
        ? other
        : best,
    )
    questions.get(first.peer)!.push(segment)
    standby.set(
      segment,
      able.filter(({ peer }) => peer !== first.peer).map(({ peer }) => peer),
    )
  }

  return {
    ask: chosen
      .map(({ peer }) => ({ peer, segments: questions.get(peer)! }))
      .filter((question) => question.segments.length > 0),
    standby,
    irrelevant: segments.filter(({ segment }) => !values.has(segment)).map(({ segment }) => segment),
    skipped,
    missing: relevant.filter((segment) => !held.has(segment)),
  }
}

/** Greedy: again and again the peer whose segments, without those already covered, promise most. */
function chooseHolders(
  segments: readonly string[],
  values: ReadonlyMap<string, number>,
  held: ReadonlyMap<string, readonly SegmentHolder[]>,
  maxPeers: number,
): SegmentHolder[] {
  const offers = new Map<SegmentHolder, string[]>()
  for (const segment of segments)
    for (const holder of held.get(segment)!) {
      const offer = offers.get(holder)
      if (offer) offer.push(segment)
      else offers.set(holder, [segment])
    }
  const covered = new Set<string>()
  const chosen: SegmentHolder[] = []
  const take = (holder: SegmentHolder) => {
    chosen.push(holder)
    for (const segment of offers.get(holder)!) covered.add(segment)
    offers.delete(holder)
  }
  for (const holder of [...offers.keys()].filter(({ isLocal }) => isLocal)) take(holder)

  for (let left = maxPeers; left > 0; left--) {
    let best: SegmentHolder | null = null
    let bestGain = 0
    for (const [holder, offer] of offers) {
      let gain = 0
      for (const segment of offer) if (!covered.has(segment)) gain += values.get(segment)!
      if (gain > bestGain || (gain === bestGain && gain > 0 && best !== null && bySpeed(holder, best) < 0)) {
        best = holder
        bestGain = gain
      }
    }
    if (best === null) break
    take(best)
  }
  return chosen
}

function byValue(segments: readonly string[], values: ReadonlyMap<string, number>): string[] {
  return segments.toSorted((a, b) => values.get(b)! - values.get(a)! || (a < b ? -1 : 1))
}

function bySpeed(a: SegmentHolder, b: SegmentHolder): number {
  return cost(a, 0) - cost(b, 0) || (a.peer < b.peer ? -1 : 1)
}

/** Time until an answer: every question that a peer already has delays it by its usual time. */
function cost(holder: SegmentHolder, asked: number): number {
  return holder.isLocal ? -1 : holder.latencyMs * (1 + holder.load + asked)
}
