import { VillageError } from '../../../errors.ts'
import { arcFactors, combine, cosineOf, type Stretch } from '../arc.ts'
import { taskVectors } from '../task-vectors.ts'
import { byModel, flagOf, type MergeInput, type MergeMethod, WEIGHT } from './method.ts'

/** sin Ω below 1e-8, by its square. */
const isColinear = (cosine: number): boolean => (1 - cosine) * (1 + cosine) < 1e-16

function stretchesOf(input: MergeInput, elements: number): Stretch[] {
  const columns = input.dims.at(-1) ?? 1
  if (flagOf(input, 'nuslerp_flatten') || input.dims.length < 2)
    return [{ start: 0, stride: 1, count: elements }]
  const rows = elements / columns
  return flagOf(input, 'nuslerp_row_wise')
    ? Array.from({ length: rows }, (_, row) => ({ start: row * columns, stride: 1, count: columns }))
    : Array.from({ length: columns }, (_, column) => ({ start: column, stride: columns, count: rows }))
}

function shareOfSecond(input: MergeInput): number {
  const [first, second] = byModel(input, 'weight') as [number, number]
  if (first + second === 0)
    throw new VillageError('MERGE_RECIPE_INVALID', `The weights of "${input.name}" sum up to nothing`, {
      fields: { key: 'weight', tensor: input.name },
    })
  return second / (first + second)
}

/**
 * Spherical interpolation of two models, or of their task vectors where there is a base, with t = w₂/(w₁ + w₂): the whole tensor as one
 * vector, or every column or row with an angle of its own.
 */
export const nuslerp: MergeMethod = {
  name: 'nuslerp',
  title: 'Spherical interpolation by weights',
  source: 'mergekit, docs/merge_methods.md, NuSLERP',
  base: 'optional',
  models: { min: 2, max: 2 },
  byModel: { weight: WEIGHT },
  global: {
    nuslerp_flatten: { kind: 'flag', absent: true, doc: 'Takes the tensor as one vector.' },
    nuslerp_row_wise: { kind: 'flag', absent: false, doc: 'Without flatten: rows instead of columns.' },
  },
  merge(input) {
    const base = input.readBase?.() ?? null
    const [a, b] = base === null ? [input.read(0), input.read(1)] : taskVectors(input, base)
    const ends = [a!, b!] as const
    const t = shareOfSecond(input)
    const target = new Float32Array(a!.length)
    for (const stretch of stretchesOf(input, target.length))
      combine(ends, arcFactors(cosineOf(...ends, stretch), t, isColinear), stretch, target)
    if (base !== null) for (let i = 0; i < target.length; i++) target[i] = base[i]! + target[i]!
    return target
  },
}
