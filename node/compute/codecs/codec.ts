import type { JsonObject } from '../../json.ts'
import type { Kernels } from '../kernels.ts'
import type { TensorStats } from './tensor-stats.ts'

/**
 * Weights as codecs see them: row-major float32, one row an output channel. A MatMul weight [K, N] arrives
 * transposed (rows N, cols K), a Gather table as it is. Blocks and groups run along the columns and never
 * cross a row.
 */
export interface WeightMatrix {
  readonly rows: number
  readonly cols: number
  readonly data: Float32Array
}

/** Parameters of a codec: plain JSON, every field present but those that `fit` fills. */
export type CodecParams = JsonObject

/** What may help an encoder. The packed form never depends on it: decoders need a codebook at most. */
export interface EncodeAids {
  /** How much the error of a column counts: `cols` positive, finite numbers with mean 1. Absent: all alike. */
  readonly columnWeights?: Float32Array
  /**
   * Error feedback F (GPTQ, arXiv 2210.17323), cols × cols, row-major, strictly upper triangular: the error of
   * column j moves what column k > j is quantised to by −F[j][k]. `columnWeights` are then those of the errors
   * after feedback.
   */
  readonly feedback?: Float32Array
  /** The codebook whose SHA-256 is the parameter `codebook`. */
  readonly codebook?: Uint8Array
}

/**
 * What onnxruntime runs. `nbits` is laid out as its MatMulNBits wants it: `packed` is rows × blocks ×
 * blockSize·bits/8 bytes (lowest bits first, the last block of a row padded with the zero point), `scales`
 * rows × blocks, `zeroPoints` rows × ceil(blocks·bits/8) bytes packed like the codes, or null for 2^(bits-1)
 * everywhere; blocks = ceil(cols / blockSize). `dense` is the decoded matrix, row-major.
 */
export type RuntimeForm =
  | {
      readonly kind: 'nbits'
      readonly bits: 2 | 4 | 8
      readonly blockSize: number
      readonly packed: Uint8Array
      readonly scales: Float32Array
      readonly zeroPoints: Uint8Array | null
    }
  | { readonly kind: 'dense'; readonly data: Float32Array }

/**
 * A codec: one row of CODECS. A packed blob holds one slice, any contiguous range of a tensor's rows; with
 * the parameters of `fit`, slicing a tensor differently changes no byte of a row.
 */
export interface Codec {
  /** Stable wire id, 1 to 255. */
  readonly id: number
  readonly name: string
  /** One line for people. */
  readonly title: string
  readonly experimental: boolean
  /** True where ordinary weights lose so much that encode wants the parameter `force`. */
  readonly needsForce: boolean
  /** True where its values lie on a grid of integers that runs as it is: runtimeForm gives `nbits`, otherwise `dense`. */
  readonly runsAsGrid: boolean
  /** The aids that encode makes use of. */
  readonly aids: readonly (keyof EncodeAids)[]
  /** Checks parameters and fills defaults. Throws INVALID_ARGUMENT naming the field. */
  parseParams(input: unknown): CodecParams
  /**
   * Fills what depends on the whole tensor, so that slices of it encode alike. Fields already given are kept.
   */
  fit(params: CodecParams, stats: TensorStats): CodecParams
  /** Rows that are encoded together; slices begin at multiples of it. */
  rowGroup(params: CodecParams): number
  /**
   * Encodes one slice; parameters that `fit` was not asked for are fitted to the slice itself. Throws
   * INVALID_ARGUMENT for a matrix that is empty, too large or of the wrong length, CODEC_NON_FINITE for a NaN
   * or an infinity, CODEC_NEEDS_FORCE (see needsForce).
   */
  encode(matrix: WeightMatrix, params: CodecParams, kernels: Kernels, aids?: EncodeAids): Uint8Array
  /** Decodes a blob that may come from anybody. Throws CODEC_MALFORMED, also for a codebook that is missing or another. */
  decode(packed: Uint8Array, kernels: Kernels, codebook?: Uint8Array): WeightMatrix
  /** The form that onnxruntime runs, with exactly the values of `decode`. Throws CODEC_MALFORMED. */
  runtimeForm(packed: Uint8Array, kernels: Kernels, codebook?: Uint8Array): RuntimeForm
}
