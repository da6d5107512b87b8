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

/** ln h of a segment and a member. */
export type Draw = (segment: string, peer: string) => number

interface Ranked {
  readonly peer: string
  readonly score: number
}

const byRank = (a: Ranked, b: Ranked) => b.score - a.score || (a.peer < b.peer ? -1 : 1)

/** All members by preference for a segment, those of weight 0 left out. Every node that knows the members finds the same order. */
export function rankMembers(segment: string, members: readonly StorageMember[]): string[] {
  return placeReplicas(segment, members, members.length)
}

/** The first `replicas` of the ranking that have room: `canHold` says so, and a full member passes its turn to the next. */
export function placeReplicas(
  segment: string,
  members: readonly StorageMember[],
  replicas: number,
  canHold: (peer: string) => boolean = () => true,
  draw: Draw = drawOf,
): string[] {
  if (replicas === members.length)
    return members
      .filter(({ peer, weight }) => weight > 0 && canHold(peer))
      .map(({ peer, weight }) => ({ peer, score: -weight / draw(segment, peer) }))
      .sort(byRank)
      .map(({ peer }) => peer)
  // The few best of many: sorting all of them would cost more than finding these.
  const best: Ranked[] = []
  for (const { peer, weight } of members) {
    if (weight <= 0) continue
    const ranked = { peer, score: -weight / draw(segment, peer) }
    const last = best[replicas - 1]
    if ((last !== undefined && byRank(last, ranked) < 0) || replicas <= 0 || !canHold(peer)) continue
    let at = best.length
    while (at > 0 && byRank(ranked, best[at - 1]!) < 0) at -= 1
    best.splice(at, 0, ranked)
    if (best.length > replicas) best.pop()
  }
  return best.map(({ peer }) => peer)
}

/** h is above 0 and below 1: the first 52 bits of SHA-256 of `segment \n peer`, and a half. */
export const drawOf: Draw = (segment, peer) => {
  const digest = createHash('sha256').update(`${segment}\n${peer}`).digest()
  const bits = digest.readUInt32BE(0) * 2 ** 20 + (digest.readUInt32BE(4) >>> 12)
  return Math.log((bits + 0.5) / 2 ** 52)
}

/** 16 MiB. */
const MAX_DRAWS = 2 * 2 ** 20
/** What is kept is given up when so many times as many were asked for and not there. */
const MISSES_BY_DRAW = 8

/**
 * Draws that are remembered, so that who looks at all segments again and again does not hash all pairs each time. Beyond `maxDraws` of them
 * they are made anew.
 */
export function createDraws({ maxDraws = MAX_DRAWS }: { maxDraws?: number } = {}): Draw {
  const columns = new Map<string, number>()
  const rows = new Map<string, Float64Array>()
  let kept = 0
  let misses = 0

  function forget(): void {
    rows.clear()
    columns.clear()
    kept = 0
    misses = 0
  }

  function rowFor(segment: string, column: number): Float64Array | null {
    const row = rows.get(segment)
    if (row !== undefined && column < row.length) return row
    // Members come a few at a time: room for some more.
    const length = Math.max(column + 1, Math.ceil(columns.size * 1.1) + 4)
    const more = length - (row?.length ?? 0)
    if (kept + more > maxDraws) {
      misses += 1
      // Of segments and members that are gone nothing would ever leave otherwise.
      if (misses > MISSES_BY_DRAW * maxDraws) forget()
      return null
    }
    kept += more
    const grown = new Float64Array(length)
    grown.set(row ?? [])
    rows.set(segment, grown)
    return grown
  }

  return (segment, peer) => {
    let column = columns.get(peer)
    if (column === undefined) {
      column = columns.size
      columns.set(peer, column)
    }
    const row = rowFor(segment, column)
    // No logarithm of a number below 1 is 0.
    const known = row?.[column] ?? 0
    if (known !== 0) return known
    const made = drawOf(segment, peer)
    if (row !== null) row[column] = made
    return made
  }
}
