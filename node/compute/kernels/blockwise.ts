import { type BlockwiseAids, blockwiseDecode, blockwiseEncode } from '../reference/blockwise.ts'
import { type BlockwiseShape, blockwiseRow } from '../reference/blockwise-layout.ts'

export type { BlockwiseAids } from '../reference/blockwise.ts'
export type { BlockwiseShape } from '../reference/blockwise-layout.ts'

export interface BlockwiseKernels {
  blockwiseEncode(data: Float32Array, shape: BlockwiseShape, aids?: BlockwiseAids): Uint8Array
  blockwiseDecode(payload: Uint8Array, shape: BlockwiseShape): Float32Array
}

/** Both fill their second argument, which has the size that the shape needs. */
export interface BlockwiseAddon {
  blockwiseEncode(
    data: Float32Array,
    payload: Uint8Array,
    ...shapeLevelAndAids: (number | Float32Array | undefined)[]
  ): void
  blockwiseDecode(payload: Uint8Array, data: Float32Array, ...shape: number[]): void
}

export const referenceBlockwise: BlockwiseKernels = { blockwiseEncode, blockwiseDecode }

function numbers(shape: BlockwiseShape): number[] {
  const { rows, cols, bits, blockSize, zeroPoints, scaleBytes, scaleExponent } = shape
  return [rows, cols, bits, blockSize, zeroPoints ? 1 : 0, scaleBytes, scaleExponent]
}

export function bindBlockwise(addon: BlockwiseAddon, level: number): BlockwiseKernels {
  return {
    blockwiseEncode(data, shape, aids = {}) {
      const payload = new Uint8Array(blockwiseRow(shape).bytes * shape.rows)
      const options = [shape.codeLimit ?? 0, aids.halfQuadratic ? 1 : 0, aids.columnWeights, aids.feedback]
      addon.blockwiseEncode(data, payload, ...numbers(shape), level, ...options)
      return payload
    },
    blockwiseDecode(payload, shape) {
      const data = new Float32Array(shape.rows * shape.cols)
      addon.blockwiseDecode(payload, data, ...numbers(shape))
      return data
    },
  }
}
