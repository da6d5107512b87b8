import { keepLargest } from '../rank-magnitude.ts'
import { addElectedToBase, baseOf, taskVectors } from '../task-vectors.ts'
import { LAMBDA, MAX_MERGED_MODELS, type MergeMethod, numberOf } from './method.ts'

/** Variance over the models by position. */
function variances(deltas: readonly Float32Array[]): Float32Array {
  const result = new Float32Array(deltas[0]!.length)
  for (let i = 0; i < result.length; i++) {
    let mean = 0
    for (const delta of deltas) mean += delta[i]!
    mean /= deltas.length
    let sum = 0
    for (const delta of deltas) sum += (delta[i]! - mean) ** 2
    result[i] = sum / deltas.length
  }
  return result
}

/** Keeps the positions at which the models differ most: a share of those at which they differ at all. */
function select(deltas: readonly Float32Array[], share: number): void {
  if (share >= 1) return
  const kept = variances(deltas)
  let differing = 0
  for (const value of kept) if (value !== 0) differing++
  keepLargest(kept, (share * differing) / kept.length)
  for (const delta of deltas) for (let i = 0; i < delta.length; i++) if (kept[i] === 0) delta[i] = 0
}

/** Σ δ_i² over Σ_j Σ δ_j². */
function energies(deltas: readonly Float32Array[]): number[] {
  const sums = deltas.map((delta) => {
    let sum = 0
    for (let i = 0; i < delta.length; i++) sum += delta[i]! * delta[i]!
    return sum
  })
  const total = sums.reduce((all, sum) => all + sum, 0)
  return sums.map((sum) => (total === 0 ? 1 / sums.length : sum / total))
}

/**
 * Select: positions by their variance over the models. Calculate: one weight a model and tensor, its share of the squares of what was
 * selected. Erase: what goes against the sign of Σ δ_i, in which every model has one vote by its change. What is left is
 * divided by the weights that count.
 */
export const sce: MergeMethod = {
  name: 'sce',
  title: 'SCE',
  source: 'Wan et al., FuseChat, arXiv 2408.07990, section 3.3',
  base: 'required',
  models: { min: 1, max: MAX_MERGED_MODELS },
  byModel: {},
  global: {
    select_topk: {
      kind: 'number',
      absent: 1,
      min: 0,
      max: 1,
      doc: 'Share of positions that is kept by variance.',
    },
    lambda: LAMBDA,
  },
  merge(input) {
    const base = baseOf(input)
    const deltas = taskVectors(input, base)
    select(deltas, numberOf(input, 'select_topk'))
    const votes = deltas.map(() => 1)
    return addElectedToBase(input, base, deltas, { weights: energies(deltas), votes, normalize: true })
  },
}
