/** What is told of a compressed model: sizes, bits and errors, as a whole and by tensor. */
import type { JsonObject } from '../../json.ts'
import {
  addEncodeStats,
  bitsPerWeight,
  relativeError,
  weightedNormalisedError,
} from '../codecs/encode-stats.ts'
import type { CompressedFile } from '../models/compressed-file.ts'
import type { RunnableWeight } from '../models/rewrite-packed.ts'
import { normalisedLoss } from '../onnx/requantize.ts'
import type { CompressParams } from './compress-params.ts'
import type { WrittenWeight } from './compress-slices.ts'
import type { Survey } from './compress-survey.ts'

export interface Stored extends JsonObject {
  readonly cid: string
  readonly sizeBytes: number
}

/** What the limit of the job left as it is, among the weights that a codec could take; empty where nobody counted. */
export function smallReport({ minElements, small, weights }: Survey): JsonObject {
  if (small === null) return {}
  return { limit: { minElements, weights: weights.length + small.weights, small: { ...small } } }
}

/** How a tensor runs; nulls for a model that has no graph to run. */
function runtimeOf(form: RunnableWeight | undefined): JsonObject {
  if (form === undefined) return { runtime: null, runtimeBits: null, runtimeBytes: null, runtimeError: null }
  return {
    runtime: form.runtime,
    runtimeBits: form.bits,
    runtimeBytes: form.sizeBytes,
    /** What running it in that form adds: |ŵ − run|² / |ŵ|². 0 is exact. */
    runtimeError: normalisedLoss(form),
  }
}

/** Of all compressed weights; each codebook is counted once. */
function totalsOf(weights: readonly WrittenWeight[]) {
  const slices = weights.map(({ stats }) => stats).reduce(addEncodeStats)
  const codebooks = new Set(weights.flatMap(({ codebook }) => (codebook === null ? [] : [codebook])))
  const codebookBytes = [...codebooks].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  return { total: { ...slices, packedBytes: slices.packedBytes + codebookBytes }, codebookBytes }
}

/** What goes along with the runnable form. */
export const compressedFile = (
  { codec }: CompressParams,
  model: string,
  weights: readonly WrittenWeight[],
): CompressedFile => ({ model, codec, bitsPerWeight: bitsPerWeight(totalsOf(weights).total) })

export function compressReport(init: {
  params: CompressParams
  model: { id: string | null; cid: string; parameters: number; sizeBytes: number }
  weights: readonly WrittenWeight[]
  packed: Stored
  runnable: Stored
  forms: readonly RunnableWeight[]
}): JsonObject {
  const { params, model, weights, packed, runnable } = init
  const forms = new Map(init.forms.map((form) => [form.name, form]))
  const { total, codebookBytes } = totalsOf(weights)
  return {
    codec: params.codec,
    params: params.params,
    model: model.id,
    modelCid: model.cid,
    packed,
    runnable,
    totals: {
      parameters: model.parameters,
      /** Weights that went through the codec; the others are as they were. */
      compressedWeights: total.weights,
      /** Of the compressed weights, with slice headers, scales, codes, padding and codebooks. */
      bitsPerWeight: bitsPerWeight(total),
      /** Each is counted once. */
      codebookBytes,
      /** Of all parameters, over everything in the packed directory. */
      bitsPerParameter: (packed.sizeBytes * 8) / model.parameters,
      relativeError: relativeError(total),
      maxAbsError: total.maxAbsError,
      originalBytes: model.sizeBytes,
      packedBytes: packed.sizeBytes,
      runnableBytes: runnable.sizeBytes,
      ratio: model.sizeBytes / packed.sizeBytes,
      runnableRatio: model.sizeBytes / runnable.sizeBytes,
    },
    tensors: weights.map(({ source: { name, codec, params: fitted }, stats, sliceBytes }) => ({
      name,
      codec,
      params: fitted,
      weights: stats.weights,
      slices: sliceBytes.length,
      /** Without the codebook: it may be shared. */
      packedBytes: stats.packedBytes,
      bitsPerWeight: bitsPerWeight(stats),
      relativeError: relativeError(stats),
      /** Share of the layer's output energy that is lost on the calibration's inputs; null without one. */
      weightedError: weightedNormalisedError(stats),
      maxAbsError: stats.maxAbsError,
      ...runtimeOf(forms.get(name)),
    })),
  }
}
