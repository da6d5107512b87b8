/**
 * What this node thinks of the members that it asks: who can be asked now, and who has answered with what cannot be true. What a sketch or
 * a segment is the measure of counts for the collections of that owner alone: an owner who lies in them makes honest holders look like
 * liars, and must not silence them for anything else.
 */
import type { FailedCheck } from '../routing/check-answer.ts'
import {
  afterDoubt,
  afterFailure,
  afterGoodAnswer,
  afterRefusal,
  GOOD_STANDING,
  isTrusted,
  mayBeAsked,
  type PeerStanding,
  slownessOf,
} from '../routing/peer-standing.ts'
import type { SegmentHolder } from '../routing/route.ts'
import type { Holding, Holdings } from './holdings.ts'
import type { PeerLinks } from './peer-links.ts'
import { UNKNOWN_LATENCY_MS } from './peer-search.ts'

export interface PeerBook {
  holders(): SegmentHolder[]
  /** Members that can be asked for the segment (its key) now. */
  countFor(segment: string): number
  /** An answer about the segments (keys) passed all checks, or one failed. */
  judge(peer: string, failed: FailedCheck | null, segments: readonly string[]): void
  /** An answer seemed to leave something out of the segments. */
  doubt(peer: string, segments: readonly string[]): void
  /** The peer said that it has no time. */
  refused(peer: string): void
  /** False: it has failed a check, and not made up for it. Its word that it holds the segment (its key) does not count. */
  isTrusted(peer: string, segment: string): boolean
}

interface Components {
  readonly holdings: Holdings
  readonly links: Pick<PeerLinks, 'latencyMs' | 'load'>
  readonly present: () => ReadonlySet<string>
  /** Peer ID of who has published the segment, by its key; null where nobody has. */
  readonly ownerOf: (segment: string) => string | null
}

/** A peer that has not answered this many questions hangs, or would refuse another. */
const MAX_LOAD = 8

/** Against the protocol, whatever the segments are. */
const isOwnFault = ({ check, segment }: FailedCheck): boolean =>
  check === 'count' || (segment === null && (check === 'segments' || check === 'score'))

export function createPeerBook(components: Components, init: { self: string; now: () => number }): PeerBook {
  const { holdings, links, present, ownerOf } = components
  /** By peer: of what is its own fault; and by owner, of what it says of that owner's segments. */
  const standings = new Map<string, PeerStanding>()
  const aboutOwners = new Map<string, Map<string, PeerStanding>>()
  /** The sets of holdings as the lists that routing takes: made once for each that was heard. */
  const lists = new WeakMap<Holding, readonly string[]>()

  function listOf(holding: Holding): readonly string[] {
    const known = lists.get(holding)
    if (known !== undefined) return known
    const list = [...holding.segments]
    lists.set(holding, list)
    return list
  }

  const isGood = ({ failures, refusals, doubts, pausedUntilMs }: PeerStanding) =>
    failures === 0 && refusals === 0 && doubts === 0 && init.now() >= pausedUntilMs

  const standingOf = (peer: string) => standings.get(peer) ?? GOOD_STANDING

  function set(peer: string, standing: PeerStanding): void {
    if (isGood(standing)) standings.delete(peer)
    else standings.set(peer, standing)
  }

  /** Of the peer's word on segments of that owner; of what is nobody's any more nothing is kept. */
  function aboutOf(peer: string, owner: string | null): PeerStanding {
    if (owner === null) return GOOD_STANDING
    if (owner === peer) return standingOf(peer)
    return aboutOwners.get(peer)?.get(owner) ?? GOOD_STANDING
  }

  function setAbout(peer: string, owner: string | null, standing: PeerStanding): void {
    if (owner === null) return
    if (owner === peer) {
      set(peer, standing)
      return
    }
    const owners = aboutOwners.get(peer) ?? new Map<string, PeerStanding>()
    if (isGood(standing)) owners.delete(owner)
    else owners.set(owner, standing)
    if (owners.size === 0) aboutOwners.delete(peer)
    else aboutOwners.set(peer, owners)
  }

  function change(
    peer: string,
    segments: readonly string[],
    to: (standing: PeerStanding) => PeerStanding,
  ): void {
    for (const owner of new Set(segments.map(ownerOf))) setAbout(peer, owner, to(aboutOf(peer, owner)))
  }

  const canBeAsked = (peer: string) => peer !== init.self && mayBeAsked(standingOf(peer), init.now())

  const canBeAskedFor = (peer: string, segment: string) =>
    canBeAsked(peer) && mayBeAsked(aboutOf(peer, ownerOf(segment)), init.now())

  /** What it can be asked for now. */
  function segmentsOf(peer: string): readonly string[] {
    const all = listOf(holdings.of(peer)!)
    const isClear = [...(aboutOwners.get(peer)?.values() ?? [])].every((one) => mayBeAsked(one, init.now()))
    return isClear ? all : all.filter((segment) => canBeAskedFor(peer, segment))
  }

  return {
    holders() {
      const here = present()
      return [...holdings.peers()].flatMap((peer): SegmentHolder[] => {
        if (!here.has(peer) || !canBeAsked(peer) || links.load(peer) >= MAX_LOAD) return []
        const latencyMs = (links.latencyMs(peer) ?? UNKNOWN_LATENCY_MS) * slownessOf(standingOf(peer))
        const load = links.load(peer)
        return [{ peer, segments: segmentsOf(peer), latencyMs, load, isLocal: false }]
      })
    },
    countFor(segment) {
      const here = present()
      return [...holdings.holdersOf(segment)].filter((peer) => here.has(peer) && canBeAskedFor(peer, segment))
        .length
    },
    judge(peer, failed, segments) {
      if (failed === null) {
        set(peer, afterGoodAnswer(standingOf(peer)))
        for (const owner of new Set(segments.map(ownerOf)))
          if (owner !== peer) setAbout(peer, owner, afterGoodAnswer(aboutOf(peer, owner)))
      } else if (isOwnFault(failed)) set(peer, afterFailure(standingOf(peer), init.now()))
      else {
        const about = failed.segment === null ? segments : [failed.segment]
        // It may have heard of a deletion before this node has.
        if (failed.check === 'omitted') change(peer, about, (one) => afterDoubt(one, 2, init.now()))
        else change(peer, about, (one) => afterFailure(one, init.now()))
      }
    },
    doubt: (peer, segments) => change(peer, segments, (one) => afterDoubt(one, 1, init.now())),
    refused: (peer) => set(peer, afterRefusal(standingOf(peer))),
    isTrusted: (peer, segment) => isTrusted(standingOf(peer)) && isTrusted(aboutOf(peer, ownerOf(segment))),
  }
}
