/** What peers are called: their names where they are known, else the ends of their ids. */
import { short } from './format.js'

/** @param {Record<string, any>} state of the store @returns {(peer: string) => string} */
export function peerNames({ members, peers, status }) {
  const known = new Map([
    ...(members ?? []).map((member) => [member.peer, member.name]),
    ...(peers ?? []).map((peer) => [peer.peer, peer.name]),
    ...(status ? [[status.peer, `${status.name} (this node)`]] : []),
  ])
  return (peer) => known.get(peer) ?? short(peer)
}
