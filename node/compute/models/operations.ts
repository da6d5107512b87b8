import { setImmediate } from 'node:timers/promises'
import type { JsonObject } from '../../json.ts'
import type { WeightMatrix } from '../codecs/codec.ts'
import { addToStats, EMPTY_STATS, type TensorStats } from '../codecs/tensor-stats.ts'
import { type Kernels, loadKernels } from '../kernels.ts'
import { openModel } from '../onnx/read.ts'
import { describeCard, describeModel, modelFiles } from './describe-model.ts'
import { writeEmbeddedEncoder } from './embedded-encoder.ts'
import type { EncoderCard } from './model-card.ts'
import { type RewriteRequest, type RunnableWeight, rewritePacked } from './rewrite-packed.ts'
import type { Embeddings, EmbedRequest } from './sentence-encoder.ts'
import { formatOf, type ModelFormat, noWeight, openWeights, type WeightSummary } from './weight-source.ts'
import { workerEncoder } from './worker-encoder.ts'

let kernels: Kernels | undefined

/** Rows about this large are read at once where a whole weight is walked: 16 MiB of float32. */
const CHUNK_WEIGHTS = 4 * 1024 * 1024

/**
 * Operations on models that run in worker threads: rows of the pool's table. Inputs and outputs are plain
 * data that can go between threads.
 */
export const MODEL_OPERATIONS = {
  'encoder.embed'(input: EmbedRequest, signal: AbortSignal): Promise<Embeddings> {
    return workerEncoder.embed(input, signal)
  },

  async 'encoder.write'(input: { modelDir: string }): Promise<EncoderCard> {
    return writeEmbeddedEncoder(input.modelDir)
  },

  async 'model.inspect'(input: { modelPath: string }): Promise<JsonObject> {
    return describeModel(input.modelPath)
  },

  async 'model.card'(input: { modelPath: string }): Promise<JsonObject | null> {
    return describeCard(input.modelPath)
  },

  /** Files that a model's tensors are in, checked to lie below its directory. */
  async 'model.externalFiles'(input: { modelPath: string }): Promise<string[]> {
    using model = openModel(input.modelPath)
    return [...model.externalFiles]
  },

  async 'model.format'(input: { modelPath: string }): Promise<ModelFormat> {
    return formatOf(input.modelPath)
  },

  /** Files of a directory that is not ONNX, checked to be what they are called. */
  async 'model.files'(input: { modelPath: string }): Promise<string[]> {
    return modelFiles(input.modelPath)
  },

  async 'model.weights'(input: { modelPath: string; minElements?: number }): Promise<WeightSummary[]> {
    using source = openWeights(input.modelPath)
    return source.weights(input.minElements)
  },

  async 'model.readRows'(input: {
    modelPath: string
    name: string
    startRow: number
    rows: number
    /** What the caller reckoned with; a weight with other columns is not read. */
    cols?: number
  }): Promise<WeightMatrix> {
    using source = openWeights(input.modelPath)
    return source.readRows(input.name, input.startRow, input.rows, input.cols)
  },

  /** What codecs fit their parameters to, over whole weights in bounded memory; in the order of the names. */
  async 'model.weightStats'(
    input: { modelPath: string; names: readonly string[] },
    signal: AbortSignal,
  ): Promise<TensorStats[]> {
    using source = openWeights(input.modelPath)
    const weights = new Map(source.weights(1).map((weight) => [weight.name, weight]))
    const found: TensorStats[] = []
    let scratch = new Float32Array(0)
    for (const name of input.names) {
      const weight = weights.get(name)
      if (weight === undefined) throw noWeight(name)
      const { rows, cols } = weight
      const step = Math.max(1, Math.floor(CHUNK_WEIGHTS / cols))
      const most = Math.min(step, rows) * cols
      if (scratch.length < most) scratch = new Float32Array(most)
      let stats = EMPTY_STATS
      for (let row = 0; row < rows; row += step) {
        await setImmediate()
        signal.throwIfAborted()
        const matrix = source.readRows(name, row, Math.min(step, rows - row), cols, scratch)
        stats = addToStats(stats, matrix, row)
      }
      found.push(stats)
    }
    return found
  },

  'model.rewrite'(input: RewriteRequest, signal: AbortSignal): Promise<RunnableWeight[]> {
    kernels ??= loadKernels()
    return rewritePacked({ kernels }, input, signal)
  },
}
