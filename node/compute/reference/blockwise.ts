/**
 * Block-wise integers in TypeScript: the twin of native/blockwise*.cc, its oracle in tests and the fallback
 * without a compiler. Every operation is rounded to fp32 in the written order, so both give the same bytes.
 * Encoding works on weights over 2^scaleExponent, where squares neither vanish nor overflow.
 */

import { hold, quantiseInOrder, tryScales } from './blockwise-in-order.ts'
import {
  type BlockwiseShape,
  blockwiseRow,
  readCode,
  readScale,
  writeCode,
  writeScale,
} from './blockwise-layout.ts'
import { Candidates, chooseScale } from './blockwise-search.ts'
import { feedBack } from './error-feedback.ts'

/** What the encoder may be given besides the weights. */
export interface BlockwiseAids {
  /** What the error of each column counts: positive, finite. */
  readonly columnWeights?: Float32Array
  /** F, cols × cols, strictly upper triangular, finite: see error-feedback.ts. */
  readonly feedback?: Float32Array
  /** Chooses scales by HQQ instead of least squares. */
  readonly halfQuadratic?: boolean
}

/**
 * Encodes rows × cols float32 weights (row-major, finite, at most 2^27 · 2^scaleExponent in size) into the
 * payload of the block-wise integer codecs. With feedback, the scale of a block is chosen for its weights as
 * the blocks before it left them, then by trying, and its columns are quantised one after the other.
 */
export function blockwiseEncode(
  data: Float32Array,
  shape: BlockwiseShape,
  aids: BlockwiseAids = {},
): Uint8Array {
  const { cols, bits } = shape
  const layout = blockwiseRow(shape)
  const payload = new Uint8Array(layout.bytes * shape.rows)
  const view = new DataView(payload.buffer)
  const candidates = new Candidates()
  const scaling = 2 ** -shape.scaleExponent
  const columnWeights = aids.columnWeights ?? new Float32Array(cols).fill(1)
  for (let row = 0; row < shape.rows; row++) {
    const at = row * layout.bytes
    const weights = data.subarray(row * cols, (row + 1) * cols).map((weight) => weight * scaling)
    for (let block = 0; block < layout.blocks; block++) {
      const first = block * shape.blockSize
      const end = Math.min(first + shape.blockSize, cols)
      const part = weights.subarray(first, end)
      if (aids.feedback) for (let i = 0; i < part.length; i++) part[i] = hold(part[i]!)
      const seen = {
        weights: part,
        columnWeights: columnWeights.subarray(first, end),
        shape,
        halfQuadratic: aids.halfQuadratic ?? false,
      }
      const k = chooseScale(seen, candidates)
      let codes: Float32Array
      if (aids.feedback) {
        const within = { factors: aids.feedback, cols, first }
        if (!seen.halfQuadratic) tryScales(seen, within, candidates, k)
        const inOrder = quantiseInOrder(part, within, candidates, k)
        codes = inOrder.codes
        const after = { first, count: end - first, from: end, to: cols }
        feedBack(weights, inOrder.errors, aids.feedback, after)
      } else codes = part.map((weight) => candidates.nearest(k, weight))
      const zeroPoint = shape.codeLimit === undefined ? -candidates.low[k]! : 2 ** (bits - 1)
      writeScale(view, at + block * shape.scaleBytes, candidates.scale[k]!, shape)
      if (shape.zeroPoints) writeCode(payload, at + layout.zeroPointsAt, block, bits, zeroPoint)
      for (let i = 0; i < codes.length; i++)
        writeCode(payload, at + layout.codesAt, first + i, bits, codes[i]! + zeroPoint)
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
