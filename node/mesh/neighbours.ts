/**
 * Two nodes that are connected tell each other what they lend and where other members are, so that one who knows a
 * single address finds the others at once: gossip needs neighbours first, and multicast DNS ends at the router.
 */
import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import type { Log } from '../log.ts'
import type { CapabilityBoard } from './capabilities.ts'
import type { FramedStream } from './framed-stream.ts'
import type { Host } from './host.ts'
import { MAX_NEIGHBOURS, NEIGHBOURS_PROTOCOL, type Neighbour, Neighbours } from './protocols/neighbours.ts'
import type { ProtocolSpec } from './protocols/spec.ts'
import type { StreamHandler } from './streams.ts'

/** Peers that are no members as far as this node knows (it may not have heard yet) and whose addresses it takes on hearsay. */
const MAX_UNKNOWN = 256
/** An honest peer has a few addresses; beyond this nothing is added on hearsay. */
const MAX_KNOWN_ADDRESSES = 64

export interface NeighbourExchange {
  readonly spec: ProtocolSpec
  readonly handler: StreamHandler
  /** Asks a connected peer; what it says goes to the peer store and the capability board. */
  run(stream: FramedStream): Promise<void>
  attach(host: Host | null): void
}

/** Picks `count` of `items` without preference. `random` is in [0, 1). */
export function sample<T>(items: readonly T[], count: number, random: () => number): T[] {
  const pool = [...items]
  const picked: T[] = []
  while (picked.length < count && pool.length > 0)
    picked.push(...pool.splice(Math.floor(random() * pool.length), 1))
  return picked
}

/** What a peer says of itself: added to what is known, or in its place when that has become far too much. */
export async function learnAddresses(
  peerStore: Host['peerStore'],
  id: PeerId,
  multiaddrs: Multiaddr[],
): Promise<void> {
  const known = (await peerStore.has(id)) ? (await peerStore.get(id)).addresses.length : 0
  if (known < MAX_KNOWN_ADDRESSES) await peerStore.merge(id, { multiaddrs })
  else await peerStore.patch(id, { multiaddrs })
}

export function createNeighbourExchange(
  components: { log: Log; board: CapabilityBoard },
  init: { members: () => Iterable<string>; isMember: (peer: string) => boolean; random?: () => number },
): NeighbourExchange {
  const { log, board } = components
  const random = init.random ?? Math.random
  let host: Host | null = null
  const unknown = new Set<string>()

  /** Whether there is room for what is said of a peer: the peer store is kept on the disk and never asks whose it is. */
  async function mayLearn(peerStore: Host['peerStore'], id: PeerId): Promise<boolean> {
    const peer = id.toString()
    if (!init.isMember(peer)) {
      if (!unknown.has(peer) && unknown.size >= MAX_UNKNOWN) return false
      unknown.add(peer)
    }
    if (!(await peerStore.has(id))) return true
    return (await peerStore.get(id)).addresses.length < MAX_KNOWN_ADDRESSES
  }

  /** From the board, not the peer store: that takes a lock and a read for each peer. */
  function known(except: string): Neighbour[] {
    if (host === null) return []
    const self = host.peerId.toString()
    const connected = new Set(host.getPeers().map(String))
    const others = [...init.members()].filter((peer) => !connected.has(peer))
    // Connected ones first: their addresses work now.
    return [...sample([...connected], connected.size, random), ...sample(others, MAX_NEIGHBOURS, random)]
      .filter((peer) => peer !== except && peer !== self)
      .map((peer) => ({ peer: peerIdFromString(peer), addresses: board.addressesOf(peer) }))
      .filter(({ addresses }) => addresses.length > 0)
      .slice(0, MAX_NEIGHBOURS)
      .map(({ peer, addresses }) => ({
        peer: peer.toMultihash().bytes,
        addresses: addresses.map((address) => multiaddr(address).bytes),
      }))
  }

  async function learn(peer: string, said: { self: Uint8Array; neighbours: Neighbour[] }): Promise<void> {
    if (said.self.byteLength > 0 && (await board.topicInit.validate(said.self, peer)) === 'accept')
      board.topicInit.handle(said.self, peer)
    const { peerStore, peerId } = host ?? {}
    await Promise.all(
      said.neighbours.map(async ({ peer: digest, addresses }) => {
        const id = peerIdFromMultihash(decodeDigest(digest))
        if (peerId?.equals(id) === true) return
        if (peerStore === undefined || !(await mayLearn(peerStore, id))) return
        await peerStore.merge(id, { multiaddrs: addresses.map((address) => multiaddr(address)) })
      }),
    )
  }

  return {
    spec: NEIGHBOURS_PROTOCOL,
    attach(given) {
      host = given
      unknown.clear()
    },
    async handler(stream, { peer }) {
      const said = await stream.expect(Neighbours)
      await stream.send(Neighbours, { self: board.announcement(), neighbours: known(peer) })
      await learn(peer, said)
    },
    async run(stream) {
      await stream.send(Neighbours, { self: board.announcement(), neighbours: known(stream.peer) })
      await learn(stream.peer, await stream.expect(Neighbours))
      await stream.close()
      log.debug({ peer: stream.peer }, 'exchanged neighbours')
    },
  }
}
