import { keepLargest } from '../rank-magnitude.ts'
import { byModel, DENSITY } from './method.ts'
import { sparseMethod } from './sparse.ts'

/**
 * Trim: the largest `density` share of each task vector, by tensor. Elect: the sign of Σ w_i δ_i, by element. Merge: the weighted mean of
 * those that agree.
 */
export const ties = sparseMethod({
  name: 'ties',
  title: 'TIES',
  source: 'Yadav et al., TIES-Merging, arXiv 2306.01708, section 3',
  byModel: { density: DENSITY },
  elects: true,
  normalizes: true,
  thin: (input, delta, model) => keepLargest(delta, byModel(input, 'density')[model]!),
})
