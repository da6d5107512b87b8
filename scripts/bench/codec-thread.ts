/** What the threads of the codec benchmarks run: one codec over and over, timed where it runs. */

import type { CodecParams, WeightMatrix } from '../../node/compute/codecs/codec.ts'
import { codecById, codecByName } from '../../node/compute/codecs/table.ts'
import { readSlice } from '../../node/compute/codecs/wire.ts'
import { loadKernels } from '../../node/compute/kernels.ts'
import { serveOperations } from '../../node/compute/serve-operations.ts'

const kernels = loadKernels()

export const CODEC_BENCH_OPERATIONS = {
  /** Encodes the matrix once. */
  async encode(input: { codec: string; params: CodecParams; matrix: WeightMatrix; codebook?: Uint8Array }) {
    const { codec, params, matrix, codebook } = input
    const started = performance.now()
    const packed = codecByName(codec).encode(
      matrix,
      params,
      kernels,
      codebook === undefined ? {} : { codebook },
    )
    return { packed, ms: performance.now() - started }
  },

  /** Decodes the slice until `forMs` have gone by; at least once. */
  async decode(input: { packed: Uint8Array; codebook?: Uint8Array; forMs: number }) {
    const codec = codecById(readSlice(input.packed).codecId)
    codec.decode(input.packed, kernels, input.codebook)
    const started = performance.now()
    let weights = 0
    let ms = 0
    do {
      weights += codec.decode(input.packed, kernels, input.codebook).data.length
      ms = performance.now() - started
    } while (ms < input.forMs)
    return { weights, ms }
  },
}

serveOperations(CODEC_BENCH_OPERATIONS)
