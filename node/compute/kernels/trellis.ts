import { type TrellisShape, trellisDecode, trellisRow } from '../reference/trellis.ts'
import { type TrellisAids, trellisEncode } from '../reference/trellis-encode.ts'
import { plainCosts } from '../reference/trellis-search.ts'
import { wasmCosts } from '../reference/trellis-wasm.ts'

export type { TrellisShape } from '../reference/trellis.ts'
export type { TrellisAids } from '../reference/trellis-encode.ts'

export interface TrellisKernels {
  trellisEncode(data: Float32Array, shape: TrellisShape, aids: TrellisAids): Uint8Array
  trellisDecode(payload: Uint8Array, shape: TrellisShape): Float32Array
}

/** Both fill their second argument, which has the size that the shape needs. */
export interface TrellisAddon {
  trellisEncode(
    data: Float32Array,
    payload: Uint8Array,
    ...shapeLevelAndAids: (number | Float32Array | undefined)[]
  ): void
  trellisDecode(payload: Uint8Array, data: Float32Array, ...shape: number[]): void
}

/** With the search in WebAssembly SIMD, or in plain TypeScript: the oracle. */
export function referenceTrellis(wasm: boolean): TrellisKernels {
  const costsOf = wasm ? wasmCosts : plainCosts
  return {
    trellisEncode: (data, shape, aids) => trellisEncode(data, shape, aids, costsOf),
    trellisDecode,
  }
}

function numbers({ rows, cols, bits, blockSize, scaleExponent }: TrellisShape): number[] {
  return [rows, cols, bits, blockSize, scaleExponent]
}

export function bindTrellis(addon: TrellisAddon, level: number): TrellisKernels {
  return {
    trellisEncode(data, shape, aids) {
      const payload = new Uint8Array(trellisRow(shape).bytes * shape.rows)
      addon.trellisEncode(data, payload, ...numbers(shape), level, aids.columnWeights, aids.feedback)
      return payload
    },
    trellisDecode(payload, shape) {
      const data = new Float32Array(shape.rows * shape.cols)
      addon.trellisDecode(payload, data, ...numbers(shape))
      return data
    },
  }
}
