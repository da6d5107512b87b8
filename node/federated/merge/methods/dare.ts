import { streamOf } from '../../../compute/training/philox.ts'
import { fillWords } from '../keep-words.ts'
import { byModel, DENSITY, flagOf, type MergeInput, type ParameterSpec } from './method.ts'
import { type SparseMethod, sparseMethod } from './sparse.ts'

const BLOCK = 4_096

/** Tells the sequences of a merge apart: by tensor, and by model above the 32 bits of its name. */
export const maskStream = (tensor: string, model: number): number => streamOf(tensor) + (model + 1) * 2 ** 32

/**
 * Drops each element with probability 1 − density and divides what stays by the density, so that the expectation is the task vector
 * itself. The divisor is the probability, not the share that happened to stay.
 */
function drop(input: MergeInput, delta: Float32Array, model: number): void {
  const density = byModel(input, 'density')[model]!
  if (density >= 1) return
  if (density === 0) {
    delta.fill(0)
    return
  }
  const limit = density * 2 ** 32
  const factor = flagOf(input, 'rescale') ? 1 / density : 1
  const words = new Uint32Array(BLOCK)
  const stream = maskStream(input.name, model)
  for (let start = 0; start < delta.length; start += BLOCK) {
    fillWords(input.seed, stream, start / 4, words)
    const count = Math.min(BLOCK, delta.length - start)
    // By a product, and with the double first: nobody could predict a branch.
    for (let j = 0; j < count; j++) delta[start + j] = delta[start + j]! * Number(words[j]! < limit) * factor
  }
}

const RESCALE: ParameterSpec = {
  kind: 'flag',
  absent: true,
  doc: 'Divides what is kept by the probability with which it was.',
}

const SHARED: Omit<SparseMethod, 'name' | 'title' | 'elects'> = {
  source: 'Yu et al., Language models are super Mario, arXiv 2311.03099, section 3',
  byModel: { density: DENSITY },
  global: { rescale: RESCALE },
  normalizes: false,
  thin: drop,
}

export const dareLinear = sparseMethod({ ...SHARED, name: 'dare_linear', title: 'DARE', elects: false })
export const dareTies = sparseMethod({
  ...SHARED,
  name: 'dare_ties',
  title: 'DARE with the signs of TIES',
  elects: true,
})
