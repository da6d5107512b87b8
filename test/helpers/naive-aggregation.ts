/** The aggregation rules once more, straight from the papers on lists of numbers, sharing nothing with node/federated/aggregate/. */

type Vector = readonly number[]

const sum = (values: Vector): number => values.reduce((total, value) => total + value, 0)
const columns = (updates: readonly Vector[]): Vector[] =>
  updates[0]!.map((_, at) => updates.map((update) => update[at]!))
const ordered = (values: Vector): number[] => [...values].sort((a, b) => a - b)
const minus = (a: Vector, b: Vector): number[] => a.map((value, at) => value - b[at]!)
const times = (vector: Vector, factor: number): number[] => vector.map((value) => value * factor)
const length = (vector: Vector): number => Math.hypot(...vector)

export function middle(values: Vector): number {
  const sorted = ordered(values)
  return (sorted[Math.ceil(sorted.length / 2) - 1]! + sorted[Math.floor(sorted.length / 2)]!) / 2
}

export const naiveMean = (updates: readonly Vector[], weights: Vector): number[] =>
  columns(updates).map((column) => sum(column.map((value, i) => value * weights[i]!)) / sum(weights))

export const naiveMedian = (updates: readonly Vector[]): number[] => columns(updates).map(middle)

export const naiveTrimmedMean = (updates: readonly Vector[], f: number): number[] =>
  columns(updates).map((column) => {
    let rest = [...column]
    for (let round = 0; round < f; round++) {
      rest.splice(rest.indexOf(Math.min(...rest)), 1)
      rest.splice(rest.indexOf(Math.max(...rest)), 1)
    }
    rest = ordered(rest)
    return sum(rest) / rest.length
  })

function krumScore(updates: readonly Vector[], i: number, f: number): number {
  const distances = ordered(
    updates.filter((_, j) => j !== i).map((other) => length(minus(updates[i]!, other)) ** 2),
  )
  return sum(distances.slice(0, Math.max(1, updates.length - f - 2)))
}

/** Clients from the best score to the worst. */
export function krumOrder(updates: readonly Vector[], f: number): number[] {
  const scores = updates.map((_, i) => krumScore(updates, i, f))
  return updates.map((_, i) => i).sort((a, b) => scores[a]! - scores[b]! || a - b)
}

export function naiveMultiKrum(updates: readonly Vector[], f: number, m: number): number[] {
  const chosen = krumOrder(updates, f).slice(0, m)
  return columns(chosen.map((i) => updates[i]!)).map((column) => sum(column) / m)
}

export function naiveBulyan(updates: readonly Vector[], f: number): number[] {
  const left = [...updates]
  const chosen: Vector[] = []
  const theta = updates.length - 2 * f
  while (chosen.length < theta) {
    const best = left.length === 1 ? 0 : krumOrder(left, f)[0]!
    chosen.push(...left.splice(best, 1))
  }
  return columns(chosen).map((column) => {
    const centre = middle(column)
    const nearest = [...column].sort((a, b) => Math.abs(a - centre) - Math.abs(b - centre) || a - b)
    const beta = theta - 2 * f
    return sum(nearest.slice(0, beta)) / beta
  })
}

export function naiveCentredClipping(
  updates: readonly Vector[],
  start: Vector,
  radius: number | null,
  iterations: number,
): number[] {
  let centre = [...start]
  for (let step = 0; step < iterations; step++) {
    const differences = updates.map((update) => minus(update, centre))
    const tau = radius ?? middle(differences.map(length))
    const moves = differences.map((d) => times(d, Math.min(1, tau / (length(d) || 1))))
    centre = centre.map((value, at) => value + sum(moves.map((move) => move[at]!)) / updates.length)
  }
  return centre
}

export function naiveNormBound(updates: readonly Vector[], weights: Vector, bound: number | null): number[] {
  const limit = bound ?? middle(updates.map(length))
  return naiveMean(
    updates.map((update) => times(update, Math.min(1, limit / (length(update) || 1)))),
    weights,
  )
}
