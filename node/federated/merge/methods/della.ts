import { VillageError } from '../../../errors.ts'
import { fillWords } from '../keep-words.ts'
import { createRowRanks } from '../rank-rows.ts'
import { maskStream } from './dare.ts'
import { byModel, DENSITY, type MergeInput, type ParameterSpec } from './method.ts'
import { type SparseMethod, sparseMethod } from './sparse.ts'

const BLOCK = 4_096
function refuse(input: MergeInput, problem: string): VillageError {
  return new VillageError('MERGE_RECIPE_INVALID', `For the tensor "${input.name}" ${problem}`, {
    fields: { key: 'density', tensor: input.name },
  })
}

/** Drops at random what has no luck and divides the rest by its chance. A function of its own, for the compiler. */
function drop(
  delta: Float32Array,
  ranks: Uint32Array,
  words: Uint32Array,
  init: { from: number; until: number; start: number; block: number; lowest: number; step: number },
): void {
  const { from, until, start, block, lowest, step } = init
  for (let at = from; at < until; at++) {
    const chance = lowest + step * ranks[at - start]!
    // By a product: nobody could predict the branch.
    delta[at] = (delta[at]! * Number(words[at - block]! < chance * 2 ** 32)) / chance
  }
}

/**
 * MagPrune (section 3.1): within each row the probability to be kept rises with the rank of the magnitude, from density − ε to
 * density + ε, and what is kept is divided by its own probability (equation 3), not by the mean one.
 */
function magPrune(input: MergeInput, delta: Float32Array, model: number): void {
  const density = byModel(input, 'density')[model]!
  if (density >= 1) return
  const epsilon = byModel(input, 'epsilon')[model]!
  if (density - epsilon <= 0 || density + epsilon > 1)
    throw refuse(input, `density ± epsilon leaves the range from 0 to 1 (${density} ± ${epsilon})`)
  const columns = input.dims.at(-1) ?? 1
  const bits = new Uint32Array(delta.buffer, delta.byteOffset, delta.length)
  const { batch, ranksOf } = createRowRanks(columns)
  const words = new Uint32Array(BLOCK)
  const stream = maskStream(input.name, model)
  const step = columns === 1 ? 0 : (2 * epsilon) / (columns - 1)
  const lowest = columns === 1 ? density : density - epsilon
  let filled = -1
  for (let start = 0; start < delta.length; start += batch) {
    const end = Math.min(start + batch, delta.length)
    const ranks = ranksOf(bits, start, end - start)
    // Up to the next border of a block of words or of this batch.
    for (let from = start; from < end; ) {
      const block = Math.floor(from / BLOCK)
      if (block !== filled) {
        fillWords(input.seed, stream, (block * BLOCK) / 4, words)
        filled = block
      }
      const until = Math.min(end, (block + 1) * BLOCK)
      drop(delta, ranks, words, { from, until, start, block: block * BLOCK, lowest, step })
      from = until
    }
  }
}

const EPSILON: ParameterSpec = {
  kind: 'number',
  absent: 0.15,
  min: 0,
  max: 0.5,
  doc: 'Half the width of the range of probabilities.',
}

const SHARED: Omit<SparseMethod, 'name' | 'title' | 'elects' | 'normalizes'> = {
  source: 'Deep et al., DELLA-Merging, arXiv 2406.11617, section 3',
  byModel: { density: DENSITY, epsilon: EPSILON },
  thin: magPrune,
}

export const dellaLinear = sparseMethod({
  ...SHARED,
  name: 'della_linear',
  title: 'DELLA without signs',
  elects: false,
  normalizes: false,
})
export const della = sparseMethod({
  ...SHARED,
  name: 'della',
  title: 'DELLA',
  elects: true,
  normalizes: true,
})
