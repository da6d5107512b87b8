/** What a worker thread does to make codebooks: a row of OPERATIONS. */
import { loadAids } from '../calibration/aids.ts'
import { type Kernels, loadKernels } from '../kernels.ts'
import type { CodecParams, WeightMatrix } from './codec.ts'
import { layoutOf, vptq } from './vptq.ts'
import { codebookHash, writeCodebook } from './vptq-codebook.ts'
import { type SampledRows, trainOnRows } from './vptq-sample.ts'

let kernels: Kernels | undefined

export const VPTQ_OPERATIONS = {
  /** Trains a codebook on sampled rows of tensors, with the column weights that a calibration gives their encoder. */
  async 'vptq.train'(
    input: {
      readonly params: CodecParams
      readonly seed: number
      readonly samples: readonly { readonly tensor: string; readonly matrix: WeightMatrix }[]
      readonly calibrationDirectory: string | null
    },
    signal: AbortSignal,
    progress: (share: number) => void,
  ): Promise<{ bytes: Uint8Array; hash: string; distortion: number; vectors: number }> {
    kernels ??= loadKernels()
    const layout = layoutOf(input.params)
    const uses = vptq.aids.filter((aid) => aid !== 'codebook')
    const directory = input.calibrationDirectory
    const samples = input.samples.map(({ tensor, matrix }): SampledRows => {
      if (directory === null) return { matrix }
      const { columnWeights } = loadAids({ calibration: { directory, tensor }, uses })
      return columnWeights === undefined ? { matrix } : { matrix, columnWeights }
    })
    const { codebook, distortion, vectors } = await trainOnRows(
      kernels,
      samples,
      layout,
      input.seed,
      signal,
      progress,
    )
    const bytes = writeCodebook(codebook)
    return { bytes, hash: codebookHash(bytes), distortion, vectors }
  },
}
