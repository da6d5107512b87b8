/** Who is connected, as people and programs see it. */
import type { Connection } from '@libp2p/interface'
import type { Capabilities, CapabilityBoard } from './capabilities.ts'
import type { Membership } from './membership/membership.ts'
import type { Role } from './membership/records.ts'

export interface PeerInfo {
  peer: string
  name: string
  role: Role
  /** Where it can be dialled, with /p2p/; empty while nobody knows. */
  addresses: string[]
  direction: 'inbound' | 'outbound'
  relayed: boolean
  connectedAtMs: number
  /** Round trip of the last keep-alive, every 20 s; null before the first. */
  latencyMs: number | null
  capabilities: Capabilities | null
}

type Components = { membership: Membership; board: CapabilityBoard }

/** The far end of an inbound connection is a port that nobody listens on: what the peer says of itself counts then. */
function dialable(board: CapabilityBoard, peer: string, connections: readonly Connection[]): string[] {
  const dialled = connections.filter(({ direction }) => direction === 'outbound')
  const known = [
    ...dialled.map(({ remoteAddr }) => remoteAddr.toString()),
    ...board.addressesOf(peer).map((address) => `${address}/p2p/${peer}`),
  ]
  return [...new Set(known)]
}

function describePeer(
  { membership, board }: Components,
  peer: string,
  connections: readonly Connection[],
): PeerInfo | null {
  const role = membership.roleOf(peer)
  const [first] = connections
  if (role === null || first === undefined) return null
  const best = connections.find((connection) => connection.direct) ?? first
  return {
    peer,
    name: membership.village()?.roster.standing().members.get(peer)?.name ?? '',
    role,
    addresses: dialable(board, peer, connections),
    direction: best.direction,
    relayed: !best.direct,
    connectedAtMs: Math.min(...connections.map((connection) => connection.timeline.open)),
    latencyMs: best.rtt ?? null,
    capabilities: board.of(peer),
  }
}

/** One entry a peer, however many connections it has. */
export function describePeers(components: Components, connections: readonly Connection[]): PeerInfo[] {
  const byPeer = new Map<string, Connection[]>()
  for (const connection of connections) {
    const peer = connection.remotePeer.toString()
    byPeer.set(peer, [...(byPeer.get(peer) ?? []), connection])
  }
  return [...byPeer].flatMap(([peer, own]) => describePeer(components, peer, own) ?? [])
}
