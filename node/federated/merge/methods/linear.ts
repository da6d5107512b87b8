import { invalidRecipe } from '../recipe-fields.ts'
import { canDivide, weightedSum } from '../task-vectors.ts'
import { byModel, flagOf, type MergeMethod, normalize, SEVERAL, WEIGHT } from './method.ts'

/** Σ w_i θ_i, divided by Σ w_i unless `normalize` is false. Throws MERGE_RECIPE_INVALID where these weights cancel out: there is no such mean. */
export const linear: MergeMethod = {
  name: 'linear',
  title: 'Weighted average',
  source: 'Wortsman et al., Model soups, arXiv 2203.05482',
  base: 'none',
  models: SEVERAL,
  byModel: { weight: WEIGHT },
  global: { normalize: normalize(true) },
  merge(input) {
    const weights = byModel(input, 'weight')
    const isMean = flagOf(input, 'normalize')
    if (isMean && !canDivide(weights))
      throw invalidRecipe(
        'weight',
        `adds up to 0 for the tensor "${input.name}", so that there is no mean: change the weights, or set normalize to false`,
      )
    const tensors = Array.from({ length: input.models }, (_, model) => input.read(model))
    const target = new Float32Array(tensors[0]!.length)
    return weightedSum(tensors, weights, isMean, target)
  },
}
