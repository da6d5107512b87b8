import { VillageError } from '../../errors.ts'
import type { SentenceEncoder } from '../models/sentence-encoder.ts'
import type { ResultSet } from './results.ts'
import { suiteByName } from './suites.ts'

export interface EvaluateRequest {
  readonly suite: string
  readonly modelDir: string
  readonly start: number
  readonly count: number
}

/** Evaluates the items `start` to `start + count` of a suite: here, their embeddings. */
export async function evaluateItems(
  components: { encoder: SentenceEncoder },
  request: EvaluateRequest,
  signal: AbortSignal,
): Promise<ResultSet> {
  const suite = suiteByName(request.suite)
  const { start, count } = request
  if (
    !Number.isInteger(start) ||
    !Number.isInteger(count) ||
    start < 0 ||
    count < 1 ||
    start + count > suite.items
  )
    throw new VillageError(
      'INVALID_ARGUMENT',
      `The items must lie within the ${suite.items} of suite "${suite.name}".`,
    )
  const texts = Array.from({ length: count }, (_, index) => suite.text(start + index))
  const { dims, vectors } = await components.encoder.embed({ modelDir: request.modelDir, texts }, signal)
  return { suite: suite.name, start, count, dims, vectors }
}
