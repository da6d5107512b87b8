/** Task vectors: what training changed (Ilharco et al., arXiv 2212.04089, section 2), and how several become one. */
import { VillageError } from '../../errors.ts'
import { byModel, flagOf, type MergeInput, numberOf } from './methods/method.ts'

const BLOCK = 4_096
/** Weights that cancel out cannot be divided by. */
const LEAST_DIVISOR = 1e-8
/** Of the bits of a float32: all but the sign. */
const MAGNITUDE = 0x7fffffff

export function baseOf({ readBase, name }: MergeInput): Float32Array {
  if (readBase === null) throw new VillageError('INTERNAL', `No base was planned for the tensor "${name}"`)
  return readBase()
}

/** δ_i = θ_i − θ_base by model, thinned out one after another: no more than one model's own tensor is held besides. */
export function taskVectors(
  input: MergeInput,
  base: Float32Array,
  thin: (delta: Float32Array, model: number) => void = () => {},
): Float32Array[] {
  return Array.from({ length: input.models }, (_, model) => {
    const values = input.read(model)
    const delta = new Float32Array(values.length)
    for (let i = 0; i < delta.length; i++) delta[i] = values[i]! - base[i]!
    thin(delta, model)
    return delta
  })
}

/** False: they cancel out. */
export const canDivide = (weights: readonly number[]): boolean =>
  Math.abs(weights.reduce((total, weight) => total + weight, 0)) >= LEAST_DIVISOR

function divisorOf(weights: readonly number[], normalize: boolean): number {
  if (!normalize) return 1
  return canDivide(weights) ? weights.reduce((total, weight) => total + weight, 0) : 1
}

/** Σ w_i x_i of a stretch, into `sums`. */
export function addUp(
  vectors: readonly Float32Array[],
  weights: readonly number[],
  start: number,
  count: number,
  sums: Float64Array,
): void {
  sums.fill(0, 0, count)
  for (const [model, vector] of vectors.entries()) {
    const weight = weights[model]!
    for (let j = 0; j < count; j++) sums[j]! += weight * vector[start + j]!
  }
}

/** Σ w_i x_i, divided by Σ w_i where `normalize`. `target` may be one of the vectors. */
export function weightedSum(
  vectors: readonly Float32Array[],
  weights: readonly number[],
  normalize: boolean,
  target: Float32Array,
): Float32Array {
  const divisor = divisorOf(weights, normalize)
  const sums = new Float64Array(BLOCK)
  for (let start = 0; start < target.length; start += BLOCK) {
    const count = Math.min(BLOCK, target.length - start)
    addUp(vectors, weights, start, count, sums)
    for (let j = 0; j < count; j++) target[start + j] = sums[j]! / divisor
  }
  return target
}

/** θ_base + λ Σ w_i δ_i, the sum divided by Σ w_i where `normalize`: in place of the first task vector. */
export function addToBase(
  input: MergeInput,
  base: Float32Array,
  deltas: readonly Float32Array[],
): Float32Array {
  const weights = byModel(input, 'weight')
  const factor = numberOf(input, 'lambda') / divisorOf(weights, flagOf(input, 'normalize'))
  const target = deltas[0]!
  const sums = new Float64Array(BLOCK)
  for (let start = 0; start < target.length; start += BLOCK) {
    const count = Math.min(BLOCK, target.length - start)
    addUp(deltas, weights, start, count, sums)
    for (let j = 0; j < count; j++) target[start + j] = base[start + j]! + factor * sums[j]!
  }
  return target
}

/**
 * Adds w·δ to `sums` and w (the only one of `weight`) to `divisors` where δ is not zero and has the elected sign: without a branch, which nobody could predict. A
 * function of its own, for the compiler.
 */
function countAgreeing(
  values: Float32Array,
  negative: Int32Array,
  isTurned: boolean,
  weight: Float64Array,
  sums: Float64Array,
  divisors: Float64Array,
): void {
  const words = new Int32Array(values.buffer, values.byteOffset, values.length)
  const turned = isTurned ? -1 : 0
  // Out of an array of doubles: a product of whole numbers would be checked for −0, by a branch.
  const factor = weight[0]!
  for (let j = 0; j < words.length; j++) {
    const differs = (words[j]! >> 31) ^ negative[j]! ^ turned
    const counted = ((((words[j]! & MAGNITUDE) + MAGNITUDE) >>> 31) & ~differs) * factor
    sums[j]! += counted * values[j]!
    divisors[j]! += counted
  }
}

/**
 * The same with the election of signs of TIES (arXiv 2306.01708, section 3, steps 2 and 3): each element takes the sign of Σ w_i δ_i, and only
 * models that agree with it count. An element that was trimmed to zero has no sign and counts nowhere, in the divisor neither; where
 * the votes cancel exactly nobody is elected, and the base stands (mergekit elects the positive ones there).
 *
 * `votes`: what each model's vote counts in the election; its weight if absent.
 */
export function addElectedToBase(
  input: MergeInput,
  base: Float32Array,
  deltas: readonly Float32Array[],
  {
    weights,
    votes = weights,
    normalize,
  }: { weights: readonly number[]; votes?: readonly number[]; normalize: boolean },
): Float32Array {
  const lambda = numberOf(input, 'lambda')
  // Positive ones never cancel, however small they are.
  const least = weights.some((weight) => weight < 0) ? LEAST_DIVISOR : 0
  const target = deltas[0]!
  const signs = new Float64Array(BLOCK)
  const sums = new Float64Array(BLOCK)
  const divisors = new Float64Array(BLOCK)
  const signWords = new Int32Array(signs.buffer)
  const negative = new Int32Array(BLOCK)
  for (let start = 0; start < target.length; start += BLOCK) {
    const count = Math.min(BLOCK, target.length - start)
    addUp(deltas, votes, start, count, signs)
    sums.fill(0)
    divisors.fill(0)
    // The upper word of a double, of which the first bit is its sign.
    for (let j = 0; j < count; j++) negative[j] = signWords[2 * j + 1]! >> 31
    for (const [model, delta] of deltas.entries())
      countAgreeing(
        delta.subarray(start, start + count),
        negative,
        votes[model]! < 0,
        Float64Array.of(weights[model]!),
        sums,
        divisors,
      )
    for (let j = 0; j < count; j++) {
      const divisor = normalize && Math.abs(divisors[j]!) > least ? divisors[j]! : 1
      // Nobody is elected where the votes cancel, or a model votes with a weight of 0.
      const sum = signs[j] === 0 ? 0 : sums[j]!
      target[start + j] = base[start + j]! + (lambda * sum) / divisor
    }
  }
  return target
}
