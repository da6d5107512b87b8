/**
 * Seedlm's choice among candidates, the twin of `choose` in native/seedlm_search.cc: the coefficients of each
 * are quantised at two exponents by nearest plane (the last first, each with the rounding errors of those
 * after it taken into account), and the least error that is then left wins and has every mixture of nearest
 * and second nearest coefficients tried. float32 in a written order.
 */
import { sequence } from './seedlm-tables.ts'

export const CANDIDATES = 16
const MIN_EXPONENT = -8
const MAX_EXPONENT = 7
/**
 * A column shorter than this share of its length after those before it leaves coefficients without meaning.
 */
const MIN_PIVOT = 2 ** -10
/**
 * What a choice must gain over a block of zeros, as a share of the block's energy: more than rounding can
 * feign.
 */
const MIN_GAIN = 2 ** -12
/** Adding and taking away this rounds a float32 below 2^22 to the nearest integer, ties to even. */
export const ROUNDER = 12582912
const MAX_P = 4
const f = Math.fround

export interface Choice {
  position: number
  exponent: number
  readonly coefficients: Int32Array
}

const bits = new Int32Array(1)
const bitsAsFloat = new Float32Array(bits.buffer)
const u = new Float32Array(48)
const target = new Float32Array(12)
const lower = new Float32Array(MAX_P * MAX_P)
const scaled = new Float32Array(MAX_P * MAX_P)
const pivots = new Float32Array(MAX_P)
const along = new Float32Array(MAX_P)
const centres = new Float32Array(MAX_P)
const exact = new Float32Array(MAX_P)
/** By candidate: what the second exponent still needs of the first. */
const kept = {
  lower: new Float32Array(CANDIDATES * MAX_P * MAX_P),
  pivots: new Float32Array(CANDIDATES * MAX_P),
  centres: new Float32Array(CANDIDATES * MAX_P),
  energy: new Float32Array(CANDIDATES),
  exponent: new Int32Array(CANDIDATES),
}
const q = new Float32Array(MAX_P)

/** e = ceil(log2(largest / 7.5)), held to what four bits can say. */
function exponentFor(largest: number): number {
  bitsAsFloat[0] = largest / 7.5
  const exponent = ((bits[0]! + 0x7fffff) >> 23) - 127
  return Math.max(MIN_EXPONENT, Math.min(exponent, MAX_EXPONENT))
}

/**
 * UᵀU = L D Lᵀ, the coefficients that fit best, and their exponent. False where columns are nearly dependent.
 */
function solve(index: number, C: number, P: number): boolean {
  let usable = true
  let energy = 0
  for (let row = 0; row < P; row++) {
    for (let col = 0; col <= row; col++) {
      let sum = f(u[row]! * u[col]!)
      for (let c = 1; c < C; c++) sum = f(sum + f(u[c * P + row]! * u[c * P + col]!))
      const gram = sum
      for (let k = 0; k < col; k++) sum = f(sum - f(scaled[row * P + k]! * lower[col * P + k]!))
      if (col < row) {
        scaled[row * P + col] = sum
        lower[row * P + col] = sum / pivots[col]!
      } else {
        pivots[row] = sum
        if (!(sum > f(gram * MIN_PIVOT))) usable = false
      }
    }
    let sum = f(u[row]! * target[0]!)
    for (let c = 1; c < C; c++) sum = f(sum + f(u[c * P + row]! * target[c]!))
    for (let k = 0; k < row; k++) sum = f(sum - f(lower[row * P + k]! * along[k]!))
    along[row] = sum
    centres[row] = sum / pivots[row]!
    energy = f(energy + f(sum * centres[row]!))
  }
  let largest = 0
  for (let p = P - 1; p >= 0; p--) {
    let sum = centres[p]!
    for (let k = p + 1; k < P; k++) sum = f(sum - f(lower[k * P + p]! * exact[k]!))
    exact[p] = sum
    largest = Math.max(largest, Math.abs(sum))
  }
  kept.lower.set(lower, index * MAX_P * MAX_P)
  kept.pivots.set(pivots, index * MAX_P)
  kept.centres.set(centres, index * MAX_P)
  kept.energy[index] = energy
  kept.exponent[index] = usable ? exponentFor(largest) : MIN_EXPONENT - 1
  return usable
}

function held(value: number): number {
  return Math.max(-8, Math.min(value, 7))
}

/**
 * The coefficients of a candidate at an exponent, into `q`, the second nearest for those whose bit of
 * `second` is set; returns the error less that of a block of zeros.
 */
function quantise(index: number, P: number, exponent: number, second = 0): number {
  const inverse = 2 ** -exponent
  const step = 2 ** exponent
  let error = 0
  for (let p = P - 1; p >= 0; p--) {
    let centre = f(kept.centres[index * MAX_P + p]! * inverse)
    for (let k = p + 1; k < P; k++)
      centre = f(centre - f(kept.lower[index * MAX_P * MAX_P + k * P + p]! * q[k]!))
    const nearest = f(f(held(centre) + ROUNDER) - ROUNDER)
    q[p] = ((second >> p) & 1) === 0 ? nearest : held(centre > nearest ? nearest + 1 : nearest - 1)
    const off = f(centre - q[p]!)
    error = f(error + f(kept.pivots[index * MAX_P + p]! * f(off * off)))
  }
  return f(f(error * f(step * step)) - kept.energy[index]!)
}

/**
 * The best choice for C weights (less a scale) among `count` candidates, best first. `roots` are the square
 * roots of how much the errors of the weights count, 0 for those that do not; null: all 1.
 */
export function choose(
  weights: Float32Array,
  roots: Float32Array | null,
  C: number,
  P: number,
  candidates: Uint16Array,
  count: number,
  best: Choice,
): void {
  best.position = 0
  best.exponent = MIN_EXPONENT
  best.coefficients.fill(0)
  const { values } = sequence()
  let whole = 0
  for (let c = 0; c < C; c++) {
    target[c] = roots === null ? weights[c]! : weights[c]! * roots[c]!
    whole = f(whole + f(target[c]! * target[c]!))
  }
  for (let index = 0; index < count; index++) {
    const position = candidates[index]!
    for (let i = 0; i < C * P; i++) u[i] = values[position + i]!
    if (roots !== null)
      for (let c = 0; c < C; c++) for (let p = 0; p < P; p++) u[c * P + p] = u[c * P + p]! * roots[c]!
    solve(index, C, P)
  }
  let bestLoss = -f(whole * MIN_GAIN)
  let winner = -1
  for (let attempt = 0; attempt < 2; attempt++)
    for (let index = 0; index < count; index++) {
      const tried = kept.exponent[index]! - attempt
      if (tried < MIN_EXPONENT) continue
      const loss = quantise(index, P, tried)
      if (!(loss < bestLoss)) continue
      bestLoss = loss
      winner = index
      best.position = candidates[index]!
      best.exponent = tried
      for (let p = 0; p < P; p++) best.coefficients[p] = q[p]!
    }
  if (winner < 0) return
  for (let second = 1; second < 1 << P; second++) {
    const loss = quantise(winner, P, best.exponent, second)
    if (!(loss < bestLoss)) continue
    bestLoss = loss
    for (let p = 0; p < P; p++) best.coefficients[p] = q[p]!
  }
}
