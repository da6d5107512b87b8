import type { BlockwiseShape } from '../kernels/blockwise.ts'
import { blockwiseRow, readCode, readScale, writeCode } from '../reference/blockwise-layout.ts'
import type { RuntimeForm } from './codec.ts'

/** Block-wise integers as MatMulNBits takes them: the same codes, every row padded to whole blocks. */
export function blockwiseRuntimeForm(payload: Uint8Array, shape: BlockwiseShape): RuntimeForm {
  const { rows, cols, bits, blockSize } = shape
  const layout = blockwiseRow(shape)
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const rowCodes = layout.blocks * blockSize
  const codeBytes = (rowCodes * bits) / 8
  const zeroPointBytes = Math.ceil((layout.blocks * bits) / 8)
  const packed = new Uint8Array(rows * codeBytes)
  const scales = new Float32Array(rows * layout.blocks)
  const zeroPoints = shape.zeroPoints ? new Uint8Array(rows * zeroPointBytes) : null
  const packedCodeBytes = Math.ceil((cols * bits) / 8)
  for (let row = 0; row < rows; row++) {
    const at = row * layout.bytes
    for (let block = 0; block < layout.blocks; block++)
      scales[row * layout.blocks + block] = readScale(view, at + block * shape.scaleBytes, shape)
    zeroPoints?.set(payload.subarray(at + layout.zeroPointsAt, at + layout.codesAt), row * zeroPointBytes)
    packed.set(payload.subarray(at + layout.codesAt, at + layout.codesAt + packedCodeBytes), row * codeBytes)
    const last = shape.zeroPoints
      ? readCode(payload, at + layout.zeroPointsAt, layout.blocks - 1, bits)
      : 2 ** (bits - 1)
    // A row with an odd number of nibbles ends in half a byte whose other half a peer may have filled.
    if (bits === 4 && cols % 2 === 1) packed[row * codeBytes + (cols >>> 1)]! &= 15
    for (let col = cols; col < rowCodes; col++) writeCode(packed, row * codeBytes, col, bits, last)
  }
  return { kind: 'nbits', bits, blockSize, packed, scales, zeroPoints }
}
