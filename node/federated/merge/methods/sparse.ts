/** Methods that thin out each task vector, and then add them up as task arithmetic does or elect signs as TIES does. */
import { addElectedToBase, addToBase, baseOf, taskVectors } from '../task-vectors.ts'
import {
  byModel,
  flagOf,
  LAMBDA,
  type MergeInput,
  type MergeMethod,
  normalize,
  type ParameterSpec,
  SEVERAL,
  WEIGHT,
} from './method.ts'

export interface SparseMethod {
  readonly name: string
  readonly title: string
  readonly source: string
  readonly byModel: Readonly<Record<string, ParameterSpec>>
  readonly global?: Readonly<Record<string, ParameterSpec>>
  readonly elects: boolean
  readonly normalizes: boolean
  /** Thins out the task vector of one model, in place. */
  thin(input: MergeInput, delta: Float32Array, model: number): void
}

export function sparseMethod(row: SparseMethod): MergeMethod {
  const { name, title, source, elects, normalizes } = row
  return {
    name,
    title,
    source,
    base: 'required',
    models: SEVERAL,
    byModel: { weight: WEIGHT, ...row.byModel },
    global: { normalize: normalize(normalizes), lambda: LAMBDA, ...row.global },
    merge(input) {
      const base = baseOf(input)
      const deltas = taskVectors(input, base, (delta, model) => row.thin(input, delta, model))
      if (!elects) return addToBase(input, base, deltas)
      const weights = byModel(input, 'weight')
      return addElectedToBase(input, base, deltas, { weights, normalize: flagOf(input, 'normalize') })
    },
  }
}
