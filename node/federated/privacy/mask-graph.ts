/**
 * Who shares masks with whom. With `neighbours` null everybody with everybody (Bonawitz et al. 2017). Otherwise a Harary graph after a random order of
 * the clients (Bell et al. 2020, section 3.2): each with the k/2 before and the k/2 after it on a ring, so that a client's cost grows with k,
 * which has to grow only with log n, and not with n.
 */
import { createHash } from 'node:crypto'

/**
 * The neighbours of a client by position, ascending. The order on the ring comes from the hash of the session and of the keys of all: nobody can
 * choose its place, for keys are fixed before the others are known.
 */
export function maskGraph(
  clients: number,
  neighbours: number | null,
  rosterHash: Uint8Array,
): (position: number) => number[] {
  const everyone = Array.from({ length: clients }, (_, position) => position)
  if (neighbours === null || neighbours >= clients - 1)
    return (position) => everyone.filter((other) => other !== position)
  const ring = everyone
    .map((position) => ({ position, rank: rankOf(rosterHash, position) }))
    .sort((a, b) => Buffer.compare(a.rank, b.rank))
    .map(({ position }) => position)
  const placeOf = new Uint32Array(clients)
  for (const [place, position] of ring.entries()) placeOf[position] = place
  const steps = Array.from({ length: neighbours }, (_, i) =>
    i < neighbours / 2 ? -1 - i : i + 1 - neighbours / 2,
  )
  return (position) =>
    steps.map((step) => ring[(placeOf[position]! + step + clients) % clients]!).sort((a, b) => a - b)
}

function rankOf(rosterHash: Uint8Array, position: number): Buffer {
  return createHash('sha256')
    .update('village secure sum ring\0')
    .update(rosterHash)
    .update(`${position}`)
    .digest()
}

/** Two thirds of the holders of a secret and one: what stands a lying server that a third of the clients help (Bonawitz et al., section 6.2). */
export function defaultThreshold(clients: number, neighbours: number | null): number {
  const holders = Math.min(clients, neighbours === null ? clients : neighbours + 1)
  return Math.floor((2 * holders) / 3) + 1
}
