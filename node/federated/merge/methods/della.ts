import { VillageError } from '../../../errors.ts'
import { fillWords } from '../keep-words.ts'
import { maskStream } from './dare.ts'
import { byModel, DENSITY, type MergeInput, type ParameterSpec } from './method.ts'
import { type SparseMethod, sparseMethod } from './sparse.ts'

const BLOCK = 4_096
const MAGNITUDE = 0x7fffffff
/** 31 bits of magnitude and these of a position are a whole number that a double holds exactly. */
const MAX_COLUMNS = 2 ** 22

/** Positions of a row by magnitude, smallest first, a later one of equals as larger: `keys` is scratch of the row's length. */
function sortRow(words: Uint32Array, start: number, keys: Float64Array): void {
  for (let i = 0; i < keys.length; i++) keys[i] = (words[start + i]! & MAGNITUDE) * MAX_COLUMNS + i
  keys.sort()
  for (let i = 0; i < keys.length; i++) keys[i]! %= MAX_COLUMNS
}

function refuse(input: MergeInput, problem: string): VillageError {
  return new VillageError('MERGE_RECIPE_INVALID', `For the tensor "${input.name}" ${problem}`, {
    fields: { key: 'density', tensor: input.name },
  })
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
  if (columns > MAX_COLUMNS) throw refuse(input, `a row has more than ${MAX_COLUMNS} elements`)
  const bits = new Uint32Array(delta.buffer, delta.byteOffset, delta.length)
  const order = new Float64Array(columns)
  const chances = new Float64Array(columns)
  const words = new Uint32Array(BLOCK)
  const stream = maskStream(input.name, model)
  const step = columns === 1 ? 0 : (2 * epsilon) / (columns - 1)
  const lowest = columns === 1 ? density : density - epsilon
  let filled = -1
  for (let row = 0; row < delta.length; row += columns) {
    sortRow(bits, row, order)
    for (let rank = 0; rank < columns; rank++) chances[order[rank]!] = lowest + step * rank
    for (let column = 0; column < columns; column++) {
      const at = row + column
      const block = Math.floor(at / BLOCK)
      if (block !== filled) {
        fillWords(input.seed, stream, (block * BLOCK) / 4, words)
        filled = block
      }
      const chance = chances[column]!
      // By a product: nobody could predict the branch.
      delta[at] = (delta[at]! * Number(words[at % BLOCK]! < chance * 2 ** 32)) / chance
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
