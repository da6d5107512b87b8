/** An independent implementation of every merge method, to compare the real one with: names as in recipes. */
import { elected, weightedSum } from './combine.ts'
import { columnsOf, dot, norm, type OracleInput, ontoBase, sumOf, taskVectors, weightsOf } from './input.ts'
import { keepAtRandom, keepByMagnitude, keepLargest, keepMiddle } from './sparsify.ts'
import { karcher, nuslerp, slerp } from './spherical.ts'

const densityOf = (input: OracleInput, model: number): number => input.densities?.[model] ?? 1

const thinned = (
  input: OracleInput,
  thin: (delta: Float64Array, model: number) => Float64Array,
): Float64Array[] => taskVectors(input).map(thin)

/** linear (Wortsman et al., arXiv 2203.05482): Σ w_i θ_i, divided by Σ w_i unless normalize is false. */
const linear = (input: OracleInput): Float64Array =>
  weightedSum(
    input,
    input.tensors.map((tensor) => Float64Array.from(tensor)),
    input.options?.normalize ?? true,
  )

/** task_arithmetic (arXiv 2212.04089): θ_base + λ Σ w_i δ_i; weights are not normalised by default. */
const taskArithmetic = (input: OracleInput): Float64Array =>
  ontoBase(input, weightedSum(input, taskVectors(input), input.options?.normalize ?? false))

/** A method that thins each task vector, and adds them up as they are. */
function sparse(thin: (input: OracleInput, delta: Float64Array, model: number) => Float64Array) {
  return (input: OracleInput): Float64Array => {
    const deltas = thinned(input, (delta, model) => thin(input, delta, model))
    return ontoBase(input, weightedSum(input, deltas, input.options?.normalize ?? false))
  }
}

/** The same with the election of signs; `normalizes` is the default of normalize. */
function sparseElected(
  thin: (input: OracleInput, delta: Float64Array, model: number) => Float64Array,
  normalizes: boolean,
) {
  return (input: OracleInput): Float64Array => {
    const deltas = thinned(input, (delta, model) => thin(input, delta, model))
    return ontoBase(input, elected(deltas, weightsOf(input), input.options?.normalize ?? normalizes))
  }
}

type Thin = (input: OracleInput, delta: Float64Array, model: number) => Float64Array
const trim: Thin = (input, delta, model) => keepLargest(delta, densityOf(input, model))
const dare: Thin = (input, delta, model) =>
  keepAtRandom(delta, densityOf(input, model), input.uniforms![model]!, input.options?.rescale ?? true)
const magPrune: Thin = (input, delta, model) =>
  keepByMagnitude(
    delta,
    columnsOf(input),
    { density: densityOf(input, model), epsilon: input.options?.epsilons?.[model] ?? 0.15 },
    input.uniforms![model]!,
  )
const breadcrumb: Thin = (input, delta, model) =>
  keepMiddle(delta, densityOf(input, model), input.options?.gammas?.[model] ?? 0.01)

/**
 * model_stock (Jang et al., arXiv 2403.19522, equation 2): t θ_avg + (1 − t) θ_base, t = N cos θ/(1 + (N − 1) cos θ), with cos θ the
 * mean cosine over all pairs of task vectors, for each tensor (or each of its rows). Weights are not used. The paper
 * assumes an angle of at most 90°; a negative mean cosine is taken as it is here, the cosine of a zero vector as 0.
 */
function modelStock(input: OracleInput): Float64Array {
  const deltas = taskVectors(input)
  const models = deltas.length
  const columns = input.options?.filterWise ? columnsOf(input) : deltas[0]!.length
  const merged = new Float64Array(deltas[0]!.length)
  for (let start = 0; start < merged.length; start += columns) {
    const rows = deltas.map((delta) => delta.subarray(start, start + columns))
    const cosines: number[] = []
    for (let a = 0; a < models; a++)
      for (let b = a + 1; b < models; b++) {
        const norms = norm(rows[a]!) * norm(rows[b]!)
        cosines.push(norms === 0 ? 0 : dot(rows[a]!, rows[b]!) / norms)
      }
    const cosine = sumOf(cosines) / cosines.length
    const t = (models * cosine) / (1 + (models - 1) * cosine)
    for (let at = 0; at < columns; at++)
      merged[start + at] = (t * sumOf(rows.map((row) => row[at]!))) / models
  }
  return ontoBase({ ...input, options: {} }, merged)
}

/**
 * sce (Wan et al., arXiv 2408.07990, section 3.2): Select the share of positions whose variance over the models is largest
 * (⌊τ · count of positions with any variance⌋ of them); Calculate one weight a model and tensor, Σ δ_i²/Σ_j Σ δ_j² over what was
 * selected; Erase what goes against the elected sign of Σ δ_i. What is left is the mean weighted by these weights, divided
 * by the weights in force. The election counts task vectors without their weights (as mergekit does).
 */
function sce(input: OracleInput): Float64Array {
  const deltas = taskVectors(input)
  const topk = input.options?.selectTopk ?? 1
  const variances = deltas[0]!.map((_, at) => {
    const mean = sumOf(deltas.map((delta) => delta[at]!)) / deltas.length
    return sumOf(deltas.map((delta) => (delta[at]! - mean) ** 2)) / deltas.length
  })
  const count = Math.floor(topk * variances.filter((variance) => variance !== 0).length)
  const chosen = variances.map(() => (topk >= 1 ? 1 : 0))
  if (topk < 1) {
    const order = Array.from(variances, (_, at) => at).sort((a, b) => variances[b]! - variances[a]! || b - a)
    for (const at of order.slice(0, count)) chosen[at] = 1
  }
  const selected = deltas.map((delta) => delta.map((value, at) => (chosen[at] === 0 ? 0 : value)))
  const energies = selected.map((delta) => dot(delta, delta))
  const total = sumOf(energies)
  const weights = energies.map((energy) => (total === 0 ? 1 / energies.length : energy / total))
  const merged = variances.map((_, at) => {
    const sign = Math.sign(sumOf(selected.map((delta) => delta[at]!)))
    const agreeing = selected.map((delta) => sign !== 0 && Math.sign(delta[at]!) === sign)
    const divisor = sumOf(weights.filter((_, model) => agreeing[model]))
    const sum = sumOf(selected.map((delta, model) => (agreeing[model] ? weights[model]! * delta[at]! : 0)))
    return divisor === 0 ? 0 : sum / divisor
  })
  return ontoBase(input, merged)
}

/** passthrough: the only tensor times its scale. */
const passthrough = ({ tensors, options }: OracleInput): Float64Array =>
  Float64Array.from(tensors[0]!, (value) => value * (options?.scale ?? 1))

export const ORACLE: Readonly<Record<string, (input: OracleInput) => Float64Array>> = {
  linear,
  slerp,
  nuslerp,
  karcher,
  task_arithmetic: taskArithmetic,
  ties: sparseElected(trim, true),
  dare_linear: sparse(dare),
  dare_ties: sparseElected(dare, false),
  della_linear: sparse(magPrune),
  della: sparseElected(magPrune, false),
  breadcrumbs: sparse(breadcrumb),
  breadcrumbs_ties: sparseElected(breadcrumb, false),
  model_stock: modelStock,
  sce,
  passthrough,
}
