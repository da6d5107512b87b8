/** Shares drawn from a symmetric Dirichlet distribution, as normalised gamma variates. */
import { normalOfWord } from '../../compute/training/normal.ts'
import type { CounterRandom } from '../../compute/training/philox.ts'

/** Words that one gamma variate may use; it needs one try in most cases, and two words a try. */
const WORDS_BY_VARIATE = 128

/** Marsaglia and Tsang, "A simple method for generating gamma variables", 2000, with their step for shapes below 1. */
function gamma(shape: number, random: CounterRandom, start: number): number {
  const uniform = (at: number) => (random.word(start + at) + 0.5) / 2 ** 32
  const boosted = shape < 1 ? shape + 1 : shape
  const d = boosted - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  let at = 1
  let value = d
  for (; at + 1 < WORDS_BY_VARIATE; at += 2) {
    const normal = normalOfWord(random.word(start + at))
    const cube = (1 + c * normal) ** 3
    if (cube > 0 && Math.log(uniform(at + 1)) < (normal * normal) / 2 + d - d * cube + d * Math.log(cube)) {
      value = d * cube
      break
    }
  }
  return shape < 1 ? value * uniform(0) ** (1 / shape) : value
}

/** `count` shares that sum to 1. */
export function dirichlet(count: number, alpha: number, random: CounterRandom): Float64Array {
  const values = Float64Array.from({ length: count }, (_, i) => gamma(alpha, random, i * WORDS_BY_VARIATE))
  const sum = values.reduce((total, value) => total + value, 0)
  // With a tiny alpha all of them can be too small to be told from 0: then one class has everything.
  if (sum === 0) values[random.word(0) % count] = 1
  return sum === 0 ? values : values.map((value) => value / sum)
}

/** The index whose part of [0, 1) a number lies in. */
export function placeByShares(shares: Float64Array, at: number): number {
  let sum = 0
  for (let i = 0; i < shares.length - 1; i++) {
    sum += shares[i]!
    if (at < sum) return i
  }
  return shares.length - 1
}
