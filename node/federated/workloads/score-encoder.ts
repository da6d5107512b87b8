/** How near an encoder that was changed stays to the original, text by text. Runs in worker threads. */
import { createSentenceEncoder } from '../../compute/models/sentence-encoder.ts'
import { createSessions } from '../../compute/onnx/sessions.ts'
import { VillageError } from '../../errors.ts'
import { readEmbedItems } from './encoder-items.ts'
import type { ItemSplit } from './workload.ts'

export interface ScoreEncoderRequest {
  readonly originalDir: string
  readonly modelDir: string
  /** As encoder-items.ts writes it. */
  readonly itemsDir: string
  readonly split: ItemSplit
  readonly count: number
}

interface Original {
  readonly key: string
  readonly vectors: Float32Array
}

/** The last that was asked for: candidates of one run are compared with the same vectors. */
let original: Original | null = null

export function forgetOriginal(): void {
  original = null
}

async function embed(modelDir: string, texts: readonly string[], signal: AbortSignal): Promise<Float32Array> {
  // Its own sessions, which go with the candidate.
  const sessions = createSessions({ maxSessions: 1 })
  try {
    return (await createSentenceEncoder({ sessions }).embed({ modelDir, texts }, signal)).vectors
  } finally {
    await sessions.close()
  }
}

/**
 * 1 minus the distance of the two unit vectors of a text, 0 for those further apart than 1 (a cosine of 0.5). The distance and not the cosine:
 * near 1 the cosine tells good from very good by thousandths only.
 */
export function keptScores(before: Float32Array, after: Float32Array, count: number): Float32Array {
  const dims = before.length / count
  return Float32Array.from({ length: count }, (_, item) => {
    let dot = 0
    let normA = 0
    let normB = 0
    for (let at = item * dims; at < (item + 1) * dims; at++) {
      dot += before[at]! * after[at]!
      normA += before[at]! * before[at]!
      normB += after[at]! * after[at]!
    }
    const norm = Math.sqrt(normA * normB)
    const ratio = dot / norm
    // Vectors of no length, and of numbers that are none, keep nothing.
    const cosine = Number.isFinite(ratio) ? Math.min(1, ratio) : 0
    return Math.max(0, 1 - Math.sqrt(2 - 2 * cosine))
  })
}

export async function scoreEncoder(request: ScoreEncoderRequest, signal: AbortSignal): Promise<Float32Array> {
  const { originalDir, modelDir, itemsDir, split, count } = request
  const texts = readEmbedItems(itemsDir, split, count)
  const key = [originalDir, itemsDir, split].join('\0')
  const before = original?.key === key ? original : { key, vectors: await embed(originalDir, texts, signal) }
  original = before
  const after = await embed(modelDir, texts, signal)
  if (after.length !== before.vectors.length)
    throw new VillageError('EVALUATION_RESULT_MALFORMED', 'The candidate gives vectors of another length')
  return keptScores(before.vectors, after, texts.length)
}
