/**
 * What a member does about the replicas of a segment: every member decides for itself from what all know, and as what they
 * know converges, so do the copies.
 */
import { type Draw, placeReplicas, type StorageMember } from './placement.ts'
import { canBeAsked, countsForPlacement, type Presence } from './presence.ts'

export interface ReplicaMember extends StorageMember {
  readonly presence: Presence
  /** What it still has room for. */
  readonly freeBytes: number
}

export interface PlannedSegment {
  readonly segment: string
  readonly sizeBytes: number
  /** Copies wanted, from 1. The owner's own copy is none of them. */
  readonly replicas: number
  /** Never holds a replica of its own segment; null when the owner's copy counts as that of any member (a spread collection). */
  readonly owner: string | null
  /** Members that say they hold it. */
  readonly holders: ReadonlySet<string>
  /** Members whose word on this segment does not count: they failed a check, or did not show what they say they hold. */
  readonly doubted?: ReadonlySet<string>
}

export interface ReplicaPlan {
  /** Who shall hold it, best first. */
  readonly wanted: readonly string[]
  /** Who would be, if one of them were not: it looks after them. Null: nobody is left. */
  readonly next: string | null
  /** Of these, who has it not: these fetch it. */
  readonly fetch: readonly string[]
  /** Who may remove its copy: it is not wanted, and all that are wanted are there and have it. */
  readonly drop: readonly string[]
  /** Copies that can be asked now; one that is doubted is none. */
  readonly live: number
}

/**
 * A full member passes its turn to the next; one that holds the segment already needs no room for it. A doubted one is no holder and
 * gets no turn: its place goes to the next, so that a copy too many is the worst that a wrong doubt costs.
 */
export function planReplicas(
  segment: PlannedSegment,
  members: readonly ReplicaMember[],
  draw?: Draw,
): ReplicaPlan {
  const isDoubted = (peer: string) => segment.doubted?.has(peer) === true
  const holders = new Set([...segment.holders].filter((peer) => !isDoubted(peer)))
  const byPeer = new Map(members.map((member) => [member.peer, member]))
  const eligible = members.filter(
    ({ peer, presence }) => peer !== segment.owner && !isDoubted(peer) && countsForPlacement(presence),
  )
  const ranked = placeReplicas(
    segment.segment,
    eligible,
    segment.replicas + 1,
    (peer) => holders.has(peer) || byPeer.get(peer)!.freeBytes >= segment.sizeBytes,
    draw,
  )
  const wanted = ranked.slice(0, segment.replicas)
  const isLive = (peer: string) => {
    const member = byPeer.get(peer)
    return member !== undefined && canBeAsked(member.presence)
  }
  const holds = (peer: string) => holders.has(peer)
  // One that returns will be wanted again when it has stayed: it keeps what it has till then.
  const maySpare = (peer: string) => peer !== segment.owner && byPeer.get(peer)?.presence.state === 'present'
  const isComplete = wanted.length >= segment.replicas && wanted.every((peer) => holds(peer) && isLive(peer))
  return {
    wanted,
    next: ranked[segment.replicas] ?? null,
    fetch: wanted.filter((peer) => !holds(peer) && isLive(peer)),
    drop: isComplete ? [...holders].filter((peer) => maySpare(peer) && !wanted.includes(peer)).sort() : [],
    live: [...holders].filter(isLive).length,
  }
}
