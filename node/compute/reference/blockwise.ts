/**
 * Block-wise integers in TypeScript: the twin of native/blockwise*.cc, its oracle in tests and the fallback
 * without a compiler. Every operation is rounded to fp32 in the written order, so both give the same bytes.
 * Encoding works on weights over 2^scaleExponent, where squares neither vanish nor overflow.
 *
 * A row of the payload: the scales of its blocks, their zero points (if any), then the codes; 4-bit values
 * two a byte, low nibble first.
 */
import { fromHalfBits, toHalfBits } from './f16.ts'

export interface BlockwiseShape {
  readonly rows: number
  readonly cols: number
  readonly bits: 4 | 8
  /** Weights that share a scale: a power of two from 16 to 256. */
  readonly blockSize: number
  /** One integer zero point a block; otherwise it is 2^(bits-1). */
  readonly zeroPoints: boolean
  /** 2: scales over 2^scaleExponent as half precision; 4: scales as float32. */
  readonly scaleBytes: 2 | 4
  readonly scaleExponent: number
}

export interface BlockwiseRow {
  readonly blocks: number
  readonly zeroPointsAt: number
  readonly codesAt: number
  readonly bytes: number
}

const CANDIDATES = 32
const REFINEMENTS = 4
/** Adding and taking away 1.5 · 2^23 rounds a float32 below 2^22 to the nearest integer, ties to even. */
const ROUNDER = 12582912
const f = Math.fround

export function blockwiseRow(shape: BlockwiseShape): BlockwiseRow {
  const blocks = Math.ceil(shape.cols / shape.blockSize)
  const zeroPointsAt = blocks * shape.scaleBytes
  const codesAt = zeroPointsAt + (shape.zeroPoints ? Math.ceil((blocks * shape.bits) / 8) : 0)
  return { blocks, zeroPointsAt, codesAt, bytes: codesAt + Math.ceil((shape.cols * shape.bits) / 8) }
}

/** The scale as it will be read back, both taken over 2^scaleExponent. */
function storedScale(scale: number, shape: BlockwiseShape): number {
  return shape.scaleBytes === 4 ? scale : fromHalfBits(toHalfBits(scale))
}

export function readScale(view: DataView, at: number, shape: BlockwiseShape): number {
  if (shape.scaleBytes === 4) return view.getFloat32(at, true)
  return f(fromHalfBits(view.getUint16(at, true)) * 2 ** shape.scaleExponent)
}

function writeScale(view: DataView, at: number, scale: number, shape: BlockwiseShape): void {
  if (shape.scaleBytes === 4) view.setFloat32(at, scale * 2 ** shape.scaleExponent, true)
  else view.setUint16(at, toHalfBits(scale), true)
}

/** `bytes` must be zero where nothing has been written. */
export function writeCode(bytes: Uint8Array, at: number, index: number, bits: number, code: number): void {
  if (bits === 8) bytes[at + index] = code
  else bytes[at + (index >>> 1)] = bytes[at + (index >>> 1)]! | (code << ((index & 1) * 4))
}

export function readCode(bytes: Uint8Array, at: number, index: number, bits: number): number {
  return bits === 8 ? bytes[at + index]! : (bytes[at + (index >>> 1)]! >>> ((index & 1) * 4)) & 15
}

function nearestCode(weight: number, inverse: number, low: number, high: number): number {
  const x = f(weight * inverse)
  const clamped = Math.max(low, Math.min(x, high))
  return f(f(clamped + ROUNDER) - ROUNDER)
}

class Candidates {
  readonly scale = new Float32Array(CANDIDATES)
  readonly inverse = new Float32Array(CANDIDATES)
  readonly low = new Float32Array(CANDIDATES)
  readonly high = new Float32Array(CANDIDATES)
  readonly errors = new Float32Array(CANDIDATES)

  /** Rounds the scale as it will be stored; a scale without a finite inverse stands for a block of zeros. */
  setScale(k: number, scale: number, shape: BlockwiseShape): void {
    const stored = storedScale(scale, shape)
    const inverse = f(1 / stored)
    const usable = inverse < Infinity && inverse > -Infinity
    this.scale[k] = usable ? stored : 0
    this.inverse[k] = usable ? inverse : 0
  }
}

/** The share of the range that candidate k of 16 keeps: down to 0.625 at 4 bits, 0.953 at 8. */
function shrink(k: number, shape: BlockwiseShape): number {
  return f(1 - f(k / (shape.bits === 4 ? 40 : 320)))
}

function symmetric(weights: Float32Array, shape: BlockwiseShape, candidates: Candidates): void {
  let extreme = 0
  for (const weight of weights) if (Math.abs(weight) > Math.abs(extreme)) extreme = weight
  const low = shape.bits === 4 ? -8 : -128
  const high = -low - 1
  for (let k = 0; k < CANDIDATES; k++) {
    // The extreme weight takes the code furthest from zero on the long side, then on the short one.
    const full = f(extreme / (k < 16 ? low : high))
    candidates.low[k] = low
    candidates.high[k] = high
    candidates.setScale(k, f(full * shrink(k & 15, shape)), shape)
  }
}

function withZeroPoint(weights: Float32Array, shape: BlockwiseShape, candidates: Candidates): void {
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

function errorOf(weights: Float32Array, candidates: Candidates, k: number): number {
  const inverse = candidates.inverse[k]!
  const scale = candidates.scale[k]!
  const low = candidates.low[k]!
  const high = candidates.high[k]!
  let sum = 0
  for (const weight of weights) {
    const difference = f(weight - f(nearestCode(weight, inverse, low, high) * scale))
    sum = f(sum + f(difference * difference))
  }
  return sum
}

function best(weights: Float32Array, candidates: Candidates): { k: number; error: number } {
  let chosen = 0
  let error = Infinity
  for (let k = 0; k < CANDIDATES; k++) {
    const sum = errorOf(weights, candidates, k)
    if (sum < error) {
      error = sum
      chosen = k
    }
  }
  return { k: chosen, error }
}

/**
 * With the codes held, the best scale is a least-squares quotient; with the scale held, the best codes are
 * the nearest.
 */
function refine(
  weights: Float32Array,
  shape: BlockwiseShape,
  candidates: Candidates,
  k: number,
  startError: number,
): void {
  let error = startError
  const low = candidates.low[k]!
  const high = candidates.high[k]!
  for (let round = 0; round < REFINEMENTS; round++) {
    const scale = candidates.scale[k]!
    const inverse = candidates.inverse[k]!
    let product = 0
    let square = 0
    for (const weight of weights) {
      const code = nearestCode(weight, inverse, low, high)
      product = f(product + f(weight * code))
      square = f(square + f(code * code))
    }
    if (!(square > 0)) return
    candidates.setScale(k, f(product / square), shape)
    const refined = errorOf(weights, candidates, k)
    if (!(refined < error)) {
      candidates.scale[k] = scale
      candidates.inverse[k] = inverse
      return
    }
    error = refined
  }
}

/**
 * Encodes rows × cols float32 weights (row-major, finite, at most 2^27 · 2^scaleExponent in size) into the
 * payload of the block-wise integer codecs.
 */
export function blockwiseEncode(data: Float32Array, shape: BlockwiseShape): Uint8Array {
  const layout = blockwiseRow(shape)
  const payload = new Uint8Array(layout.bytes * shape.rows)
  const view = new DataView(payload.buffer)
  const candidates = new Candidates()
  const scaling = 2 ** -shape.scaleExponent
  for (let row = 0; row < shape.rows; row++) {
    const at = row * layout.bytes
    for (let block = 0; block < layout.blocks; block++) {
      const first = block * shape.blockSize
      const end = Math.min(first + shape.blockSize, shape.cols)
      const weights = data
        .subarray(row * shape.cols + first, row * shape.cols + end)
        .map((weight) => weight * scaling)
      if (shape.zeroPoints) withZeroPoint(weights, shape, candidates)
      else symmetric(weights, shape, candidates)
      const { k, error } = best(weights, candidates)
      refine(weights, shape, candidates, k, error)
      const zeroPoint = -candidates.low[k]!
      writeScale(view, at + block * shape.scaleBytes, candidates.scale[k]!, shape)
      if (shape.zeroPoints) writeCode(payload, at + layout.zeroPointsAt, block, shape.bits, zeroPoint)
      for (let col = first; col < end; col++) {
        const code = nearestCode(
          weights[col - first]!,
          candidates.inverse[k]!,
          candidates.low[k]!,
          candidates.high[k]!,
        )
        writeCode(payload, at + layout.codesAt, col, shape.bits, code + zeroPoint)
      }
    }
  }
  return payload
}

/**
 * The weights that a payload of exactly rows × row bytes stands for: (code - zero point) · scale, in float32.
 */
export function blockwiseDecode(payload: Uint8Array, shape: BlockwiseShape): Float32Array {
  const layout = blockwiseRow(shape)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const middle = shape.bits === 4 ? 8 : 128
  const data = new Float32Array(shape.rows * shape.cols)
  for (let row = 0; row < shape.rows; row++) {
    const at = row * layout.bytes
    for (let block = 0; block < layout.blocks; block++) {
      const scale = readScale(view, at + block * shape.scaleBytes, shape)
      const zeroPoint = shape.zeroPoints
        ? readCode(payload, at + layout.zeroPointsAt, block, shape.bits)
        : middle
      const end = Math.min((block + 1) * shape.blockSize, shape.cols)
      for (let col = block * shape.blockSize; col < end; col++)
        data[row * shape.cols + col] =
          (readCode(payload, at + layout.codesAt, col, shape.bits) - zeroPoint) * scale
    }
  }
  return data
}
