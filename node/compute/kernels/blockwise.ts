import {
  type BlockwiseShape,
  blockwiseDecode,
  blockwiseEncode,
  blockwiseRow,
} from '../reference/blockwise.ts'

export type { BlockwiseShape } from '../reference/blockwise.ts'

export interface BlockwiseKernels {
  blockwiseEncode(data: Float32Array, shape: BlockwiseShape): Uint8Array
  blockwiseDecode(payload: Uint8Array, shape: BlockwiseShape): Float32Array
}

/** Both fill their second argument, which has the size that the shape needs. */
export interface BlockwiseAddon {
  blockwiseEncode(data: Float32Array, payload: Uint8Array, ...shapeAndLevel: number[]): void
  blockwiseDecode(payload: Uint8Array, data: Float32Array, ...shape: number[]): void
}

export const referenceBlockwise: BlockwiseKernels = { blockwiseEncode, blockwiseDecode }

function numbers(shape: BlockwiseShape): number[] {
  const { rows, cols, bits, blockSize, zeroPoints, scaleBytes, scaleExponent } = shape
  return [rows, cols, bits, blockSize, zeroPoints ? 1 : 0, scaleBytes, scaleExponent]
}

export function bindBlockwise(addon: BlockwiseAddon, level: number): BlockwiseKernels {
  return {
    blockwiseEncode(data, shape) {
      const payload = new Uint8Array(blockwiseRow(shape).bytes * shape.rows)
      addon.blockwiseEncode(data, payload, ...numbers(shape), level)
      return payload
    },
    blockwiseDecode(payload, shape) {
      const data = new Float32Array(shape.rows * shape.cols)
      addon.blockwiseDecode(payload, data, ...numbers(shape))
      return data
    },
  }
}
