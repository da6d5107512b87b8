/** One vector from the vectors of tokens, as sentence encoders were trained to be used. */
import type { Pooling } from './model-card.ts'

/**
 * `states`: row-major [rows, length, dims]; `lengths` tokens of each row count, from its beginning. `mean` is over them, `cls`
 * the first, `last` the last; a row without tokens gives zeros. Returns [rows, dims].
 */
export function poolTokens(
  pooling: Exclude<Pooling, 'none'>,
  states: Float32Array,
  lengths: readonly number[],
  length: number,
  dims: number,
): Float32Array {
  const out = new Float32Array(lengths.length * dims)
  for (const [row, count] of lengths.entries()) {
    if (count === 0) continue
    const first = pooling === 'last' ? count - 1 : 0
    const end = pooling === 'mean' ? count : first + 1
    for (let dim = 0; dim < dims; dim++) {
      let sum = 0
      for (let token = first; token < end; token++) sum += states[(row * length + token) * dims + dim]!
      out[row * dims + dim] = sum / (end - first)
    }
  }
  return out
}

/** Scales each row to length 1; a row of zeros stays. */
export function normaliseRows(vectors: Float32Array, dims: number): void {
  for (let at = 0; at < vectors.length; at += dims) {
    let sum = 0
    for (let dim = 0; dim < dims; dim++) sum += vectors[at + dim]! ** 2
    if (sum === 0) continue
    const scale = 1 / Math.sqrt(sum)
    for (let dim = 0; dim < dims; dim++) vectors[at + dim]! *= scale
  }
}
