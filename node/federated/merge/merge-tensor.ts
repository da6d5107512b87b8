/** One output tensor, made of what the plan says. */
import { VillageError } from '../../errors.ts'
import type { MergePlan, PlannedTensor, TensorRef } from './plan.ts'

/** Values of a tensor of a model; the array may be shared and is not written to. */
export type ReadTensor = (ref: TensorRef) => Float32Array

/** Throws MERGE_NOT_FINITE for a result with infinities or without numbers: the inputs have such, or the recipe makes them. */
export function mergeTensor(
  { method, seed }: Pick<MergePlan, 'method' | 'seed'>,
  tensor: PlannedTensor,
  read: ReadTensor,
): Float32Array {
  const { base } = tensor
  const merged = method.merge({
    name: tensor.name,
    dims: tensor.shape,
    models: tensor.inputs.length,
    read: (model) => read(tensor.inputs[model]!),
    readBase: base === null ? null : () => read(base),
    parameters: tensor.parameters,
    globals: tensor.globals,
    seed,
  })
  // A sum of zeros, unless a value is infinite or none.
  let sum = 0
  for (let i = 0; i < merged.length; i++) sum += merged[i]! * 0
  if (sum === 0) return merged
  throw new VillageError(
    'MERGE_NOT_FINITE',
    `The merged tensor "${tensor.name}" has values that are no finite numbers`,
    {
      fields: { tensor: tensor.name },
    },
  )
}
