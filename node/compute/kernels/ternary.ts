import { type TernaryShape, ternaryDecode, ternaryEncode, ternaryRowBytes } from '../reference/ternary.ts'

export type { TernaryShape } from '../reference/ternary.ts'

export interface TernaryKernels {
  /** `exact` where nothing was lost. */
  ternaryEncode(data: Float32Array, shape: TernaryShape): { payload: Uint8Array; exact: boolean }
  /** Null where the payload is not valid. */
  ternaryDecode(payload: Uint8Array, shape: TernaryShape): Float32Array | null
}

/** Both fill their second argument, which has the size that the shape needs. */
export interface TernaryAddon {
  ternaryEncode(data: Float32Array, payload: Uint8Array, ...shape: number[]): boolean
  ternaryDecode(payload: Uint8Array, data: Float32Array, ...shape: number[]): boolean
}

export const referenceTernary: TernaryKernels = { ternaryEncode, ternaryDecode }

function numbers({ rows, cols, perByte, rowScales, scale }: TernaryShape): number[] {
  return [rows, cols, perByte, rowScales ? 1 : 0, scale]
}

export function bindTernary(addon: TernaryAddon): TernaryKernels {
  return {
    ternaryEncode(data, shape) {
      const payload = new Uint8Array(ternaryRowBytes(shape) * shape.rows)
      const exact = addon.ternaryEncode(data, payload, ...numbers(shape))
      return { payload, exact }
    },
    ternaryDecode(payload, shape) {
      const data = new Float32Array(shape.rows * shape.cols)
      return addon.ternaryDecode(payload, data, ...numbers(shape)) ? data : null
    },
  }
}
