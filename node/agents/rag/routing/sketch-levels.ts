/**
 * Sixteen levels stand for the document frequencies of a sketch, and sixteen for its impacts: a term keeps 4 bits of each.
 * A level is named by its upper edge, the lower one follows from the level before; the edges stand in the sketch, so that a
 * reader needs none of this file.
 */

export const LEVELS = 16
/** Impacts are written in this many steps from 0 to 1. */
export const IMPACT_STEPS = 65_535

/**
 * Upper edges from 1 to the largest document frequency, each at least one more than the last and at most a fixed ratio above
 * it. Small frequencies, which most terms have, are kept exactly. Whole numbers alone: every machine finds the same edges.
 */
export function documentFrequencyEdges(largest: number): number[] {
  if (largest <= LEVELS) return Array.from({ length: LEVELS }, (_, level) => Math.min(level + 1, largest))
  for (let ratio = 65; ; ratio++) {
    const edges = [1]
    while (edges.length < LEVELS)
      edges.push(Math.max(edges.at(-1)! + 1, Math.floor((edges.at(-1)! * ratio) / 64)))
    if (edges.at(-1)! >= largest) return edges.map((edge) => Math.min(edge, largest))
  }
}

/** Upper edges at even steps from the smallest to the largest impact, both in steps. */
export function impactEdges(smallest: number, largest: number): number[] {
  return Array.from({ length: LEVELS }, (_, level) =>
    Math.ceil(smallest + ((largest - smallest) * (level + 1)) / LEVELS),
  )
}

/** The first level whose upper edge reaches the value. */
export function levelOf(edges: ArrayLike<number>, value: number): number {
  let level = 0
  while (level < LEVELS - 1 && edges[level]! < value) level++
  return level
}
