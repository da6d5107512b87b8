import {
  type SeedlmShape,
  searchPlain,
  seedlmDecode,
  seedlmEncode,
  seedlmRowBytes,
} from '../reference/seedlm.ts'
import { searchWasm } from '../reference/seedlm-wasm.ts'

export type { SeedlmShape } from '../reference/seedlm.ts'

export interface SeedlmKernels {
  seedlmEncode(data: Float32Array, shape: SeedlmShape): Uint8Array
  seedlmDecode(payload: Uint8Array, shape: SeedlmShape): Float32Array
}

/** Both fill their second argument, which has the size that the shape needs. */
export interface SeedlmAddon {
  seedlmEncode(data: Float32Array, payload: Uint8Array, ...shapeAndLevel: number[]): void
  seedlmDecode(payload: Uint8Array, data: Float32Array, ...shape: number[]): void
}

/** With the search in WebAssembly SIMD, or in plain TypeScript: the oracle. */
export function referenceSeedlm(wasm: boolean): SeedlmKernels {
  return {
    seedlmEncode: (data, shape) => seedlmEncode(data, shape, wasm ? searchWasm : searchPlain),
    seedlmDecode,
  }
}

function numbers(shape: SeedlmShape): number[] {
  return [shape.rows, shape.cols, shape.blockWeights, shape.coefficients, shape.scale]
}

export function bindSeedlm(addon: SeedlmAddon, level: number): SeedlmKernels {
  return {
    seedlmEncode(data, shape) {
      const rowBytes = seedlmRowBytes(shape.cols, shape.blockWeights, shape.coefficients)
      const payload = new Uint8Array(rowBytes * shape.rows)
      addon.seedlmEncode(data, payload, ...numbers(shape), level)
      return payload
    },
    seedlmDecode(payload, shape) {
      const data = new Float32Array(shape.rows * shape.cols)
      addon.seedlmDecode(payload, data, ...numbers(shape))
      return data
    },
  }
}
