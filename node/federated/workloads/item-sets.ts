/**
 * Which items a search sees, which choose the winner, and which only the final comparison sees. Pure.
 *
 * The split is by a hash of what is asked, so that an item which occurs twice falls on one side. Of the items for selection a
 * part can do most of the work of all: answers of models to items repeat one another. With few models at hand, items that these
 * models answer alike are told apart by nothing; they are what anchor points (Vivek et al., arXiv 2309.08638) and tinyBenchmarks (Polo et
 * al., arXiv 2402.14992) find by clustering the answers of many. Each such stratum is represented, and gets places by its size and by how
 * much its items tell the models apart (Neyman's allocation: size times deviation).
 */
import { createHash } from 'node:crypto'
import type { ItemSplit } from './workload.ts'

/** Uniform in [0, 1), by content alone. */
export function contentShare(content: string): number {
  return createHash('sha256').update('village/items/1\0').update(content).digest().readUIntBE(0, 6) / 2 ** 48
}

/** Of the items that are not for the final comparison. */
const VALIDATION_SHARE = 0.4

export function splitOf(content: string, finalShare: number): ItemSplit {
  const place = contentShare(content)
  if (place < finalShare) return 'final'
  return place < finalShare + (1 - finalShare) * VALIDATION_SHARE ? 'validation' : 'selection'
}

/**
 * Items by task so that the mean over all items is the weighted mean over tasks: shares of `total` by weight, cut alike for all where a
 * task has too few. At least one each.
 */
export function itemsByTask(
  available: readonly number[],
  weights: readonly number[],
  total: number,
): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0)
  const shares = weights.map((weight) => weight / sum)
  const most = Math.min(total, ...available.map((count, task) => count / shares[task]!))
  return available.map((count, task) => Math.min(count, Math.max(1, Math.round(most * shares[task]!))))
}

/** What items get that no model at hand tells apart: a better or broken one may. */
const FLOOR_DEVIATION = 0.15

interface Stratum {
  readonly items: number[]
  readonly weight: number
}

function strataOf(scores: readonly ArrayLike<number>[], items: readonly number[]): Stratum[] {
  const byPattern = Map.groupBy(items, (item) => scores.map((own) => own[item]!.toFixed(2)).join(' '))
  return [...byPattern.values()].map((own) => {
    const values = scores.map((model) => model[own[0]!]!)
    const mean = values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, values.length)
    return { items: own, weight: own.length * Math.max(FLOOR_DEVIATION, Math.sqrt(variance)) }
  })
}

/**
 * Picks `count` of `items` (indexes into the score vectors, in the order in which equals are preferred) by what each of some models
 * scored on them. Ascending. Places go one by one to the stratum with the largest weight for each place it would then have
 * (Webster's method), so that the same input gives the same items everywhere.
 */
export function chooseItems(
  scores: readonly ArrayLike<number>[],
  items: readonly number[],
  count: number,
): number[] {
  const strata = strataOf(scores, items)
  const places = strata.map(() => 0)
  for (let place = 0; place < Math.min(count, items.length); place++) {
    let best = -1
    let most = -1
    for (const [index, { items: own, weight }] of strata.entries()) {
      const claim = weight / (2 * places[index]! + 1)
      if (places[index]! < own.length && claim > most) [best, most] = [index, claim]
    }
    places[best]! += 1
  }
  return strata.flatMap(({ items: own }, index) => own.slice(0, places[index])).sort((a, b) => a - b)
}
