/**
 * How parents are chosen. Scores by item tell more than their mean: a parent that is strong where the other is weak is worth more
 * than the second best. Pure; by index into the members.
 */
import type { Draws } from './draws.ts'
import { shuffled } from './draws.ts'
import { type Member, unpackItems } from './member.ts'

export type ParentChoiceName = 'tournament' | 'complementary' | 'lexicase'

export interface ParentPool {
  readonly count: number
  /** By member, higher is better. */
  readonly values: readonly number[]
  /** By member; empty where the choice does not look at items. */
  readonly items: readonly Uint8Array[]
  /** By member, how attractive all are for it; by item, how far its scores lie apart. Worked out once for a generation. */
  attractionsOf(chosen: number): readonly number[]
  deviationOf(item: number): number
}

export type ParentChoice = (pool: ParentPool, init: { tournament: number }, draws: Draws) => [number, number]

/** The best of `size` drawn with replacement; of equals the first drawn. */
export function tournament(values: readonly number[], size: number, draws: Draws): number {
  let best = draws.below(values.length)
  for (let round = 1; round < size; round++) {
    const other = draws.below(values.length)
    if (values[other]! > values[best]!) best = other
  }
  return best
}

/** Keeps a sum from being divided by nothing where nobody scores at all on an item. */
const LEAST_SUM = 1 / 255

/** By item, what a full score there is worth: the less, the more all members have of it together. */
function worthByItem(items: readonly Uint8Array[]): Float64Array {
  const worth = new Float64Array(items[0]?.length ?? 0)
  for (const scores of items)
    for (let item = 0; item < worth.length; item++) worth[item]! += scores[item]! / 255
  for (let item = 0; item < worth.length; item++) worth[item] = 1 / (worth[item]! + LEAST_SUM)
  return worth
}

/**
 * What a member is worth where each item's reward is shared among all who score on it (fitness sharing by items: the implicit
 * sharing of Smith, Forrest and Perelson, 1993, as Abrantes, Lange and Tang use it in "Competition and Attraction Improve Model
 * Fusion", 2025, arXiv 2508.16204, equation 4 with a capacity of 1 by item).
 */
export function sharedValues(items: readonly Uint8Array[]): number[] {
  const worth = worthByItem(items)
  return items.map((scores) => {
    let value = 0
    for (let item = 0; item < worth.length; item++) value += scores[item]! * worth[item]!
    return value / 255
  })
}

/**
 * How attractive each member is for one: what it has on items where that one has less, most where few others have it (the
 * attraction of the same paper, equation 5).
 */
export function attractions(
  items: readonly Uint8Array[],
  chosen: number,
  worth: Float64Array = worthByItem(items),
): number[] {
  const mine = items[chosen]!
  return items.map((scores, member) => {
    if (member === chosen) return 0
    let value = 0
    for (let item = 0; item < worth.length; item++) {
      const gain = scores[item]! - mine[item]!
      if (gain > 0) value += gain * worth[item]!
    }
    return value / 255
  })
}

/** The middle one of bytes by their counts; of an even number the lower of the two. */
function medianOf(counts: Uint32Array, total: number): number {
  let left = Math.floor((total + 1) / 2)
  let value = 0
  while (left > counts[value]!) {
    left -= counts[value]!
    value += 1
  }
  return value
}

/** Median absolute deviation of the scores of an item. */
function deviationOf(items: readonly Uint8Array[], item: number): number {
  const counts = new Uint32Array(256)
  for (const scores of items) counts[scores[item]!]! += 1
  const centre = medianOf(counts, items.length)
  const distances = new Uint32Array(256)
  for (let score = 0; score < 256; score++) distances[Math.abs(score - centre)]! += counts[score]!
  return medianOf(distances, items.length)
}

/**
 * ε-lexicase selection (La Cava, Spector and Danai, 2016, GECCO, the semi-dynamic variant): items in random order, each keeps those
 * within ε of the best that is left, ε being the median absolute deviation of the item over all members.
 */
export function lexicase(
  items: readonly Uint8Array[],
  draws: Draws,
  deviation: (item: number) => number = (item) => deviationOf(items, item),
): number {
  let left = items.map((_, member) => member)
  for (const item of shuffled(draws, items[0]?.length ?? 0)) {
    if (left.length === 1) break
    let best = 0
    for (const member of left) best = Math.max(best, items[member]![item]!)
    const least = best - deviation(item)
    left = left.filter((member) => items[member]![item]! >= least)
  }
  return left[draws.below(left.length)]!
}

/** Each value is worked out once. */
function remembered<T>(make: (index: number) => T): (index: number) => T {
  const known = new Map<number, T>()
  return (index) => {
    const found = known.get(index) ?? make(index)
    known.set(index, found)
    return found
  }
}

const ATTEMPTS = 4

/** Another one than the first, if a few attempts find it. */
function distinct(first: number, draw: () => number): number {
  let second = draw()
  for (let attempt = 1; attempt < ATTEMPTS && second === first; attempt++) second = draw()
  return second
}

export const PARENT_CHOICES: Readonly<Record<ParentChoiceName, ParentChoice>> = {
  tournament({ values }, { tournament: size }, draws) {
    const first = tournament(values, size, draws)
    return [first, distinct(first, () => tournament(values, size, draws))]
  },
  complementary({ values, attractionsOf }, { tournament: size }, draws) {
    const first = tournament(values, size, draws)
    return [first, draws.weighted(attractionsOf(first))]
  },
  lexicase({ items, deviationOf: deviation }, _, draws) {
    const first = lexicase(items, draws, deviation)
    return [first, distinct(first, () => lexicase(items, draws, deviation))]
  },
}

export function parentPool(
  members: readonly Member[],
  value: (member: Member) => number,
  choice: ParentChoiceName,
): ParentPool {
  const items = choice === 'tournament' ? [] : members.map((member) => unpackItems(member.items ?? ''))
  const worth = choice === 'complementary' ? worthByItem(items) : undefined
  return {
    count: members.length,
    values: members.map(value),
    items,
    attractionsOf: remembered((chosen) => attractions(items, chosen, worth)),
    deviationOf: remembered((item) => deviationOf(items, item)),
  }
}
