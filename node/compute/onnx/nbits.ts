import { VillageError } from '../../errors.ts'
import type { RuntimeForm } from '../codecs/codec.ts'

/**
 * Block-wise quantised weights in the layout of onnxruntime's MatMulNBits (its ContribOperators.md); a block
 * size is a power of two of at least 16.
 */
export type NBits = Extract<RuntimeForm, { kind: 'nbits' }>

/** What the slices of one weight have to share to be one form. */
export interface NBitsLayout {
  readonly bits: 2 | 4 | 8
  readonly blockSize: number
  readonly zeroPoints: boolean
}

export function layoutOf({ bits, blockSize, zeroPoints }: NBits): NBitsLayout {
  return { bits, blockSize, zeroPoints: zeroPoints !== null }
}

export function blocksPerRow(cols: number, blockSize: number): number {
  return Math.ceil(cols / blockSize)
}

/** Refuses a form whose arrays do not have the sizes that rows × cols need. */
export function checkNBits(name: string, form: NBits, rows: number, cols: number): void {
  const { bits, blockSize } = form
  const blocks = blocksPerRow(cols, blockSize)
  const wrong = (what: string): VillageError =>
    new VillageError(
      'INVALID_ARGUMENT',
      `The quantised form of "${name}" has ${what} for ${rows} × ${cols} weights.`,
    )
  if (bits !== 2 && bits !== 4 && bits !== 8) throw wrong(`${bits as number} bits`)
  if (!Number.isInteger(Math.log2(blockSize)) || blockSize < 16) throw wrong(`blocks of ${blockSize}`)
  if (form.packed.length !== (rows * blocks * blockSize * bits) / 8)
    throw wrong(`${form.packed.length} packed bytes`)
  if (form.scales.length !== rows * blocks) throw wrong(`${form.scales.length} scales`)
  if (form.zeroPoints !== null && form.zeroPoints.length !== rows * Math.ceil((blocks * bits) / 8))
    throw wrong(`${form.zeroPoints.length} bytes of zero points`)
}

/** weight = (q − zero point) × scale, as row-major rows × cols float32. */
export function dequantizeNBits(form: NBits, rows: number, cols: number): Float32Array {
  const { bits, blockSize, packed, scales, zeroPoints } = form
  const blocks = blocksPerRow(cols, blockSize)
  const zeroBytes = Math.ceil((blocks * bits) / 8)
  const mask = 2 ** bits - 1
  const out = new Float32Array(rows * cols)
  if (bits === 8 && zeroPoints === null) {
    for (let row = 0; row < rows; row++)
      for (let col = 0; col < cols; col++) {
        const code = packed[row * blocks * blockSize + col]!
        out[row * cols + col] = (code - 128) * scales[row * blocks + Math.floor(col / blockSize)]!
      }
    return out
  }
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const block = Math.floor(col / blockSize)
      const bit = ((row * blocks + block) * blockSize + (col % blockSize)) * bits
      const q = (packed[bit >> 3]! >> (bit & 7)) & mask
      const zeroBit = block * bits
      const zero =
        zeroPoints === null
          ? 2 ** (bits - 1)
          : (zeroPoints[row * zeroBytes + (zeroBit >> 3)]! >> (zeroBit & 7)) & mask
      out[row * cols + col] = (q - zero) * scales[row * blocks + block]!
    }
  }
  return out
}

/**
 * The packed rows without the padding of their last block: what GatherBlockQuantized takes, [rows, cols ×
 * bits / 8].
 */
export function trimPadding(form: NBits, rows: number, cols: number): Uint8Array {
  const stored = (blocksPerRow(cols, form.blockSize) * form.blockSize * form.bits) / 8
  const wanted = (cols * form.bits) / 8
  if (stored === wanted) return form.packed
  const out = new Uint8Array(rows * wanted)
  for (let row = 0; row < rows; row++)
    out.set(form.packed.subarray(row * stored, row * stored + wanted), row * wanted)
  return out
}
