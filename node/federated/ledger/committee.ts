/**
 * Who decides about blocks, in which order, and how many must agree. Drawn by rendezvous hashing, so that everybody who knows the
 * participants knows the committee, and one member more or less changes as little as can be.
 */
import { createHash } from 'node:crypto'
import { encodeCanonical } from './codec.ts'

export interface Committee {
  /**
   * Changes with the committee or its order: a generation. Views are counted anew where it changes, so that the coordinator stays the
   * same within a generation until it fails.
   */
  readonly epoch: number
  /** Peer IDs in the order in which they coordinate: view v belongs to index v mod n. Certificates count by this index. */
  readonly members: readonly string[]
}

/**
 * Peers by falling SHA-256 of the canonical encoding of [domain, ...parts, peer]: the first is the owner, the rest its successors. Every
 * member of the run computes it alike from the same parts.
 */
export function rendezvousOrder(
  domain: string,
  parts: readonly (string | number)[],
  peers: readonly string[],
): string[] {
  const drawn = peers.map((peer) => ({
    peer,
    number: createHash('sha256')
      .update(encodeCanonical([domain, ...parts, peer]))
      .digest('hex'),
  }))
  return drawn.sort((a, b) => (a.number < b.number ? 1 : -1)).map(({ peer }) => peer)
}

/** At most `size` of the participants, drawn once a run; in the order in which they coordinate in this epoch. */
export function drawCommittee(
  run: string,
  epoch: number,
  participants: readonly string[],
  size: number,
): Committee {
  const members = rendezvousOrder('aivillage/rounds/committee/v1', [run], participants).slice(0, size)
  return { epoch, members: rendezvousOrder('aivillage/rounds/coordinator/v1', [run, epoch], members) }
}

/**
 * How many members must vote alike. Up to three, a majority: it stands crashes of ⌊(n − 1) / 2⌋ members and no lie, as three cannot
 * stand one (a lie needs four). From four on more than two thirds: any `faultyOf` members may do whatever they like.
 */
export function quorumOf(members: number): number {
  return members <= 3 ? Math.floor(members / 2) + 1 : Math.floor((members * 2) / 3) + 1
}

/** Most members that may lie without harm: ⌊(n − 1) / 3⌋, none below four. */
export const faultyOf = (members: number): number => Math.max(0, Math.floor((members - 1) / 3))

export function coordinatorOf(committee: Committee, view: number): string {
  return committee.members[view % committee.members.length]!
}
