/**
 * Where the parts of a packed row of block-wise integers lie: the scales of its blocks, their zero points (if
 * any), then the codes; 4-bit values two a byte, low nibble first. The twin of native/blockwise_layout.h.
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
  /** Encoding without zero points holds codes this close to the middle; absent: all codes serve. */
  readonly codeLimit?: number
}

export interface BlockwiseRow {
  readonly blocks: number
  readonly zeroPointsAt: number
  readonly codesAt: number
  readonly bytes: number
}

const f = Math.fround

export function blockwiseRow(shape: BlockwiseShape): BlockwiseRow {
  const blocks = Math.ceil(shape.cols / shape.blockSize)
  const zeroPointsAt = blocks * shape.scaleBytes
  const codesAt = zeroPointsAt + (shape.zeroPoints ? Math.ceil((blocks * shape.bits) / 8) : 0)
  return { blocks, zeroPointsAt, codesAt, bytes: codesAt + Math.ceil((shape.cols * shape.bits) / 8) }
}

/** The scale as it will be read back, both taken over 2^scaleExponent. */
export function storedScale(scale: number, shape: BlockwiseShape): number {
  return shape.scaleBytes === 4 ? scale : fromHalfBits(toHalfBits(scale))
}

export function readScale(view: DataView, at: number, shape: BlockwiseShape): number {
  if (shape.scaleBytes === 4) return view.getFloat32(at, true)
  return f(fromHalfBits(view.getUint16(at, true)) * 2 ** shape.scaleExponent)
}

export function writeScale(view: DataView, at: number, scale: number, shape: BlockwiseShape): void {
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
