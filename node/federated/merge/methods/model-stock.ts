import { cosineOf, type Stretch } from '../arc.ts'
import { addUp, baseOf, taskVectors } from '../task-vectors.ts'
import { flagOf, MAX_MERGED_MODELS, type MergeMethod } from './method.ts'

const BLOCK = 4_096

/**
 * How far to go from the base to the mean: t = N cos θ/(1 + (N − 1) cos θ), cos θ the mean over all pairs of task vectors. The paper's
 * picture needs an angle of at most 90°: where the vectors point apart on the whole there is nothing that they agree on, and
 * the base stands (other implementations walk away from it, without a bound as cos θ nears −1/(N − 1)).
 */
function shareOf(deltas: readonly Float32Array[], stretch: Stretch): number {
  const models = deltas.length
  let sum = 0
  for (let a = 0; a < models; a++)
    for (let b = a + 1; b < models; b++) sum += cosineOf(deltas[a]!, deltas[b]!, stretch) ?? 0
  const cosine = Math.max(0, sum / ((models * (models - 1)) / 2))
  return (models * cosine) / (1 + (models - 1) * cosine)
}

export const modelStock: MergeMethod = {
  name: 'model_stock',
  title: 'Model stock',
  source: 'Jang et al., Model Stock, arXiv 2403.19522, section 4',
  base: 'required',
  models: { min: 2, max: MAX_MERGED_MODELS },
  byModel: {},
  global: {
    filter_wise: { kind: 'flag', absent: false, doc: 'An angle for every row instead of one a tensor.' },
  },
  merge(input) {
    const base = baseOf(input)
    const deltas = taskVectors(input, base)
    const target = deltas[0]!
    const isByRow = flagOf(input, 'filter_wise') && input.dims.length > 1
    const columns = isByRow ? input.dims.at(-1)! : target.length
    const weights = deltas.map(() => 1 / deltas.length)
    const means = new Float64Array(BLOCK)
    for (let row = 0; row < target.length; row += columns) {
      const share = shareOf(deltas, { start: row, stride: 1, count: columns })
      const end = row + columns
      for (let start = row; start < end; start += BLOCK) {
        const count = Math.min(BLOCK, end - start)
        addUp(deltas, weights, start, count, means)
        for (let j = 0; j < count; j++) target[start + j] = base[start + j]! + share * means[j]!
      }
    }
    return target
  },
}
