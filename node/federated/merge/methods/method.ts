/**
 * What a merge method states. A method is pure: the same tensors, parameters and seed give the same bits on every machine. Sums are
 * taken in double precision in the order of the models, results are rounded to float32 once, and nothing but operations that
 * IEEE 754 rounds alike everywhere is used (angles.ts has the sines).
 */

/** A value of a recipe, once lists and conditions are resolved for a tensor. */
export type ParameterValue = number | boolean
export type Parameters = Readonly<Record<string, ParameterValue>>

export interface ParameterSpec {
  readonly kind: 'number' | 'flag'
  /** Null: the recipe has to give it. */
  readonly absent: ParameterValue | null
  readonly min?: number
  readonly max?: number
  readonly doc: string
}

/** One output tensor. Tensors are read when they are needed, and never written to: they may be shared. */
export interface MergeInput {
  /** Of the output tensor: with the seed it fixes all random numbers. */
  readonly name: string
  readonly dims: readonly number[]
  /** The models that are merged, without the base, in the order of the recipe. */
  readonly models: number
  read(model: number): Float32Array
  /** Null where the recipe has no base or the method uses none. */
  readonly readBase: (() => Float32Array) | null
  /** By model. */
  readonly parameters: readonly Parameters[]
  readonly globals: Parameters
  readonly seed: number
}

export interface MergeMethod {
  readonly name: string
  readonly title: string
  /** Paper or definition. */
  readonly source: string
  /** `none`: a base model is only where tokenizer and configuration come from, and may be among the merged ones. */
  readonly base: 'required' | 'optional' | 'none'
  /** How many models besides the base. */
  readonly models: { readonly min: number; readonly max: number }
  /** Parameters that every model has a value of. */
  readonly byModel: Readonly<Record<string, ParameterSpec>>
  readonly global: Readonly<Record<string, ParameterSpec>>
  /** A new array, in the shape of the inputs. */
  merge(input: MergeInput): Float32Array
}

export const MAX_MERGED_MODELS = 64

export const SEVERAL = { min: 1, max: MAX_MERGED_MODELS }

export const WEIGHT: ParameterSpec = {
  kind: 'number',
  absent: null,
  min: -1e6,
  max: 1e6,
  doc: 'How much a model counts.',
}

export const DENSITY: ParameterSpec = {
  kind: 'number',
  absent: 1,
  min: 0,
  max: 1,
  doc: 'Share of the task vector that is kept.',
}

export const LAMBDA: ParameterSpec = {
  kind: 'number',
  absent: 1,
  min: -1e6,
  max: 1e6,
  doc: 'Factor on the merged task vector before it is added to the base.',
}

export const normalize = (absent: boolean): ParameterSpec => ({
  kind: 'flag',
  absent,
  doc: 'Divides by the weights that count.',
})

/** The values of one numeric parameter by model. */
export function byModel({ parameters }: MergeInput, name: string): number[] {
  return parameters.map((one) => one[name] as number)
}

export const numberOf = ({ globals }: MergeInput, name: string): number => globals[name] as number
export const flagOf = ({ globals }: MergeInput, name: string): boolean => globals[name] === true
