/**
 * Who keeps the replicas of a segment: weighted rendezvous hashing. Each member draws a number from the hash of its id and the
 * segment's, −w / ln h with h uniform in (0, 1), and the r largest win: a member wins in proportion to its weight, and when it
 * leaves, only what it held moves (Schindelhauer & Schomaker, "Weighted Distributed Hash Tables", 2005, logarithmic method).
 */
import { createHash } from 'node:crypto'

export interface StorageMember {
  /** Base58 peer ID. */
  readonly peer: string
  /** Share of the replicas that it gets, relative to the others: the bytes that it lends. 0: none. */
  readonly weight: number
}

/** All members by preference for a segment, those of weight 0 left out. Every node that knows the members finds the same order. */
export function rankMembers(segment: string, members: readonly StorageMember[]): string[] {
  return members
    .filter(({ weight }) => weight > 0)
    .map(({ peer, weight }) => ({ peer, score: -weight / Math.log(uniformOf(segment, peer)) }))
    .sort((a, b) => b.score - a.score || (a.peer < b.peer ? -1 : 1))
    .map(({ peer }) => peer)
}

/** The first `replicas` of the ranking that have room: `canHold` says so, and a full member passes its turn to the next. */
export function placeReplicas(
  segment: string,
  members: readonly StorageMember[],
  replicas: number,
  canHold: (peer: string) => boolean = () => true,
): string[] {
  return rankMembers(segment, members).filter(canHold).slice(0, replicas)
}

/** Above 0 and below 1: the first 52 bits of SHA-256 of `segment \n peer`, and a half. */
function uniformOf(segment: string, peer: string): number {
  const digest = createHash('sha256').update(`${segment}\n${peer}`).digest()
  const bits = digest.readUInt32BE(0) * 2 ** 20 + (digest.readUInt32BE(4) >>> 12)
  return (bits + 0.5) / 2 ** 52
}
