/** How methods thin out a task vector before they add it to others. */
import { byMagnitude } from './input.ts'

/**
 * TIES, step 1 (Yadav et al., arXiv 2306.01708, section 3, "Trim"): the `density` share of the elements of a tensor
 * with the largest magnitude stay, the others become zero. The count is ⌊density · n⌋. Where magnitudes tie, the later
 * position stays here; implementations differ in that, and the papers are silent.
 */
export function keepLargest(delta: Float64Array, density: number): Float64Array {
  const kept = new Float64Array(delta.length)
  const count = Math.floor(density * delta.length)
  for (const at of byMagnitude(delta).slice(delta.length - count)) kept[at] = delta[at]!
  return kept
}

/**
 * DARE (Yu et al., arXiv 2311.03099, equations 2 to 4 with p = 1 − density): each element stays with probability
 * `density` and is divided by it, so that the expectation is the task vector. The divisor is the density, not the
 * share that happened to stay.
 */
export function keepAtRandom(
  delta: Float64Array,
  density: number,
  uniforms: ArrayLike<number>,
  rescale: boolean,
): Float64Array {
  return delta.map((value, at) => (uniforms[at]! < density ? value / (rescale ? density : 1) : 0))
}

/**
 * DELLA's MagPrune (Deep et al., arXiv 2406.11617, section 3.1): within each row elements are ranked by magnitude,
 * the keep probability rises linearly with the rank from density − ε (smallest) to density + ε (largest), and what
 * stays is divided by its own probability. The paper writes drop probabilities and calls the whole width ε; the recipe
 * key of mergekit means half the width, which is what this takes. The paper steps by ε/n, so that the largest element
 * misses the upper end by one step; here the ends are reached: probability_r = density − ε + 2ε·r/(n−1). A row of one
 * element is kept with `density` itself.
 */
export function keepByMagnitude(
  delta: Float64Array,
  columns: number,
  keep: { density: number; epsilon: number },
  uniforms: ArrayLike<number>,
): Float64Array {
  const kept = new Float64Array(delta.length)
  for (let start = 0; start < delta.length; start += columns) {
    const order = byMagnitude(delta.subarray(start, start + columns))
    for (const [rank, column] of order.entries()) {
      const share = columns === 1 ? 0.5 : rank / (columns - 1)
      const probability = keep.density - keep.epsilon + 2 * keep.epsilon * share
      const at = start + column
      if (uniforms[at]! < probability) kept[at] = delta[at]! / probability
    }
  }
  return kept
}

/**
 * Model Breadcrumbs (Davari and Belilovsky, arXiv 2312.06795, equations 2 and 3, m^{β,γ}): the largest `gamma` share and
 * the smallest 1 − density − gamma share of a tensor are dropped, nothing is rescaled. Counts: ⌊density · n⌋ stay and
 * ⌊gamma · n⌋ of the largest go; where both do not fit, fewer of the largest go, so that the density holds.
 */
export function keepMiddle(delta: Float64Array, density: number, gamma: number): Float64Array {
  const kept = new Float64Array(delta.length)
  const count = Math.floor(density * delta.length)
  const largest = Math.min(Math.floor(gamma * delta.length), delta.length - count)
  const end = delta.length - largest
  for (const at of byMagnitude(delta).slice(end - count, end)) kept[at] = delta[at]!
  return kept
}
