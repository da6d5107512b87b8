import { setImmediate } from 'node:timers/promises'
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { WeightMatrix } from '../codecs/codec.ts'
import { addToStats, EMPTY_STATS, type TensorStats } from '../codecs/tensor-stats.ts'
import { type EvaluateRequest, evaluateItems } from '../evaluate/evaluate-items.ts'
import { decodeResults, encodeResults, joinResults } from '../evaluate/results.ts'
import { groupAccuracy, scoreSimilarity } from '../evaluate/scores.ts'
import { suiteByName } from '../evaluate/suites.ts'
import { type Kernels, loadKernels } from '../kernels.ts'
import { inspectModel } from '../onnx/inspect.ts'
import { type OnnxModel, openModel } from '../onnx/read.ts'
import type { RewrittenWeight } from '../onnx/rewrite.ts'
import { createSessions } from '../onnx/sessions.ts'
import { listWeights, readRows, type WeightPlan } from '../onnx/weights.ts'
import { writeEmbeddedEncoder } from './embedded-encoder.ts'
import type { EncoderCard } from './model-card.ts'
import { type RewriteRequest, rewritePacked } from './rewrite-packed.ts'
import { createSentenceEncoder, type Embeddings, type EmbedRequest } from './sentence-encoder.ts'

/** A weight in plain data: what listWeights says, without its place in the file. */
export interface WeightSummary {
  readonly name: string
  readonly type: string
  readonly dims: readonly number[]
  readonly rows: number
  readonly cols: number
  readonly transposed: boolean
  readonly runtime: 'quantized' | 'dense'
  readonly uses: readonly string[]
}

// One cache a worker: this module is loaded once in each.
const sessions = createSessions()
const encoder = createSentenceEncoder({ sessions })
let kernels: Kernels | undefined

/** Rows about this large are read at once where a whole weight is walked: 16 MiB of float32. */
const CHUNK_WEIGHTS = 4 * 1024 * 1024

function findWeight(model: OnnxModel, name: string): WeightPlan {
  const plan = listWeights(model, { minElements: 1 }).find((weight) => weight.name === name)
  if (plan === undefined)
    throw new VillageError('INVALID_ARGUMENT', `The model has no weight "${name}" that can be compressed.`)
  return plan
}

/**
 * Operations on models that run in worker threads: rows of the pool's table. Inputs and outputs are plain
 * data that can go between threads.
 */
export const MODEL_OPERATIONS = {
  'encoder.embed'(input: EmbedRequest, signal: AbortSignal): Promise<Embeddings> {
    return encoder.embed(input, signal)
  },

  async 'encoder.write'(input: { modelDir: string }): Promise<EncoderCard> {
    return writeEmbeddedEncoder(input.modelDir)
  },

  async 'model.inspect'(input: { modelPath: string }): Promise<JsonObject> {
    using model = openModel(input.modelPath)
    return inspectModel(model)
  },

  /** Files that a model's tensors are in, checked to lie below its directory. */
  async 'model.externalFiles'(input: { modelPath: string }): Promise<string[]> {
    using model = openModel(input.modelPath)
    return [...model.externalFiles]
  },

  async 'model.weights'(input: { modelPath: string; minElements?: number }): Promise<WeightSummary[]> {
    using model = openModel(input.modelPath)
    return listWeights(model, input).map(({ name, tensor, rows, cols, transposed, runtime, uses }) => ({
      name,
      type: tensor.type.name,
      dims: tensor.dims,
      rows,
      cols,
      transposed,
      runtime,
      uses,
    }))
  },

  async 'model.readRows'(input: {
    modelPath: string
    name: string
    startRow: number
    rows: number
  }): Promise<WeightMatrix> {
    using model = openModel(input.modelPath)
    const plan = findWeight(model, input.name)
    return { rows: input.rows, cols: plan.cols, data: readRows(model, plan, input.startRow, input.rows) }
  },

  /** What codecs fit their parameters to, over a whole weight in bounded memory. */
  async 'model.tensorStats'(
    input: { modelPath: string; name: string },
    signal: AbortSignal,
  ): Promise<TensorStats> {
    using model = openModel(input.modelPath)
    const plan = findWeight(model, input.name)
    const step = Math.max(1, Math.floor(CHUNK_WEIGHTS / plan.cols))
    let stats = EMPTY_STATS
    for (let row = 0; row < plan.rows; row += step) {
      await setImmediate()
      signal.throwIfAborted()
      const rows = Math.min(step, plan.rows - row)
      stats = addToStats(stats, { rows, cols: plan.cols, data: readRows(model, plan, row, rows) }, row)
    }
    return stats
  },

  'model.rewrite'(input: RewriteRequest, signal: AbortSignal): Promise<RewrittenWeight[]> {
    kernels ??= loadKernels()
    return rewritePacked({ kernels }, input, signal)
  },

  async 'evaluate.items'(input: EvaluateRequest, signal: AbortSignal): Promise<{ bytes: Uint8Array }> {
    return { bytes: encodeResults(await evaluateItems({ encoder }, input, signal)) }
  },

  /** Scores a candidate's result parts against the original's; without an original, the candidate alone. */
  async 'evaluate.score'(input: {
    candidate: readonly Uint8Array[]
    original: readonly Uint8Array[] | null
    seed: number
    resamples?: number
  }): Promise<JsonObject> {
    const candidate = joinResults(input.candidate.map(decodeResults))
    const suite = suiteByName(candidate.suite)
    const scores: JsonObject = {
      suite: suite.name,
      items: candidate.count,
      groupAccuracy: groupAccuracy(candidate, (item) => suite.group(candidate.start + item)),
    }
    if (input.original === null) return scores
    const original = joinResults(input.original.map(decodeResults))
    if (
      original.suite !== candidate.suite ||
      original.start !== candidate.start ||
      original.count !== candidate.count
    )
      throw new VillageError('INVALID_ARGUMENT', 'The two results are not of the same items.')
    const { items: _, ...similarity } = scoreSimilarity(original, candidate, input)
    return {
      ...scores,
      ...Object.fromEntries(Object.entries(similarity).map(([name, interval]) => [name, { ...interval }])),
    }
  },
}
