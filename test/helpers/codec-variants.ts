/** Every codec with the settings that change its format: what tests of all rows of CODECS run over. */
import type { Codec, CodecParams, EncodeAids, WeightMatrix } from '../../node/compute/codecs/codec.ts'
import { CODECS } from '../../node/compute/codecs/table.ts'
import type { Kernels } from '../../node/compute/kernels.ts'
import { neededAids } from './codebooks.ts'

const PARAMS: Readonly<Record<string, readonly CodecParams[]>> = {
  int8: [{}, { blockSize: 16, zeroPoints: true, scaleType: 'fp32', scales: 'hqq' }],
  int4: [{}, { blockSize: 128, zeroPoints: true }, { blockSize: 64, scaleType: 'fp32', scales: 'hqq' }],
  ternary: [{ force: true }, { force: true, packing: '2bit', scales: 'row' }],
  seedlm: [{}, { bits: 3 }, { outliers: 0.01 }],
  vptq: [
    { bits: 2, layout: 'small' },
    { bits: 3, layout: 'small' },
    { bits: 4, layout: 'residual' },
  ],
  trellis: [{}, { bits: 3 }, { bits: 2, blockSize: 32 }],
  planes: [{}, { blockSize: 32 }],
}

export interface CodecVariant {
  readonly label: string
  readonly codec: Codec
  readonly params: CodecParams
  /** What encode needs beside the matrix. */
  readonly aids: EncodeAids
  encode(matrix: WeightMatrix, kernels: Kernels, aids?: EncodeAids): Uint8Array
}

/** Throws for a codec that has no variants here: a new row must be in the tests. */
export const CODEC_VARIANTS: readonly CodecVariant[] = CODECS.flatMap((codec) => {
  const variants = PARAMS[codec.name]
  if (variants === undefined) throw new Error(`${codec.name} is not in test/helpers/codec-variants.ts`)
  return variants.map((params) => {
    const aids = neededAids(codec, params)
    return {
      label: `${codec.name} ${JSON.stringify(params)}`,
      codec,
      params,
      aids,
      encode: (matrix: WeightMatrix, kernels: Kernels, more: EncodeAids = {}) =>
        codec.encode(matrix, codec.parseParams(params), kernels, { ...aids, ...more }),
    }
  })
})
