/**
 * The search for the scale (and zero point) of a block: the twin of native/blockwise_search.h. Every operation
 * is rounded to fp32 in the written order.
 */
import { type BlockwiseShape, storedScale } from './blockwise-layout.ts'

const CANDIDATES = 32
const REFINEMENTS = 4
const HALF_QUADRATIC_ROUNDS = 20
/** The weight of the quadratic term of the splitting, and its growth by round (HQQ, β and κ). */
const BETA = 4
const BETA_GROWTH = 1.0625
/** Adding and taking away 1.5 · 2^23 rounds a float32 below 2^22 to the nearest integer, ties to even. */
const ROUNDER = 12582912
const f = Math.fround

function nearestCode(weight: number, inverse: number, low: number, high: number): number {
  const x = f(weight * inverse)
  const clamped = Math.max(low, Math.min(x, high))
  return f(f(clamped + ROUNDER) - ROUNDER)
}

/** How a block's codes become weights: code · scale, with codes from low to high; low is minus the zero point. */
export class Candidates {
  readonly scale = new Float32Array(CANDIDATES)
  readonly inverse = new Float32Array(CANDIDATES)
  readonly low = new Float32Array(CANDIDATES)
  readonly high = new Float32Array(CANDIDATES)

  /** Rounds the scale as it will be stored; a scale without a finite inverse stands for a block of zeros. */
  setScale(k: number, scale: number, shape: BlockwiseShape): void {
    const stored = storedScale(scale, shape)
    const inverse = f(1 / stored)
    const usable = inverse < Infinity && inverse > -Infinity
    this.scale[k] = usable ? stored : 0
    this.inverse[k] = usable ? inverse : 0
  }

  nearest(k: number, weight: number): number {
    return nearestCode(weight, this.inverse[k]!, this.low[k]!, this.high[k]!)
  }
}

/** A block as the search sees it. */
export interface Block {
  readonly weights: Float32Array
  /** What the error of each column counts. */
  readonly columnWeights: Float32Array
  readonly shape: BlockwiseShape
  /** Least squares, or the half-quadratic splitting for the sum of |error|^(3/4). */
  readonly halfQuadratic: boolean
}

/** The share of the range that candidate k of 16 keeps: down to 0.625 at 4 bits, 0.953 at 8. */
function shrink(k: number, shape: BlockwiseShape): number {
  return f(1 - f(k / (shape.bits === 4 ? 40 : 320)))
}

function symmetric({ weights, shape }: Block, candidates: Candidates): void {
  let extreme = 0
  for (const weight of weights) if (Math.abs(weight) > Math.abs(extreme)) extreme = weight
  const limit = shape.codeLimit
  const low = limit !== undefined ? -limit : shape.bits === 4 ? -8 : -128
  const high = limit ?? -low - 1
  for (let k = 0; k < CANDIDATES; k++) {
    candidates.low[k] = low
    candidates.high[k] = high
    // Few codes want much clipping: down to 0.516. Otherwise the extreme weight takes the code furthest from
    // zero on the long side, then on the short one.
    const share = limit !== undefined ? f(1 - f(k / 64)) : shrink(k & 15, shape)
    candidates.setScale(k, f(f(extreme / (k < 16 ? low : high)) * share), shape)
  }
}

function withZeroPoint({ weights, shape }: Block, candidates: Candidates): void {
  let smallest = 0
  let largest = 0
  for (const weight of weights) {
    if (weight < smallest) smallest = weight
    if (weight > largest) largest = weight
  }
  const levels = shape.bits === 4 ? 15 : 255
  for (let k = 0; k < CANDIDATES; k++) {
    // 16 shrink both ends, 8 the lower end alone, 8 the upper end alone.
    const lower = k < 16 ? shrink(k, shape) : k < 24 ? shrink(2 * (k - 15), shape) : 1
    const upper = k < 16 ? shrink(k, shape) : k < 24 ? 1 : shrink(2 * (k - 23), shape)
    const from = f(smallest * lower)
    candidates.setScale(k, f(f(f(largest * upper) - from) / levels), shape)
    const zeroPoint = nearestCode(-from, candidates.inverse[k]!, 0, levels)
    candidates.low[k] = 0 - zeroPoint
    candidates.high[k] = levels - zeroPoint
  }
}

/** |difference|^(3/4), from square roots: HQQ takes 0.7, which no correctly rounded function gives. */
function sparseCost(difference: number): number {
  const root = f(Math.sqrt(Math.abs(difference)))
  return f(root * f(Math.sqrt(root)))
}

function errorOf(block: Block, candidates: Candidates, k: number): number {
  const { weights, columnWeights, halfQuadratic } = block
  const scale = candidates.scale[k]!
  let sum = 0
  for (let i = 0; i < weights.length; i++) {
    const difference = f(weights[i]! - f(candidates.nearest(k, weights[i]!) * scale))
    const cost = halfQuadratic ? sparseCost(difference) : f(difference * difference)
    sum = f(sum + f(cost * columnWeights[i]!))
  }
  return sum
}

/**
 * With the codes held, the best scale is a least-squares quotient; with the scale held, the best codes are
 * the nearest.
 */
function refine(block: Block, candidates: Candidates, k: number, startError: number): void {
  const { weights, columnWeights, shape } = block
  let error = startError
  for (let round = 0; round < REFINEMENTS; round++) {
    const scale = candidates.scale[k]!
    const inverse = candidates.inverse[k]!
    let product = 0
    let square = 0
    for (let i = 0; i < weights.length; i++) {
      const code = candidates.nearest(k, weights[i]!)
      product = f(product + f(f(weights[i]! * columnWeights[i]!) * code))
      square = f(square + f(f(code * code) * columnWeights[i]!))
    }
    if (!(square > 0)) return
    candidates.setScale(k, f(product / square), shape)
    const refined = errorOf(block, candidates, k)
    if (!(refined < error)) {
      candidates.scale[k] = scale
      candidates.inverse[k] = inverse
      return
    }
    error = refined
  }
}

/**
 * What HQQ (Badri and Shaji, 2023, equation 8) subtracts from an error of the least squares: the part that is
 * held to be an outlier, sign(x) · max(0, |x| − |x|^(−1/4) / β) with x in steps of the scale.
 */
function outlier(steps: number, inverseBeta: number): number {
  const magnitude = Math.abs(steps)
  const shrunk = f(magnitude - f(inverseBeta / f(Math.sqrt(f(Math.sqrt(magnitude))))))
  if (!(shrunk > 0)) return 0
  return steps < 0 ? -shrunk : shrunk
}

/** HQQ's alternation of outliers and scale (and zero point), while the cost falls. */
function splitOutliers(block: Block, candidates: Candidates, k: number): void {
  const { weights, columnWeights, shape } = block
  let error = errorOf(block, candidates, k)
  let inverseBeta = f(1 / BETA)
  const levels = shape.bits === 4 ? 15 : 255
  for (let round = 0; round < HALF_QUADRATIC_ROUNDS; round++) {
    const scale = candidates.scale[k]!
    const inverse = candidates.inverse[k]!
    const low = candidates.low[k]!
    const high = candidates.high[k]!
    let product = 0
    let square = 0
    let offset = 0
    let total = 0
    for (let i = 0; i < weights.length; i++) {
      const columnWeight = columnWeights[i]!
      const code = nearestCode(weights[i]!, inverse, low, high)
      const steps = f(weights[i]! * inverse)
      const target = f(steps - outlier(f(steps - code), inverseBeta))
      product = f(product + f(f(target * columnWeight) * code))
      square = f(square + f(f(code * code) * columnWeight))
      offset = f(offset + f(f(code - target) * columnWeight))
      total = f(total + columnWeight)
    }
    if (!(square > 0)) return
    if (shape.zeroPoints) {
      const shift = f(offset / total)
      const zeroPoint = nearestCode(f(shift - low), 1, 0, levels)
      candidates.low[k] = 0 - zeroPoint
      candidates.high[k] = levels - zeroPoint
    }
    candidates.setScale(k, f(scale * f(product / square)), shape)
    const refined = errorOf(block, candidates, k)
    if (!(refined < error)) {
      candidates.scale[k] = scale
      candidates.inverse[k] = inverse
      candidates.low[k] = low
      candidates.high[k] = high
      return
    }
    error = refined
    inverseBeta = f(inverseBeta * f(1 / BETA_GROWTH))
  }
}

/** The candidate of least squared error, refined; for HQQ the alternation goes on from there. */
export function chooseScale(block: Block, candidates: Candidates): number {
  if (block.shape.zeroPoints) withZeroPoint(block, candidates)
  else symmetric(block, candidates)
  const squares = { ...block, halfQuadratic: false }
  let chosen = 0
  let error = Infinity
  for (let k = 0; k < CANDIDATES; k++) {
    const sum = errorOf(squares, candidates, k)
    if (sum < error) {
      error = sum
      chosen = k
    }
  }
  refine(squares, candidates, chosen, error)
  if (block.halfQuadratic) splitOutliers(block, candidates, chosen)
  return chosen
}
