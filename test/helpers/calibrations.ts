/** Second moments for tests: a layer whose inputs are correlated and of unequal size, and the aids that follow from them. */
import type { EncodeAids, WeightMatrix } from '../../node/compute/codecs/codec.ts'
import { seededRandom } from './weights.ts'

export interface TestCalibration {
  readonly cols: number
  /** H, cols × cols. */
  readonly moments: Float64Array
  /** F and what the errors after feedback count (see Codec), from the definitions, unblocked. */
  readonly aids: Required<Pick<EncodeAids, 'columnWeights' | 'feedback'>>
  /** diag(H), mean 1. */
  readonly diagonal: Float32Array
}

const DAMPING = 0.01

/** Inputs are a quarter as many hidden factors, mixed, with noise. */
export function correlatedCalibration(cols: number, seed = 1): TestCalibration {
  const random = seededRandom(seed)
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const factors = Math.max(1, cols >> 2)
  const mix = Float64Array.from({ length: cols * factors }, (_, i) => gaussian() / (1 + (i % factors)))
  const gain = Float64Array.from({ length: cols }, () => Math.exp(gaussian()))
  const moments = new Float64Array(cols * cols)
  for (let i = 0; i < cols; i++)
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? 0.1 : 0
      for (let k = 0; k < factors; k++) sum += mix[i * factors + k]! * mix[j * factors + k]!
      moments[i * cols + j] = sum * gain[i]! * gain[j]!
      moments[j * cols + i] = moments[i * cols + j]!
    }
  const diagonal = Float32Array.from({ length: cols }, (_, i) => moments[i * cols + i]!)
  return { cols, moments, diagonal: meanOne(diagonal), aids: aidsOf(moments, cols) }
}

function meanOne(values: Float32Array): Float32Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return values.map((value) => value / mean)
}

/** H⁻¹ = UᵀU, F = U over its diagonal: by eliminating the inverse from the first column on. */
function aidsOf(moments: Float64Array, cols: number): TestCalibration['aids'] {
  let mean = 0
  for (let i = 0; i < cols; i++) mean += moments[i * cols + i]! / cols
  const inverse = invert(
    moments.map((value, i) => (i % (cols + 1) === 0 ? value + DAMPING * mean : value)),
    cols,
  )
  const feedback = new Float32Array(cols * cols)
  const columnWeights = new Float32Array(cols)
  for (let j = 0; j < cols; j++) {
    const pivot = inverse[j * cols + j]!
    columnWeights[j] = 1 / pivot
    for (let k = j + 1; k < cols; k++) feedback[j * cols + k] = inverse[j * cols + k]! / pivot
    for (let i = j + 1; i < cols; i++)
      for (let k = j + 1; k < cols; k++)
        inverse[i * cols + k]! -= (inverse[i * cols + j]! * inverse[j * cols + k]!) / pivot
  }
  return { columnWeights: meanOne(columnWeights), feedback }
}

/** Gauss and Jordan, of a positive definite matrix. */
function invert(matrix: Float64Array, n: number): Float64Array {
  const a = matrix.slice()
  for (let p = 0; p < n; p++) {
    const pivot = a[p * n + p]!
    a[p * n + p] = 1
    for (let k = 0; k < n; k++) a[p * n + k]! /= pivot
    for (let i = 0; i < n; i++) {
      if (i === p) continue
      const factor = a[i * n + p]!
      a[i * n + p] = 0
      for (let k = 0; k < n; k++) a[i * n + k]! -= factor * a[p * n + k]!
    }
  }
  return a
}

/** tr(E H Eᵀ) over tr(W H Wᵀ): what the error costs where the layer's output is looked at. */
export function outputError(
  original: WeightMatrix,
  decoded: WeightMatrix,
  { moments }: TestCalibration,
): number {
  const { cols } = original
  const energy = (rows: Float32Array | Float64Array): number => {
    let sum = 0
    for (let at = 0; at < rows.length; at += cols)
      for (let i = 0; i < cols; i++) {
        let product = 0
        for (let j = 0; j < cols; j++) product += moments[i * cols + j]! * rows[at + j]!
        sum += product * rows[at + i]!
      }
    return sum
  }
  const errors = Float64Array.from(original.data, (weight, i) => weight - decoded.data[i]!)
  return energy(errors) / energy(original.data)
}
