import { weightedSum } from '../task-vectors.ts'
import { byModel, flagOf, type MergeMethod, normalize, SEVERAL, WEIGHT } from './method.ts'

/** Σ w_i θ_i, divided by Σ w_i unless `normalize` is false. */
export const linear: MergeMethod = {
  name: 'linear',
  title: 'Weighted average',
  source: 'Wortsman et al., Model soups, arXiv 2203.05482',
  base: 'none',
  models: SEVERAL,
  byModel: { weight: WEIGHT },
  global: { normalize: normalize(true) },
  merge(input) {
    const tensors = Array.from({ length: input.models }, (_, model) => input.read(model))
    const target = new Float32Array(tensors[0]!.length)
    return weightedSum(tensors, byModel(input, 'weight'), flagOf(input, 'normalize'), target)
  },
}
