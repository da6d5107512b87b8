/**
 * SeedLM (arXiv 2410.10714) in TypeScript: the twin of native/seedlm*.cc, its oracle in tests and the
 * fallback without a compiler. A block of C weights becomes a 16-bit seed, a 4-bit exponent e and P 4-bit
 * coefficients q: weights ≈ scale · 2^e · U(seed) q.
 *
 * Every seed is tried: the energy of the block inside the column space of U(seed) ranks them, and the best
 * ones have their coefficients quantised and are compared by the error that is then left.
 */
import { factor, gramOf, POSITIONS_PADDED, searchTables, sequence } from './seedlm-tables.ts'

export interface SeedlmShape {
  readonly rows: number
  readonly cols: number
  /** C: weights by block. */
  readonly blockWeights: 8 | 12
  /** P: 3 where C is 8, 4 where it is 12. */
  readonly coefficients: 3 | 4
  /** float32, positive: weights are divided by it before the search. */
  readonly scale: number
}

const CANDIDATES = 8
const MIN_EXPONENT = -8
const MAX_EXPONENT = 7
/**
 * The search sees the weights of a block as integers of this size: sums of 12 products with 16 bits stay
 * below 2^31.
 */
const SEARCH_RANGE = 4095
/** Weights (after division by the scale) below this quantise to nothing at the smallest exponent. */
const NEGLIGIBLE = 2 ** -12
const f = Math.fround

/**
 * Bytes of a row: one 16-bit seed a block, then its nibbles (exponent + 8, then the coefficients + 8), low
 * nibble first.
 */
export function seedlmRowBytes(cols: number, C: number, P: number): number {
  const blocks = Math.ceil(cols / C)
  return blocks * 2 + Math.ceil((blocks * (P + 1)) / 2)
}

const dots = new Float32Array(POSITIONS_PADDED + 4)

/** The positions with the most energy, best first, earlier positions first among equals. */
export interface Candidates {
  readonly energies: Float32Array
  readonly positions: Int32Array
}

/** Fills `best` for one block of C weights, given as integers of at most SEARCH_RANGE. */
export type Search = (integers: Int32Array, C: number, P: number, best: Candidates) => void

/** Takes a position whose energy beats the worst one kept; returns the energy that the next must beat. */
export function keep({ energies, positions }: Candidates, energy: number, position: number): number {
  let at = CANDIDATES - 1
  for (; at > 0 && energies[at - 1]! < energy; at--) {
    energies[at] = energies[at - 1]!
    positions[at] = positions[at - 1]!
  }
  energies[at] = energy
  positions[at] = position
  return energies[CANDIDATES - 1]!
}

/** The search in plain TypeScript: the oracle of the others. */
export function searchPlain(integers: Int32Array, C: number, P: number, best: Candidates): void {
  const tables = searchTables(C, P)
  const sequenceIntegers = tables.integers
  for (let i = 0; i < POSITIONS_PADDED + P - 1; i++) {
    let sum = 0
    for (let c = 0; c < C; c++) sum += integers[c]! * sequenceIntegers[i + c * P]!
    dots[i] = sum
  }
  best.energies.fill(0)
  best.positions.fill(0)
  let bound = 0
  for (let i = 0; i < POSITIONS_PADDED; i++) {
    let energy = 0
    let plane = i
    for (let row = 0; row < P; row++) {
      let y = f(tables.whitening[plane]! * dots[i]!)
      plane += POSITIONS_PADDED
      for (let p = 1; p <= row; p++, plane += POSITIONS_PADDED)
        y = f(y + f(tables.whitening[plane]! * dots[i + p]!))
      energy = f(energy + f(y * y))
    }
    if (!(energy > bound)) continue
    bound = keep(best, energy, i)
  }
}

/** e = ceil(log2(largest / 7.5)) by comparison with exact powers, held to what four bits can say. */
function smallestExponent(largest: number): number {
  let exponent = MIN_EXPONENT
  while (exponent < MAX_EXPONENT && 7.5 * 2 ** exponent < largest) exponent++
  return exponent
}

interface Choice {
  position: number
  exponent: number
  coefficients: number[]
}

/**
 * Quantises the coefficients of each candidate (nearest plane, last coefficient first) and keeps the least
 * squared error.
 */
function choose(weights: Float32Array, C: number, P: number, candidates: Candidates): Choice {
  const { values } = sequence()
  const best: Choice = { position: 0, exponent: MIN_EXPONENT, coefficients: new Array<number>(P).fill(0) }
  let bestError = 0
  for (let c = 0; c < C; c++) bestError += weights[c]! * weights[c]!
  const gram = new Float64Array(P * P)
  const lower = new Float64Array(P * P)
  const pivots = new Float64Array(P)
  const projected = new Float64Array(P)
  const exact = new Float64Array(P)
  const q = new Array<number>(P).fill(0)
  for (let index = 0; index < CANDIDATES && candidates.energies[index]! > 0; index++) {
    const position = candidates.positions[index]!
    gramOf(values, position, C, P, gram)
    factor(gram, P, lower, pivots)
    for (let p = 0; p < P; p++) {
      let sum = 0
      for (let c = 0; c < C; c++) sum += weights[c]! * values[position + c * P + p]!
      for (let k = 0; k < p; k++) sum -= lower[p * P + k]! * projected[k]!
      projected[p] = sum
    }
    for (let p = 0; p < P; p++) projected[p] = projected[p]! / pivots[p]!
    let largest = 0
    for (let p = P - 1; p >= 0; p--) {
      let sum = projected[p]!
      for (let k = p + 1; k < P; k++) sum -= lower[k * P + p]! * exact[k]!
      exact[p] = sum
      if (Math.abs(sum) > largest) largest = Math.abs(sum)
    }
    const first = smallestExponent(largest)
    for (let exponent = first; exponent >= first - 1 && exponent >= MIN_EXPONENT; exponent--) {
      const step = 2 ** exponent
      for (let p = P - 1; p >= 0; p--) {
        let centre = projected[p]! / step
        for (let k = p + 1; k < P; k++) centre -= lower[k * P + p]! * q[k]!
        const nearest = Math.floor(centre + 0.5)
        q[p] = Math.max(-8, Math.min(nearest, 7))
      }
      let error = 0
      for (let c = 0; c < C; c++) {
        let sum = 0
        for (let p = 0; p < P; p++) sum += values[position + c * P + p]! * q[p]!
        const difference = weights[c]! - sum * step
        error += difference * difference
      }
      if (error < bestError) {
        bestError = error
        best.position = position
        best.exponent = exponent
        best.coefficients = [...q]
      }
    }
  }
  return best
}

function writeBlock(payload: Uint8Array, at: number, blocks: number, block: number, choice: Choice): void {
  const seed = sequence().states[choice.position]!
  payload[at + block * 2] = seed & 255
  payload[at + block * 2 + 1] = seed >>> 8
  const nibbles = [choice.exponent, ...choice.coefficients]
  nibbles.forEach((value, i) => {
    const index = block * nibbles.length + i
    const byte = at + blocks * 2 + (index >>> 1)
    payload[byte] = payload[byte]! | ((value + 8) << ((index & 1) * 4))
  })
}

/** Encodes rows × cols float32 weights (row-major, finite); the last block of a row is padded with zeros. */
export function seedlmEncode(
  data: Float32Array,
  shape: SeedlmShape,
  search: Search = searchPlain,
): Uint8Array {
  const { rows, cols, blockWeights: C, coefficients: P, scale } = shape
  const blocks = Math.ceil(cols / C)
  const stride = seedlmRowBytes(cols, C, P)
  const payload = new Uint8Array(rows * stride)
  const weights = new Float32Array(C)
  const integers = new Int32Array(C)
  const candidates = { energies: new Float32Array(CANDIDATES), positions: new Int32Array(CANDIDATES) }
  for (let row = 0; row < rows; row++)
    for (let block = 0; block < blocks; block++) {
      let largest = 0
      for (let c = 0; c < C; c++) {
        const col = block * C + c
        weights[c] = col < cols ? data[row * cols + col]! / scale : 0
        if (Math.abs(weights[c]!) > largest) largest = Math.abs(weights[c]!)
      }
      const toInteger = largest >= NEGLIGIBLE ? f(SEARCH_RANGE / largest) : 0
      for (let c = 0; c < C; c++) integers[c] = Math.floor(f(f(weights[c]! * toInteger) + 0.5))
      search(integers, C, P, candidates)
      writeBlock(payload, row * stride, blocks, block, choose(weights, C, P, candidates))
    }
  return payload
}

/** The weights that a payload of exactly rows × row bytes stands for; the seeds must not be zero. */
export function seedlmDecode(payload: Uint8Array, shape: SeedlmShape): Float32Array {
  const { rows, cols, blockWeights: C, coefficients: P, scale } = shape
  const { values, positionOf } = sequence()
  const blocks = Math.ceil(cols / C)
  const stride = seedlmRowBytes(cols, C, P)
  const data = new Float32Array(rows * cols)
  const fields = new Array<number>(P + 1).fill(0)
  for (let row = 0; row < rows; row++)
    for (let block = 0; block < blocks; block++) {
      const at = row * stride + block * 2
      const start = positionOf[payload[at]! | (payload[at + 1]! << 8)]!
      for (let i = 0; i <= P; i++) {
        const index = block * (P + 1) + i
        const byte = payload[row * stride + blocks * 2 + (index >>> 1)]!
        fields[i] = ((byte >>> ((index & 1) * 4)) & 15) - 8
      }
      const step = f(scale * 2 ** fields[0]!)
      for (let c = 0; c < C && block * C + c < cols; c++) {
        let sum = f(values[start + c * P]! * fields[1]!)
        for (let p = 1; p < P; p++) sum = f(sum + f(values[start + c * P + p]! * fields[p + 1]!))
        data[row * cols + block * C + c] = sum * step
      }
    }
  return data
}
