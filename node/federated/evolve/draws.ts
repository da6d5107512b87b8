/**
 * Random numbers of a strategy, by run, generation and slot: every member draws the same, in whatever order it asks. Made of
 * the counter-based generator of compute/training, so that nothing has to be stored but the seed of the run.
 */
import { normalOfWord } from '../../compute/training/normal.ts'
import { counterRandom, streamOf } from '../../compute/training/philox.ts'

export interface Draws {
  /** At least 0, below 1, 32 bits. */
  uniform(): number
  /** A whole number from 0 to count − 1. */
  below(count: number): number
  /** Of the standard normal distribution. */
  normal(): number
  /** An index with a probability that is proportional to its weight; evenly where all weights are 0. */
  weighted(weights: readonly number[]): number
}

/** `purpose` tells the sequences of one seed apart: strategy, generation, slot. */
export function createDraws(seed: number, purpose: string): Draws {
  const random = counterRandom(seed, streamOf(purpose))
  let at = 0
  const uniform = () => random.word(at++) / 2 ** 32
  const below = (count: number) => Math.floor(uniform() * count)
  return {
    uniform,
    below,
    normal: () => normalOfWord(random.word(at++)),
    weighted(weights) {
      let total = 0
      for (const weight of weights) total += weight
      if (!(total > 0)) return below(weights.length)
      let left = uniform() * total
      for (const [index, weight] of weights.entries()) {
        left -= weight
        if (left < 0) return index
      }
      return weights.findLastIndex((weight) => weight > 0)
    },
  }
}

/** A random order of 0 to count − 1 (Fisher and Yates). */
export function shuffled(draws: Draws, count: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index)
  for (let last = count - 1; last > 0; last--) {
    const other = draws.below(last + 1)
    ;[order[last], order[other]] = [order[other]!, order[last]!]
  }
  return order
}
