/** Codecs with a codebook get one that was trained on the weights that are measured. */
import type { CodecParams, WeightMatrix } from '../../node/compute/codecs/codec.ts'
import { VPTQ_OPERATIONS } from '../../node/compute/codecs/vptq-operations.ts'
import type { Variant } from './codec-variants.ts'

const SEED = 1

/** The parameters with the name of the codebook in them, and its bytes; nothing new for codecs without one. */
export async function codebookFor(
  { codec, params }: Variant,
  matrix: WeightMatrix,
  signal: AbortSignal,
): Promise<{ params: CodecParams; codebook: Uint8Array | undefined }> {
  if (!codec.aids.includes('codebook')) return { params, codebook: undefined }
  const samples = [{ tensor: 'weights', matrix }]
  const input = { params, seed: SEED, samples, calibrationDirectory: null }
  const { bytes, hash } = await VPTQ_OPERATIONS['vptq.train'](input, signal, () => {})
  return { params: { ...params, codebook: hash }, codebook: bytes }
}
