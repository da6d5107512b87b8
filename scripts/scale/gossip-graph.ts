/**
 * Whom a message of gossip passes: gossipsub sends it over a mesh in which each node has so many neighbours (D of its parameters), and each that
 * gets it for the first time passes it on to all of them but the one that it came from.
 */
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'

export const GOSSIP_DEGREE = 6

/** By node its neighbours: a ring, so that it is connected, and random links beside it. */
export function gossipMesh(peers: number, degree = GOSSIP_DEGREE): readonly ReadonlySet<number>[] {
  const random = seededRandom(peers * 31 + degree)
  const mesh = Array.from({ length: peers }, () => new Set<number>())
  const wanted = Math.min(degree, peers - 1)
  const link = (a: number, b: number) => {
    mesh[a]!.add(b)
    mesh[b]!.add(a)
  }
  for (let node = 0; node < peers && peers > 1; node++) link(node, (node + 1) % peers)
  for (let attempt = 0; attempt < peers * degree * 20; attempt++) {
    const [a, b] = [Math.floor(random() * peers), Math.floor(random() * peers)]
    if (a !== b && mesh[a]!.size < wanted && mesh[b]!.size < wanted) link(a, b)
  }
  return mesh
}

export interface Spread {
  /** How often one message is sent, all copies counted. */
  readonly copies: number
  /** Peers that got it. */
  readonly reached: number
  /** Steps until the last had it. */
  readonly hops: number
}

export function spread(mesh: readonly ReadonlySet<number>[], from = 0): Spread {
  const hops = new Map([[from, 0]])
  let copies = 0
  const queue: { node: number; source: number }[] = [{ node: from, source: from }]
  for (let next = queue.shift(); next !== undefined; next = queue.shift())
    for (const neighbour of mesh[next.node]!) {
      if (neighbour === next.source) continue
      copies += 1
      if (hops.has(neighbour)) continue
      hops.set(neighbour, hops.get(next.node)! + 1)
      queue.push({ node: neighbour, source: next.node })
    }
  return { copies, reached: hops.size, hops: Math.max(...hops.values()) }
}

export const gossipCopies = (peers: number): number => spread(gossipMesh(peers)).copies
