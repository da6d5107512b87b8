/**
 * What every method of the oracle takes, and arithmetic they share: plain float64 loops in the order of the
 * formulas, with nothing done for speed. Written from the papers and from the public description of mergekit's
 * methods, without a look at node/federated/merge.
 */

export interface OracleOptions {
  /** Divide by the weights in force. Each method states its default. */
  readonly normalize?: boolean
  /** Factor on the merged task vector before it is added to the base; 1 by default. */
  readonly lambda?: number
  /** slerp: 0 is the first tensor (or the base), 1 the other. */
  readonly t?: number
  /** nuslerp: the whole tensor as one vector (default), or each row or column as one. */
  readonly flatten?: boolean
  readonly rowWise?: boolean
  /** della, by model: half the width of the range of keep probabilities. */
  readonly epsilons?: readonly number[]
  /** breadcrumbs, by model: share of the largest magnitudes that is dropped. */
  readonly gammas?: readonly number[]
  /** dare: divide what is kept by its density (default true). */
  readonly rescale?: boolean
  /** sce: share of positions kept by variance; 1 by default. */
  readonly selectTopk?: number
  /** karcher: at most so many steps (default 10), ended by a step shorter than `tol` (default 1e-5). */
  readonly maxIterations?: number
  readonly tol?: number
  /** model_stock: every row has its own angle instead of one angle a tensor (default false). */
  readonly filterWise?: boolean
  /** passthrough: factor on the only tensor; 1 by default. */
  readonly scale?: number
}

export interface OracleInput {
  /** The models to merge, without the base; row-major, all of the shape `dims`. */
  readonly tensors: readonly Float32Array[]
  readonly dims: readonly number[]
  readonly base: Float32Array | null
  /** By model; equal weights of 1 where absent. */
  readonly weights?: readonly number[]
  /** By model, share that is kept; 1 where absent. */
  readonly densities?: readonly number[]
  readonly options?: OracleOptions
  /** By model and element, in [0, 1): an element is kept where its uniform is below its keep probability. */
  readonly uniforms?: readonly ArrayLike<number>[]
}

export const weightsOf = ({ weights, tensors }: OracleInput): readonly number[] =>
  weights ?? tensors.map(() => 1)

/** Elements of a row: what is left of the shape behind all but its last dimension. */
export const columnsOf = ({ dims }: OracleInput): number => dims.at(-1) ?? 1

/** δ_i = θ_i − θ_base (Ilharco et al., arXiv 2212.04089, section 2). */
export function taskVectors({ tensors, base }: OracleInput): Float64Array[] {
  if (base === null) throw new Error('this method needs a base')
  return tensors.map((tensor) => Float64Array.from(tensor, (value, at) => value - base[at]!))
}

/** θ_base + λ δ. */
export function ontoBase({ base, options }: OracleInput, merged: Float64Array): Float64Array {
  if (base === null) throw new Error('this method needs a base')
  return merged.map((value, at) => base[at]! + (options?.lambda ?? 1) * value)
}

export function sumOf(values: Iterable<number>): number {
  let sum = 0
  for (const value of values) sum += value
  return sum
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}

export const norm = (values: ArrayLike<number>): number => Math.sqrt(dot(values, values))

/** Positions by magnitude, smallest first; equal ones by position, so that a later one counts as larger. */
export function byMagnitude(values: ArrayLike<number>): number[] {
  const order = Array.from(values, (_, at) => at)
  return order.sort((a, b) => Math.abs(values[a]!) - Math.abs(values[b]!) || a - b)
}
