/**
 * Two nodes that are connected tell each other what they lend and where other members are, so that one who knows a
 * single address finds the others at once: gossip needs neighbours first, and multicast DNS ends at the router.
 */
import type { PeerId } from '@libp2p/interface'
import { peerIdFromMultihash, peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { decode as decodeDigest } from 'multiformats/hashes/digest'
import type { Log } from '../log.ts'
import type { CapabilityBoard } from './capabilities.ts'
import type { FramedStream } from './framed-stream.ts'
import type { Host } from './host.ts'
import { MAX_ADDRESSES } from './protocols/capabilities.ts'
import { MAX_NEIGHBOURS, NEIGHBOURS_PROTOCOL, type Neighbour, Neighbours } from './protocols/neighbours.ts'
import type { ProtocolSpec } from './protocols/spec.ts'
import type { StreamHandler } from './streams.ts'

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

export function createNeighbourExchange(
  components: { log: Log; board: CapabilityBoard },
  init: { members: () => Iterable<string> },
): NeighbourExchange {
  const { log, board } = components
  let host: Host | null = null

  async function addressesOf(peer: PeerId): Promise<Uint8Array[]> {
    if (host === null || !(await host.peerStore.has(peer))) return []
    const { addresses } = await host.peerStore.get(peer)
    return addresses.slice(0, MAX_ADDRESSES).map(({ multiaddr: address }) => address.bytes)
  }

  async function known(except: string): Promise<Neighbour[]> {
    const connected = host?.getPeers().map(String) ?? []
    const others = [...init.members()].filter((peer) => !connected.includes(peer))
    const found: Neighbour[] = []
    // Connected ones first: their addresses work now.
    for (const peer of [
      ...sample(connected, MAX_NEIGHBOURS, Math.random),
      ...sample(others, MAX_NEIGHBOURS, Math.random),
    ]) {
      if (found.length >= MAX_NEIGHBOURS) break
      if (peer === except || peer === host?.peerId.toString()) continue
      const id = peerIdFromString(peer)
      const addresses = await addressesOf(id)
      if (addresses.length > 0) found.push({ peer: id.toMultihash().bytes, addresses })
    }
    return found
  }

  async function learn(peer: string, said: { self: Uint8Array; neighbours: Neighbour[] }): Promise<void> {
    if (said.self.byteLength > 0 && (await board.topicInit.validate(said.self, peer)) === 'accept')
      board.topicInit.handle(said.self, peer)
    for (const neighbour of said.neighbours) {
      const id = peerIdFromMultihash(decodeDigest(neighbour.peer))
      if (host === null || host.peerId.equals(id)) continue
      await host.peerStore.merge(id, { multiaddrs: neighbour.addresses.map((address) => multiaddr(address)) })
    }
  }

  return {
    spec: NEIGHBOURS_PROTOCOL,
    attach(given) {
      host = given
    },
    async handler(stream, { peer }) {
      const t0=performance.now(); const said = await stream.expect(Neighbours).catch(e=>{console.log('H no frame',host?.peerId.toString().slice(-4), peer.slice(-4), (performance.now()-t0)|0, e.code); throw e})
 const t1=performance.now()
      const k=await known(peer); const t2=performance.now(); await stream.send(Neighbours, { self: board.announcement(), neighbours: k }); const t3=performance.now(); if(t3-t0>2000)console.log('H slow',(t1-t0)|0,(t2-t1)|0,(t3-t2)|0)
      await learn(peer, said)
    },
    async run(stream) {
      const t0=performance.now(); const k=await known(stream.peer); const t1=performance.now(); await stream.send(Neighbours, { self: board.announcement(), neighbours: k }); const t2=performance.now(); if(t2-t0>2000)console.log('O slow',host?.peerId.toString().slice(-4), stream.peer.slice(-4),(t1-t0)|0,(t2-t1)|0)
      await learn(stream.peer, await stream.expect(Neighbours))
      await stream.close()
      log.debug({ peer: stream.peer }, 'exchanged neighbours')
    },
  }
}
