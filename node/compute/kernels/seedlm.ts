import {
  type SeedlmAids,
  type SeedlmShape,
  seedlmDecode,
  seedlmEncode,
  seedlmRow,
} from '../reference/seedlm.ts'
import { plainScan } from '../reference/seedlm-scan.ts'
import { wasmScan } from '../reference/seedlm-wasm.ts'

export type { SeedlmAids, SeedlmShape } from '../reference/seedlm.ts'

export interface SeedlmKernels {
  seedlmEncode(data: Float32Array, shape: SeedlmShape, aids?: SeedlmAids): Uint8Array
  seedlmDecode(payload: Uint8Array, shape: SeedlmShape): Float32Array
}

/** Both fill their second argument, which has the size that the shape needs. */
export interface SeedlmAddon {
  seedlmEncode(
    data: Float32Array,
    payload: Uint8Array,
    ...shapeLevelAndAids: (number | Float32Array | undefined)[]
  ): void
  seedlmDecode(payload: Uint8Array, data: Float32Array, ...shapeAndLevel: number[]): void
}

/** With the search in WebAssembly SIMD, or in plain TypeScript: the oracle. */
export function referenceSeedlm(wasm: boolean): SeedlmKernels {
  return {
    seedlmEncode: (data, shape, aids = {}) => seedlmEncode(data, shape, aids, wasm ? wasmScan : plainScan),
    seedlmDecode,
  }
}

function numbers(shape: SeedlmShape): number[] {
  return [shape.rows, shape.cols, shape.blockWeights, shape.coefficients, shape.scale, shape.outliers]
}

export function bindSeedlm(addon: SeedlmAddon, level: number): SeedlmKernels {
  return {
    seedlmEncode(data, shape, aids = {}) {
      const payload = new Uint8Array(seedlmRow(shape).bytes * shape.rows)
      const { exact = false, columnWeights, feedback } = aids
      addon.seedlmEncode(data, payload, ...numbers(shape), level, exact ? 1 : 0, columnWeights, feedback)
      return payload
    },
    seedlmDecode(payload, shape) {
      const data = new Float32Array(shape.rows * shape.cols)
      addon.seedlmDecode(payload, data, ...numbers(shape), level)
      return data
    },
  }
}
