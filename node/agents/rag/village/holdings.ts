/** Which member holds which segments, by its own word, and how much it lends to the segments of others. */
import { createHash } from 'node:crypto'

export interface Holding {
  /** Keys. */
  readonly segments: ReadonlySet<string>
  readonly capacityBytes: number
  readonly usedBytes: number
}

export interface Holdings {
  set(peer: string, holding: Holding): void
  of(peer: string): Holding | null
  /** Peers that say they hold it, whether they are here or not. */
  holdersOf(segment: string): ReadonlySet<string>
  peers(): Iterable<string>
  forget(peer: string): void
  clear(): void
}

const NONE: ReadonlySet<string> = new Set()

export function createHoldings(): Holdings {
  const byPeer = new Map<string, Holding>()
  const bySegment = new Map<string, Set<string>>()

  function forget(peer: string): void {
    for (const segment of byPeer.get(peer)?.segments ?? []) {
      const peers = bySegment.get(segment)
      peers?.delete(peer)
      if (peers?.size === 0) bySegment.delete(segment)
    }
    byPeer.delete(peer)
  }

  return {
    set(peer, holding) {
      forget(peer)
      byPeer.set(peer, holding)
      for (const segment of holding.segments) {
        const peers = bySegment.get(segment)
        if (peers === undefined) bySegment.set(segment, new Set([peer]))
        else peers.add(peer)
      }
    },
    of: (peer) => byPeer.get(peer) ?? null,
    holdersOf: (segment) => bySegment.get(segment) ?? NONE,
    peers: () => byPeer.keys(),
    forget,
    clear() {
      byPeer.clear()
      bySegment.clear()
    },
  }
}

/** SHA-256 over the keys of what is held and the capacity, so that a change of either is noticed. */
export function holdingDigest(held: { segments: Iterable<string>; capacityBytes: number }): Uint8Array {
  const digest = createHash('sha256').update(`${held.capacityBytes}\n`)
  for (const segment of [...held.segments].sort()) digest.update(segment, 'hex')
  return digest.digest()
}
