/**
 * Perturbations of a matrix that a seed stands for: E = A·Bᵀ / √r with standard normal A [rows, r] and B [cols, r] (Sarkar et al.,
 * "Evolution Strategies at the Hyperscale", arXiv 2511.16652, section 4): elements of variance 1 at (rows + cols)·r random numbers instead of
 * rows·cols. Philox and a specified transform give the numbers, and nothing but + − × ÷ and square roots is used: every machine gets
 * the same bits (compute/training/philox.ts, normal.ts).
 */
import { fillNormal } from '../../compute/training/normal.ts'
import { counterRandom, streamOf } from '../../compute/training/philox.ts'

export interface NoiseInit {
  readonly tensor: string
  readonly rows: number
  readonly cols: number
  readonly rank: number
  readonly seed: number
}

/** Adds `scale`·E to a row-major matrix of doubles. */
export function addLowRankNoise(target: Float64Array, init: NoiseInit & { readonly scale: number }): void {
  const { tensor, rows, cols, rank, seed, scale } = init
  const stream = streamOf(tensor)
  const down = new Float32Array(rows * rank)
  const up = new Float32Array(cols * rank)
  fillNormal(counterRandom(seed, stream), { start: 0, deviation: 1 }, down)
  // Behind the numbers of A, at the beginning of a block of four.
  fillNormal(counterRandom(seed, stream), { start: Math.ceil(down.length / 4) * 4, deviation: 1 }, up)
  const factor = scale / Math.sqrt(rank)
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < rank; k++) {
      const left = down[row * rank + k]! * factor
      const at = row * cols
      for (let col = 0; col < cols; col++) target[at + col]! += left * up[col * rank + k]!
    }
}

/** The root mean square of a tensor, summed in order: what a step is relative to. */
export function rootMeanSquare(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value * value
  return Math.sqrt(sum / Math.max(1, values.length))
}
