import { addToBase, baseOf, taskVectors } from '../task-vectors.ts'
import { LAMBDA, type MergeMethod, normalize, SEVERAL, WEIGHT } from './method.ts'

/** θ_base + λ Σ w_i δ_i. The weights are not divided by their sum unless `normalize` asks for it. */
export const taskArithmetic: MergeMethod = {
  name: 'task_arithmetic',
  title: 'Task arithmetic',
  source: 'Ilharco et al., Editing models with task arithmetic, arXiv 2212.04089',
  base: 'required',
  models: SEVERAL,
  byModel: { weight: WEIGHT },
  global: { normalize: normalize(false), lambda: LAMBDA },
  merge(input) {
    const base = baseOf(input)
    return addToBase(input, base, taskVectors(input, base))
  },
}
