/**
 * Bulyan over Krum (El Mhamdi, Guerraoui, Rouault 2018, arXiv 1802.07927, section 4): θ = n − 2f updates are taken one by one by Krum, each time
 * among those that are left, and then at each coordinate the mean of the β = θ − 2f values nearest to their median. The second step
 * takes from an adversary that Krum let through the freedom to be far off at few coordinates.
 */
import { bySortedCoordinate, sortedMedian } from './coordinate-rules.ts'
import { krumScores, lowestScores, squaredDistances } from './krum.ts'
import type { AggregationRule } from './rule.ts'
import { keepClients, type UpdateSource } from './update-source.ts'

function select(source: UpdateSource, adversaries: number): number[] {
  const n = source.clients
  const distances = squaredDistances(source)
  const left = Array.from({ length: n }, (_, client) => client)
  const chosen: number[] = []
  while (chosen.length < n - 2 * adversaries) {
    const [best] = lowestScores(krumScores(distances, n, left, adversaries), 1)
    chosen.push(left[best!]!)
    left.splice(best!, 1)
  }
  return chosen.sort((a, b) => a - b)
}

/** The mean of the `count` values nearest to the median; of two equally near ones the smaller. */
function meanAroundMedian(sorted: Float32Array, count: number): number {
  const median = sortedMedian(sorted)
  // The nearest values are neighbours in the order: a window that moves up while its far end gets nearer.
  let first = 0
  while (first + count < sorted.length && median - sorted[first]! > sorted[first + count]! - median)
    first += 1
  let sum = 0
  for (let at = first; at < first + count; at++) sum += sorted[at]!
  return sum / count
}

export const bulyanRule: AggregationRule = {
  name: 'bulyan',
  title: 'selection by Krum, then the mean around the median of each coordinate',
  source: 'El Mhamdi et al. 2018, arXiv 1802.07927, section 4',
  needs: 'singles',
  isWeighted: false,
  isRobust: true,
  options: {},
  minimumClients: (adversaries) => 4 * adversaries + 3,
  aggregate(source, { adversaries }, target) {
    const chosen = select(source, adversaries)
    const count = chosen.length - 2 * adversaries
    bySortedCoordinate(keepClients(source, chosen), (sorted) => meanAroundMedian(sorted, count), target)
    const isChosen = new Set(chosen)
    const excluded = Array.from({ length: source.clients }, (_, client) => client)
    return { excluded: excluded.filter((client) => !isChosen.has(client)), clipped: [] }
  },
}
