/** What this node thinks of the members that it asks: who can be asked now, and who has answered with what cannot be true. */
import type { FailedCheck } from '../routing/check-answer.ts'
import {
  afterFailure,
  afterGoodAnswer,
  GOOD_STANDING,
  mayBeAsked,
  type PeerStanding,
} from '../routing/peer-standing.ts'
import type { SegmentHolder } from '../routing/route.ts'
import type { Holding, Holdings } from './holdings.ts'
import type { PeerLinks } from './peer-links.ts'
import { UNKNOWN_LATENCY_MS } from './peer-search.ts'

export interface PeerBook {
  holders(): SegmentHolder[]
  /** Members that can be asked for the segment now. */
  countFor(segment: string): number
  judge(peer: string, failed: FailedCheck | null): void
}

interface Components {
  readonly holdings: Holdings
  readonly links: Pick<PeerLinks, 'latencyMs' | 'load'>
  readonly present: () => ReadonlySet<string>
}

/** A peer that has not answered this many questions hangs, or would refuse another. */
const MAX_LOAD = 8

export function createPeerBook(components: Components, init: { self: string; now: () => number }): PeerBook {
  const { holdings, links, present } = components
  const standings = new Map<string, PeerStanding>()
  /** The sets of holdings as the lists that routing takes: made once for each that was heard. */
  const lists = new WeakMap<Holding, readonly string[]>()

  function listOf(holding: Holding): readonly string[] {
    const known = lists.get(holding)
    if (known !== undefined) return known
    const list = [...holding.segments]
    lists.set(holding, list)
    return list
  }

  function canBeAsked(peer: string): boolean {
    return peer !== init.self && mayBeAsked(standings.get(peer) ?? GOOD_STANDING, init.now())
  }

  return {
    holders() {
      const here = present()
      return [...holdings.peers()].flatMap((peer): SegmentHolder[] => {
        if (!here.has(peer) || !canBeAsked(peer) || links.load(peer) >= MAX_LOAD) return []
        const latencyMs = links.latencyMs(peer) ?? UNKNOWN_LATENCY_MS
        return [
          { peer, segments: listOf(holdings.of(peer)!), latencyMs, load: links.load(peer), isLocal: false },
        ]
      })
    },
    countFor(segment) {
      const here = present()
      return [...holdings.holdersOf(segment)].filter((peer) => here.has(peer) && canBeAsked(peer)).length
    },
    judge(peer, failed) {
      const before = standings.get(peer) ?? GOOD_STANDING
      const after = failed === null ? afterGoodAnswer(before) : afterFailure(before, init.now())
      if (after.failures === 0) standings.delete(peer)
      else standings.set(peer, after)
    },
  }
}
