/** How methods make one task vector of several. */
import { type OracleInput, sumOf, weightsOf } from './input.ts'

/** Σ w_i δ_i, divided by Σ w_i where `normalize`. */
export function weightedSum(
  input: OracleInput,
  deltas: readonly Float64Array[],
  normalize: boolean,
): Float64Array {
  const weights = weightsOf(input)
  const divisor = normalize ? sumOf(weights) : 1
  return deltas[0]!.map(
    (_, at) => sumOf(deltas.map((delta, model) => weights[model]! * delta[at]!)) / divisor,
  )
}

/**
 * TIES, steps 2 and 3 (arXiv 2306.01708, section 3): each element elects the sign of Σ w_i δ̂_i, and only models of that
 * sign count. `normalize` divides by the weights of those that count (the paper's disjoint mean, for equal weights);
 * otherwise their weighted sum stands, as the DARE and DELLA variants have it. A model whose element was trimmed has no
 * sign and is in neither sum. The paper elects nobody where the mass is exactly zero, mergekit the positive ones; the
 * paper's reading is implemented, and the two differ only in exact cancellation. The sign of a vote is that of w_i δ̂_i,
 * so that a model with a negative weight votes against its own direction.
 */
export function elected(
  deltas: readonly Float64Array[],
  weights: readonly number[],
  normalize: boolean,
): Float64Array {
  return deltas[0]!.map((_, at) => {
    const votes = deltas.map((delta, model) => weights[model]! * delta[at]!)
    const sign = Math.sign(sumOf(votes))
    const agreeing = votes.map((vote) => sign !== 0 && Math.sign(vote) === sign)
    const sum = sumOf(votes.filter((_, model) => agreeing[model]))
    if (!normalize) return sum
    const divisor = sumOf(weights.filter((_, model) => agreeing[model]))
    return divisor === 0 ? 0 : sum / divisor
  })
}
