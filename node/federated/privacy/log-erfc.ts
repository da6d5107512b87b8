/** The logarithm of the complementary error function: erfc itself is 0 in floating point from 27 on, where tails still count. */

/** Series of erf about 0 (Abramowitz and Stegun 7.1.6), all terms positive: exact to a few ulp for |x| ≤ 2. */
function erfSeries(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

/** erfc(x)·exp(x²) for x ≥ 2 by its continued fraction (Abramowitz and Stegun 7.1.14), from the far end: the deeper the smaller x. */
function scaledErfc(x: number): number {
  let tail = x
  for (let k = Math.ceil(10 + 800 / (x * x)); k >= 1; k--) tail = x + k / 2 / tail
  return 1 / (tail * Math.sqrt(Math.PI))
}

/** ln erfc(x) for every finite x. */
export function logErfc(x: number): number {
  if (x > 2) return Math.log(scaledErfc(x)) - x * x
  if (x >= -2) return Math.log1p(-erfSeries(x))
  // Near 2, less a tail that is tiny.
  return Math.log(2) + Math.log1p(-scaledErfc(-x) * Math.exp(-x * x) * 0.5)
}
