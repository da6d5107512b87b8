/**
 * Block-wise integers with error feedback: the columns of one block, one after the other. The twin of
 * native/blockwise_in_order.h.
 */
import { type Block, Candidates } from './blockwise-search.ts'

/** Scales that a block is tried with: 0.875 to 1.25 times the one that was chosen without a look at the feedback. */
const TRIES = 16
const UNCHANGED = 5
/** As large as feedback may make a weight over 2^scaleExponent: its scale can still be stored. */
export const LARGEST_ADJUSTED = 2 ** 17

const f = Math.fround

/** Infinities, and the NaN of their difference, are held too. */
export function hold(weight: number): number {
  return weight >= -LARGEST_ADJUSTED ? Math.min(weight, LARGEST_ADJUSTED) : -LARGEST_ADJUSTED
}

/** The columns of F that a block's errors move within the block: from `first`, of a matrix of `cols` columns. */
export interface BlockFeedback {
  readonly factors: Float32Array
  readonly cols: number
  readonly first: number
}

/** The row of F of the block's column i, from the block's own first column on. */
function factorsOf({ factors, cols, first }: BlockFeedback, i: number, count: number): Float32Array {
  const at = (first + i) * cols + first
  return factors.subarray(at, at + count)
}

/**
 * Sets the scale under which the errors that are left after the feedback within the block cost least: theirs is
 * the error of the outputs.
 */
export function tryScales(block: Block, feedback: BlockFeedback, candidates: Candidates, k: number): void {
  const tries = new Candidates()
  tries.low.fill(candidates.low[k]!)
  tries.high.fill(candidates.high[k]!)
  let chosen = UNCHANGED
  let least = Infinity
  for (let t = 0; t < TRIES; t++) {
    tries.setScale(t, f(candidates.scale[k]! * f(1 + f((t - UNCHANGED) / 40))), block.shape)
    const { errors } = quantiseInOrder(block.weights.slice(), feedback, tries, t)
    let cost = 0
    for (let i = 0; i < errors.length; i++)
      cost = f(cost + f(f(errors[i]! * errors[i]!) * block.columnWeights[i]!))
    if (cost < least) {
      least = cost
      chosen = t
    }
  }
  candidates.scale[k] = tries.scale[chosen]!
  candidates.inverse[k] = tries.inverse[chosen]!
}

/** Rounds the weights in order; each error moves the columns of the block that follow. */
export function quantiseInOrder(
  weights: Float32Array,
  feedback: BlockFeedback,
  candidates: Candidates,
  k: number,
): { codes: Float32Array; errors: Float32Array } {
  const count = weights.length
  const codes = new Float32Array(count)
  const errors = new Float32Array(count)
  for (let i = 0; i < count; i++) {
    const weight = hold(weights[i]!)
    codes[i] = candidates.nearest(k, weight)
    errors[i] = weight - f(codes[i]! * candidates.scale[k]!)
    const factors = factorsOf(feedback, i, count)
    for (let rest = i + 1; rest < count; rest++)
      weights[rest] = weights[rest]! - f(errors[i]! * factors[rest]!)
  }
  return { codes, errors }
}
