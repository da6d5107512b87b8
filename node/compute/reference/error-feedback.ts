/**
 * Error feedback (GPTQ, arXiv 2210.17323; LDLQ, arXiv 2307.13304): what quantising column j got wrong moves the
 * columns after it. The twin of native/error_feedback.h.
 */

/**
 * weights[k] −= errors[j] · F[first + j][k] for each j in order and each k from `from` to `to`, every product
 * and every difference rounded to float32. `weights` is one row of `cols`, F cols × cols.
 */
export function feedBack(
  weights: Float32Array,
  errors: Float32Array,
  feedback: Float32Array,
  { first, count, from, to }: { first: number; count: number; from: number; to: number },
): void {
  const cols = weights.length
  for (let j = 0; j < count; j++) {
    const error = errors[j]!
    const row = (first + j) * cols
    for (let k = from; k < to; k++) weights[k] = weights[k]! - Math.fround(error * feedback[row + k]!)
  }
}
