/** What worker threads do for evolution: rows of FEDERATED_OPERATIONS. */

import { type EncodeWeightRequest, encodeWeight } from './encode-weight.ts'
import { type EncoderItemsRequest, writeEncoderItems } from './encoder-items.ts'
import { buildMerge, checkMergeable, type MergeCandidateRequest } from './merge-candidate.ts'
import { createTensorCache } from './model-tensors.ts'
import { buildPerturbed, type PerturbCandidateRequest } from './perturb-candidate.ts'
import { forgetOriginal, type ScoreEncoderRequest, scoreEncoder } from './score-encoder.ts'
import { type ScoreLanguageRequest, scoreLanguage } from './score-language.ts'
import { type ItemCounts, type TaskFiles, writeChosenItems, writeTaskItems } from './task-items.ts'

/** Of each thread: parents of candidates that are made one after another. */
const CACHE_BYTES = 512 * 2 ** 20
const IDLE_MS = 60_000

const cache = createTensorCache({ maxBytes: CACHE_BYTES })
let idle: NodeJS.Timeout | undefined

/** Gives the cache back once nothing was made of it for a while. */
function cached(): typeof cache {
  clearTimeout(idle)
  idle = setTimeout(() => {
    cache.clear()
    forgetOriginal()
  }, IDLE_MS)
  // A thread that was told to close is not kept by it.
  idle.unref()
  return cache
}

async function timed<T extends object>(work: () => Promise<T>): Promise<T & { readonly busyMs: number }> {
  const start = performance.now()
  const result = await work()
  return { ...result, busyMs: performance.now() - start }
}

export const WORKLOAD_OPERATIONS = {
  async 'workload.items'(input: TaskFiles): Promise<ItemCounts> {
    return writeTaskItems(input)
  },

  async 'workload.chooseItems'(input: {
    directory: string
    chosen: readonly number[]
    outDir: string
  }): Promise<void> {
    writeChosenItems(input)
  },

  /** Right (1) or wrong (0) by item. */
  'workload.scoreLanguage'(input: ScoreLanguageRequest, signal: AbortSignal) {
    return timed(async () => ({ scores: await scoreLanguage(input, signal) }))
  },

  /** Throws EVOLVE_MODELS_DIFFER. */
  async 'workload.mergeable'(input: { models: readonly string[] }): Promise<void> {
    checkMergeable(input.models.map((directory) => cached().open(directory)))
  },

  'workload.merge'(input: MergeCandidateRequest) {
    return timed(() => buildMerge(cached(), input))
  },

  async 'workload.encoderItems'(input: EncoderItemsRequest): Promise<ItemCounts> {
    return writeEncoderItems(input)
  },

  'workload.scoreEncoder'(input: ScoreEncoderRequest, signal: AbortSignal) {
    cached()
    return timed(async () => ({ scores: await scoreEncoder(input, signal) }))
  },

  'workload.encodeWeight'(input: EncodeWeightRequest, signal: AbortSignal) {
    return timed(() => encodeWeight(input, signal))
  },

  'workload.perturb'(input: PerturbCandidateRequest) {
    return timed(() => buildPerturbed(cached(), input))
  },
}
