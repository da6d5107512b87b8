/** The noise of differential privacy: normal variates that nobody can guess, added so that floating point gives nothing away. */
import { randomFillSync } from 'node:crypto'
import { VillageError } from '../../errors.ts'

/** Fills with independent standard normal variates. */
export type NormalSource = (target: Float32Array) => void
/** Fills with random bits. */
export type BitSource = (target: Uint32Array) => void

const WORDS_BY_PAIR = 4
/** Words that are drawn at a time. */
const WORDS = 16_384

/** A uniform number above 0 and at most 1, of 53 bits. */
const uniform = (high: number, low: number): number => ((high >>> 5) * 2 ** 26 + (low >>> 6) + 1) / 2 ** 53

/** Normal variates from random bits (Box and Muller 1958), four words a pair. */
export function normalsOf(bits: BitSource): NormalSource {
  const words = new Uint32Array(WORDS)
  return (target) => {
    for (let at = 0, word = WORDS; at < target.length; at += 2, word += WORDS_BY_PAIR) {
      if (word === WORDS) {
        bits(words)
        word = 0
      }
      const radius = Math.sqrt(-2 * Math.log(uniform(words[word]!, words[word + 1]!)))
      const angle = 2 * Math.PI * uniform(words[word + 2]!, words[word + 3]!)
      target[at] = radius * Math.cos(angle)
      if (at + 1 < target.length) target[at + 1] = radius * Math.sin(angle)
    }
  }
}

/** What noise has to come from: whoever can guess it can take it off. */
export const cryptographicNormals: NormalSource = normalsOf((target) => {
  randomFillSync(target)
})

/** The grid that noisy values lie on is a power of two, this much finer than the noise. */
const GRID_BITS = 16
const CHUNK = 8_192

/**
 * Adds independent Gaussian noise of a standard deviation, and rounds the results to a common grid 65,536 times finer than it: what a value was before must
 * not show in its lowest bits, which the gaps between floating-point noises leave open (Mironov 2012, "On significance of the least
 * significant bits for differential privacy", CCS). Throws INVALID_ARGUMENT for a deviation that is not above 0.
 */
export function addGaussian(values: Float64Array, deviation: number, normals: NormalSource): void {
  if (!(deviation > 0 && Number.isFinite(deviation)))
    throw new VillageError('INVALID_ARGUMENT', 'The deviation of noise is above 0')
  const grid = 2 ** (Math.floor(Math.log2(deviation)) - GRID_BITS)
  const drawn = new Float32Array(CHUNK)
  for (let start = 0; start < values.length; start += CHUNK) {
    const noise = drawn.subarray(0, Math.min(CHUNK, values.length - start))
    normals(noise)
    for (let at = 0; at < noise.length; at++)
      values[start + at] = Math.round((values[start + at]! + deviation * noise[at]!) / grid) * grid
  }
}
