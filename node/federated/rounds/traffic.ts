/** Bytes of the protocol, by run, peer and direction: what taking part costs. */
export interface PeerTraffic {
  readonly inBytes: number
  readonly outBytes: number
}

export interface Traffic {
  count(run: string, peer: string, direction: 'in' | 'out', sizeBytes: number): void
  /** By peer; what was counted before the last restart is in it. */
  of(run: string): Readonly<Record<string, PeerTraffic>>
  restore(run: string, counted: Readonly<Record<string, PeerTraffic>>): void
  forget(run: string): void
}

export function createTraffic(): Traffic {
  const runs = new Map<string, Map<string, { inBytes: number; outBytes: number }>>()
  const peersOf = (run: string) => {
    const known = runs.get(run) ?? new Map()
    runs.set(run, known)
    return known
  }
  return {
    count(run, peer, direction, sizeBytes) {
      const peers = peersOf(run)
      const counted = peers.get(peer) ?? { inBytes: 0, outBytes: 0 }
      peers.set(peer, counted)
      counted[direction === 'in' ? 'inBytes' : 'outBytes'] += sizeBytes
    },
    of: (run) =>
      Object.fromEntries([...(runs.get(run) ?? [])].map(([peer, counted]) => [peer, { ...counted }])),
    restore(run, counted) {
      for (const [peer, { inBytes, outBytes }] of Object.entries(counted))
        peersOf(run).set(peer, { inBytes, outBytes })
    },
    forget: (run) => void runs.delete(run),
  }
}
