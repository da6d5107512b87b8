/** Turns a batch into the inputs of a training graph, after checking every token and label. */
import type { Tensor } from 'onnxruntime-node'
import { VillageError } from '../../errors.ts'
import { LABEL_WEIGHTS, LABELS } from './loss.ts'
import { IGNORED_LABEL, type TrainingBatch } from './trainer.ts'
import { TOKENS } from './training-graph.ts'

export interface BatchShape {
  readonly batch: number
  readonly length: number
  readonly vocabulary: number
}

/** The inputs, and how many labels count. Throws INVALID_ARGUMENT for a batch that does not fit the shape or the vocabulary. */
export function feedsOf(
  ort: Pick<typeof import('onnxruntime-node'), 'Tensor'>,
  { tokens, labels }: TrainingBatch,
  { batch, length, vocabulary }: BatchShape,
): { feeds: Record<string, Tensor>; count: number } {
  const rows = batch * length
  if (tokens.length !== rows || labels.length !== rows)
    throw new VillageError(
      'INVALID_ARGUMENT',
      `A batch has ${batch} rows of ${length} tokens and as many labels.`,
    )
  const ids = new BigInt64Array(rows)
  const targets = new BigInt64Array(rows)
  const weights = new Float32Array(rows)
  let count = 0
  for (let at = 0; at < rows; at++) {
    ids[at] = BigInt(checked(tokens[at]!, vocabulary, 'token'))
    if (labels[at] === IGNORED_LABEL) continue
    targets[at] = BigInt(checked(labels[at]!, vocabulary, 'label'))
    weights[at] = 1
    count++
  }
  const feeds = {
    [TOKENS]: new ort.Tensor('int64', ids, [batch, length]),
    [LABELS]: new ort.Tensor('int64', targets, [rows, 1]),
    [LABEL_WEIGHTS]: new ort.Tensor('float32', weights, [rows, 1]),
  }
  return { feeds, count }
}

function checked(id: number, vocabulary: number, what: string): number {
  if (id >= 0 && id < vocabulary) return id
  throw new VillageError(
    'INVALID_ARGUMENT',
    `The ${what} ${id} lies outside the vocabulary of ${vocabulary}.`,
  )
}
