/**
 * Scales a vector down, in place, to a Euclidean norm, and returns the norm that it had. What comes out is within the norm after rounding to float32
 * too: the noise of differential privacy is set for exactly that.
 */
export function clipToNorm(values: Float32Array, norm: number): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  const before = Math.sqrt(sum)
  // Rounding may lift a norm by some parts in 10⁸.
  const factor = (norm / before) * (1 - 2 ** -22)
  if (before > norm) for (let i = 0; i < values.length; i++) values[i] = values[i]! * factor
  return before
}
