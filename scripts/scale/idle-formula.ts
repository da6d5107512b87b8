/** What a node of a small village hears in a minute when nobody does anything: all of it is repeated, and all members are neighbours. */
import { ANNOUNCED, COLLECTIONS_ANNOUNCED, ENVELOPE_BYTES } from './announcement-costs.ts'
import { gossipMesh, spread } from './gossip-graph.ts'

/** Each member says twice what it lends, and once what collections it has. */
export const MESSAGES_BY_MINUTE = 3
/** Keeping a connection: pings of it and of the muxer, heartbeats of gossip, and what encryption adds. Fitted to three daemons. */
const NEIGHBOUR_BYTES = 3_000
/** One roster is compared with a neighbour's, from either side. */
const ROSTER_BYTES = 1_500

export function idleBytesByMinute(peers: number): number {
  // So few are all in each other's mesh.
  const copies = spread(gossipMesh(peers, peers - 1)).copies / peers
  const announced =
    2 * (ANNOUNCED.byteLength + ENVELOPE_BYTES) + COLLECTIONS_ANNOUNCED.byteLength + ENVELOPE_BYTES
  return peers * copies * announced + (peers - 1) * NEIGHBOUR_BYTES + ROSTER_BYTES
}
