/**
 * `/village/neighbours/1.0.0`: what two nodes tell each other when they are connected: their capabilities, and where
 * other members can be reached (docs/protocols/capabilities.md). One frame each way.
 */
import { MAX_ADDRESSES, MAX_CAPABILITIES_BYTES } from './capabilities.ts'
import { bytes, type Infer, list, message, nested } from './message.ts'
import type { ProtocolSpec } from './spec.ts'

export const MAX_NEIGHBOURS = 32
const MAX_NEIGHBOUR_BYTES = 2_304

export const NEIGHBOURS_PROTOCOL: ProtocolSpec = {
  id: '/village/neighbours/1.0.0',
  access: 'guest',
  maxFrameBytes: MAX_CAPABILITIES_BYTES + MAX_NEIGHBOURS * MAX_NEIGHBOUR_BYTES,
  frameTimeoutMs: 10_000,
  maxStreamsByPeer: 4,
  streamsByMinute: 60,
}

export const Neighbour = message('Neighbour', {
  /** Multihash of the peer ID. */
  peer: [1, bytes(64)],
  /** Binary multiaddrs without /p2p/. Hearsay: dialling one proves who answers. */
  addresses: [2, list(bytes(128), MAX_ADDRESSES)],
})
export type Neighbour = Infer<typeof Neighbour>

export const Neighbours = message('Neighbours', {
  /** A CapabilitiesAnnouncement of the sender. */
  self: [1, bytes(MAX_CAPABILITIES_BYTES)],
  neighbours: [2, list(nested(Neighbour, MAX_NEIGHBOUR_BYTES), MAX_NEIGHBOURS)],
})
