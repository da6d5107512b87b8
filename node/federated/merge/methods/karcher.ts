import { arcCosine, sineCosine } from '../angles.ts'
import { byModel, MAX_MERGED_MODELS, type MergeInput, type MergeMethod, numberOf, WEIGHT } from './method.ts'

/** Directions nearer than this have no angle to divide by. */
const LEAST_ANGLE = 1e-8

interface Point {
  readonly values: Float32Array
  readonly length: number
  readonly share: number
}

function pointsOf(input: MergeInput): Point[] {
  const weights = byModel(input, 'weight')
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight, model) => {
    const values = input.read(model)
    let squares = 0
    for (let i = 0; i < values.length; i++) squares += values[i]! * values[i]!
    return { values, length: Math.sqrt(squares), share: total === 0 ? 1 / weights.length : weight / total }
  })
}

function normOf(vector: Float64Array): number {
  let squares = 0
  for (let i = 0; i < vector.length; i++) squares += vector[i]! * vector[i]!
  return Math.sqrt(squares)
}

/** target += factor · values. */
function add(target: Float64Array, factor: number, values: Float32Array | Float64Array): void {
  for (let i = 0; i < target.length; i++) target[i]! += factor * values[i]!
}

function scale(vector: Float64Array, factor: number): void {
  for (let i = 0; i < vector.length; i++) vector[i]! *= factor
}

function startOf(points: readonly Point[], elements: number): Float64Array {
  const mean = new Float64Array(elements)
  for (const { values, length, share } of points) add(mean, share / length, values)
  const norm = normOf(mean)
  if (norm > 0) scale(mean, 1 / norm)
  else add(mean, 1 / points[0]!.length, points[0]!.values)
  return mean
}

/** Σ w_i log_u(x_i), with log_u(x) = θ/sin θ · (x − cos θ u): what is left of u is added once, at the end. */
function stepFrom(mean: Float64Array, points: readonly Point[], step: Float64Array): void {
  step.fill(0)
  let back = 0
  for (const { values, length, share } of points) {
    let product = 0
    for (let i = 0; i < mean.length; i++) product += mean[i]! * values[i]!
    const cosine = Math.max(-1, Math.min(1, product / length))
    const angle = arcCosine(cosine)
    const factor = share * (angle < LEAST_ANGLE ? 1 : angle / sineCosine(angle).sine)
    add(step, factor / length, values)
    back += factor * cosine
  }
  add(step, -back, mean)
}

/**
 * The mean of the directions on the sphere, that is the point whose summed squared angles are least, times the weighted mean of the
 * lengths: u ← exp_u(Σ w_i log_u(x_i)), exp_u(v) = cos|v| u + sin|v| v/|v|, until a step is shorter than `tol`. Tensors
 * of zeros have no direction and count in the length alone.
 */
export const karcher: MergeMethod = {
  name: 'karcher',
  title: 'Mean on the sphere',
  source: 'Karcher 1977; Pennec, Intrinsic statistics on Riemannian manifolds, 2006, section 4.2',
  base: 'none',
  models: { min: 1, max: MAX_MERGED_MODELS },
  byModel: { weight: { ...WEIGHT, absent: 1, min: 0 } },
  global: {
    max_iter: { kind: 'number', absent: 10, min: 0, max: 1_000, doc: 'Most steps.' },
    tol: { kind: 'number', absent: 1e-5, min: 0, max: 1, doc: 'A shorter step is the last.' },
  },
  merge(input) {
    const all = pointsOf(input)
    const target = new Float32Array(all[0]!.values.length)
    const points = all.filter(({ length }) => length > 0)
    if (points.length === 0) return target
    const mean = startOf(points, target.length)
    const step = new Float64Array(mean.length)
    for (let count = 0; count < numberOf(input, 'max_iter'); count++) {
      stepFrom(mean, points, step)
      const length = normOf(step)
      if (length < numberOf(input, 'tol')) break
      const { sine, cosine } = sineCosine(length)
      scale(mean, cosine)
      add(mean, sine / length, step)
      scale(mean, 1 / normOf(mean))
    }
    const length = all.reduce((sum, point) => sum + point.share * point.length, 0)
    for (let i = 0; i < target.length; i++) target[i] = mean[i]! * length
    return target
  },
}
