/**
 * Codebooks of `vptq` for tests, so that the right one is there for any parameters: small ones trained on few Gaussian
 * vectors, the others, which would take long without native kernels, of Gaussian vectors as they are.
 */
import type { Codec, CodecParams, EncodeAids } from '../../node/compute/codecs/codec.ts'
import { layoutOf } from '../../node/compute/codecs/vptq.ts'
import { writeCodebook } from '../../node/compute/codecs/vptq-codebook.ts'
import { VPTQ_LAYOUTS, type VptqLayout } from '../../node/compute/codecs/vptq-layouts.ts'
import { trainCodebook } from '../../node/compute/codecs/vptq-training.ts'
import { loadKernels } from '../../node/compute/kernels.ts'
import { gaussianMatrix } from './weights.ts'

const VECTORS = 8192

const trained = new Map<VptqLayout, Uint8Array>()
for (const layout of VPTQ_LAYOUTS) {
  const { vector, indexBits, residualBits } = layout
  if (layout.name === 'small') {
    const points = gaussianMatrix(VECTORS, vector, 5, 1).data
    const weights = new Float32Array(VECTORS).fill(1)
    const { codebook } = await trainCodebook(loadKernels(), { points, weights }, layout, 1)
    trained.set(layout, writeCodebook(codebook))
  } else {
    const entries = gaussianMatrix(2 ** indexBits, vector, 6, 1).data
    const residuals = gaussianMatrix(residualBits === 0 ? 0 : 2 ** residualBits, vector, 7, 0.3).data
    trained.set(layout, writeCodebook({ layout, entries, residuals }))
  }
}

/** The codebook for parameters of vptq. */
export function codebookOf(params: CodecParams): Uint8Array {
  return trained.get(layoutOf(params))!
}

/** What encode needs beside the matrix: a codebook where the codec has one, and nothing else. */
export function neededAids(codec: Codec, params: CodecParams): EncodeAids {
  return codec.aids.includes('codebook') ? { codebook: codebookOf(params) } : {}
}
