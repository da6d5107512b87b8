/**
 * Krum and Multi-Krum (Blanchard, El Mhamdi, Guerraoui, Stainer 2017, arXiv 1703.02757, section 4): an update scores the sum of its squared
 * distances to the n − f − 2 others nearest to it, and the one with the least (or the mean of the m with the least) is taken.
 */
import { weightedSum } from './mean.ts'
import type { AggregationRule, RuleContext, RuleOutcome } from './rule.ts'
import { chunks, type UpdateSource } from './update-source.ts'

/** Squared Euclidean distances between all pairs, row by row: n² sums of differences in float64, n²·d/2 steps. */
export function squaredDistances(source: UpdateSource): Float64Array {
  const n = source.clients
  const distances = new Float64Array(n * n)
  for (const { length, rows } of chunks(source))
    for (let a = 0; a < n; a++)
      for (let b = a + 1; b < n; b++) {
        const left = rows[a]!
        const right = rows[b]!
        let sum = 0
        for (let at = 0; at < length; at++) {
          const difference = left[at]! - right[at]!
          sum += difference * difference
        }
        distances[a * n + b]! += sum
      }
  for (let a = 0; a < n; a++) for (let b = 0; b < a; b++) distances[a * n + b] = distances[b * n + a]!
  return distances
}

/**
 * The score of each of some clients among themselves: `members` ascending, `n` the width of `distances`. Where fewer than one
 * neighbour would count (the last steps of Bulyan), the nearest one does.
 */
export function krumScores(
  distances: Float64Array,
  n: number,
  members: readonly number[],
  adversaries: number,
): Float64Array {
  const neighbours = Math.min(Math.max(1, members.length - adversaries - 2), members.length - 1)
  const others = new Float64Array(Math.max(0, members.length - 1))
  return Float64Array.from(members, (member) => {
    let count = 0
    for (const other of members) if (other !== member) others[count++] = distances[member * n + other]!
    others.sort()
    let sum = 0
    for (let at = 0; at < neighbours; at++) sum += others[at]!
    return sum
  })
}

/** The `count` clients with the lowest scores, best first; of equal ones the earlier client. */
export function lowestScores(scores: Float64Array, count: number): number[] {
  return [...scores.keys()].sort((a, b) => scores[a]! - scores[b]! || a - b).slice(0, count)
}

function meanOfChosen(
  source: UpdateSource,
  { adversaries }: RuleContext,
  count: number,
  target: Float32Array,
): RuleOutcome {
  const n = source.clients
  const everyone = Array.from({ length: n }, (_, client) => client)
  const chosen = lowestScores(krumScores(squaredDistances(source), n, everyone, adversaries), count)
  const isChosen = everyone.map((client) => chosen.includes(client))
  weightedSum(
    source,
    isChosen.map((yes) => (yes ? 1 / chosen.length : 0)),
    target,
  )
  return { excluded: everyone.filter((client) => !isChosen[client]), clipped: [] }
}

const KRUM = {
  needs: 'singles',
  isWeighted: false,
  isRobust: true,
  minimumClients: (adversaries: number) => 2 * adversaries + 3,
} as const

export const krumRule: AggregationRule = {
  ...KRUM,
  name: 'krum',
  title: 'the update nearest to its n − f − 2 neighbours',
  source: 'Blanchard et al. 2017, arXiv 1703.02757, section 4',
  options: {},
  aggregate: (source, context, target) => meanOfChosen(source, context, 1, target),
}

export const multiKrumRule: AggregationRule = {
  ...KRUM,
  name: 'multi-krum',
  title: 'mean of the m updates with the best scores of Krum',
  source: 'Blanchard et al. 2017, arXiv 1703.02757, section 6',
  options: {
    keep: {
      default: null,
      minimum: 1,
      maximum: 65_536,
      integer: true,
      doc: 'how many updates are kept (m), at most n − f − 2; null: n − f − 2',
    },
  },
  aggregate(source, context, target) {
    const most = source.clients - context.adversaries - 2
    return meanOfChosen(source, context, Math.min(context.options.keep ?? most, most), target)
  },
}
