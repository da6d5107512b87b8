import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createCapabilityBoard } from '../../node/mesh/capabilities.ts'
import type { FramedStream } from '../../node/mesh/framed-stream.ts'
import type { Host } from '../../node/mesh/host.ts'
import { createNeighbourExchange, learnAddresses } from '../../node/mesh/neighbours.ts'
import { TEST_LOG } from '../helpers/mesh.ts'

const Neighbours = suite('what neighbours say')

const newPeer = async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))
const address = (port: number) => multiaddr(`/ip4/10.0.0.1/tcp/${port}`)

function memoryPeerStore() {
  const known = new Map<string, Map<string, Multiaddr>>()
  const add = (id: PeerId, multiaddrs: readonly Multiaddr[]) => {
    const addresses = known.get(id.toString()) ?? new Map()
    for (const one of multiaddrs) addresses.set(one.toString(), one)
    known.set(id.toString(), addresses)
  }
  const store = {
    has: async (id: PeerId) => known.has(id.toString()),
    get: async (id: PeerId) => ({ addresses: [...known.get(id.toString())!.values()] }),
    merge: async (id: PeerId, { multiaddrs }: { multiaddrs: Multiaddr[] }) => add(id, multiaddrs),
    async patch(id: PeerId, { multiaddrs }: { multiaddrs: Multiaddr[] }) {
      known.delete(id.toString())
      add(id, multiaddrs)
    },
  }
  // Only these four are called; the rest of a peer store would be code that no test reaches.
  return { known, peerStore: store as unknown as Host['peerStore'] }
}

Neighbours(
  'hearsay about strangers and endless addresses have an end; members are always learnt',
  async () => {
    const { known, peerStore } = memoryPeerStore()
    const self = await newPeer()
    const member = await newPeer()
    const exchange = createNeighbourExchange(
      { log: TEST_LOG, board: createCapabilityBoard({ log: TEST_LOG }) },
      { members: () => [], isMember: (peer) => peer === member.toString() },
    )
    const host = { peerId: self, peerStore, getPeers: () => [] }
    exchange.attach(host as unknown as Host) // as above
    const say = async (peers: readonly PeerId[], port: number) => {
      const neighbours = peers.map((id, index) => ({
        peer: id.toMultihash().bytes,
        addresses: [address(port + index).bytes],
      }))
      const stream = {
        peer: 'talkative',
        expect: async () => ({ self: new Uint8Array(0), neighbours }),
        send: async () => {},
      } as Partial<FramedStream> as FramedStream
      const { signal } = new AbortController()
      await exchange.handler(stream, { peer: 'talkative', role: 'member', signal })
    }
    for (let round = 0; round < 10; round++)
      await say(await Promise.all(Array.from({ length: 32 }, newPeer)), 1)
    assert.is(known.size, 256)
    for (let port = 1; port <= 100; port++) await say([member], port)
    assert.is(known.size, 257)
    assert.is(known.get(member.toString())?.size, 64)
  },
)

Neighbours('what a peer says of itself takes the place of too much', async () => {
  const { known, peerStore } = memoryPeerStore()
  const peer = await newPeer()
  for (let port = 1; port <= 70; port++) await learnAddresses(peerStore, peer, [address(port)])
  const addresses = [...known.get(peer.toString())!.keys()]
  assert.is(addresses.length, 6)
  assert.ok(addresses.includes(address(70).toString()))
})

Neighbours.run()
