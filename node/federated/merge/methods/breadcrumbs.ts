import { countOf, keepRanks } from '../rank-magnitude.ts'
import { byModel, DENSITY, type MergeInput, type ParameterSpec } from './method.ts'
import { type SparseMethod, sparseMethod } from './sparse.ts'

/**
 * Keeps the middle of each task vector: the largest `gamma` share goes, and of the smallest as many that `density` stay. Where both
 * do not fit, fewer of the largest go.
 */
function keepMiddle(input: MergeInput, delta: Float32Array, model: number): void {
  const kept = countOf(byModel(input, 'density')[model]!, delta.length)
  const largest = Math.min(countOf(byModel(input, 'gamma')[model]!, delta.length), delta.length - kept)
  const end = delta.length - largest
  keepRanks(delta, end - kept, end)
}

const GAMMA: ParameterSpec = {
  kind: 'number',
  absent: 0.01,
  min: 0,
  max: 1,
  doc: 'Share of the largest changes that is dropped.',
}

const SHARED: Omit<SparseMethod, 'name' | 'title' | 'elects'> = {
  source: 'Davari and Belilovsky, Model Breadcrumbs, arXiv 2312.06795, section 3',
  byModel: { density: { ...DENSITY, absent: 0.9 }, gamma: GAMMA },
  normalizes: false,
  thin: keepMiddle,
}

export const breadcrumbs = sparseMethod({
  ...SHARED,
  name: 'breadcrumbs',
  title: 'Model breadcrumbs',
  elects: false,
})
export const breadcrumbsTies = sparseMethod({
  ...SHARED,
  name: 'breadcrumbs_ties',
  title: 'Model breadcrumbs with the signs of TIES',
  elects: true,
})
