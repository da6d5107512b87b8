/** Tiny models to train, batches for them, and what their own graphs say of the loss. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import type { LanguageCard } from '../../../node/compute/models/language-card.ts'
import { openTrainer } from '../../../node/compute/training/open-trainer.ts'
import type {
  Trainable,
  Trainer,
  TrainerInit,
  TrainingBatch,
} from '../../../node/compute/training/trainer.ts'
import { type TinyInit, writeTinyLanguageModel } from '../../helpers/language-models.ts'

export type LanguageFamily = NonNullable<Parameters<typeof writeTinyLanguageModel>[1]>

export const LANGUAGE_FAMILIES: readonly LanguageFamily[] = ['llama', 'qwen2', 'qwen3', 'mistral', 'gpt2']

export interface TinyTraining {
  readonly directory: string
  readonly modelPath: string
  readonly card: LanguageCard
}

/** Writes the model, runs `work`, and removes everything. */
export async function withTinyModel<T>(
  family: LanguageFamily,
  work: (model: TinyTraining) => Promise<T>,
  init: TinyInit & { adapters?: boolean } = {},
): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'village-trainer-test-'))
  try {
    const { card } = writeTinyLanguageModel(directory, family, init)
    return await work({ directory, modelPath: join(directory, 'model.onnx'), card })
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export const SHAPE = { batch: 2, length: 9 }
export const LORA: Trainable = { kind: 'lora', rank: 3, alpha: 6, seed: 5 }
export const NEVER = new AbortController().signal

/** One thread, plain gradient descent: a step of rate 1 subtracts the gradient. */
export function trainerInit(modelPath: string, init: Partial<TrainerInit> = {}): TrainerInit {
  const optimiser = { kind: 'sgd', momentum: 0, weightDecay: 0 } as const
  return { modelPath, ...SHAPE, trainable: { kind: 'full' }, optimiser, threads: 1, ...init }
}

export async function withTrainer<T>(init: TrainerInit, work: (trainer: Trainer) => Promise<T>): Promise<T> {
  const trainer = await openTrainer(init)
  try {
    return await work(trainer)
  } finally {
    await trainer.close()
  }
}

/** Tokens in a pattern, each position's label the next token; the last of each row and every fifth are not counted. */
export function tinyBatch(
  vocabulary: number,
  init: { batch?: number; length?: number; shift?: number } = {},
): TrainingBatch {
  const { batch, length, shift } = { ...SHAPE, shift: 0, ...init }
  const tokens = Int32Array.from(
    { length: batch * length },
    (_, at) => (at * 7 + shift * 11 + (at >> 3)) % vocabulary,
  )
  const labels = tokens.map((_, at) => ((at + 1) % length === 0 || at % 5 === 3 ? -100 : tokens[at + 1]!))
  return { tokens, labels }
}

/** The loss by model.onnx as it is, with all its fused operators and an empty cache. */
export async function lossOfModel({ modelPath, card }: TinyTraining, given: TrainingBatch): Promise<number> {
  const { batch, length } = SHAPE
  const rows = batch * length
  const session = await ort.InferenceSession.create(modelPath, { intraOpNumThreads: 1, logSeverityLevel: 4 })
  try {
    const ids = (values: Int32Array) =>
      new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [batch, length])
    const feeds: Record<string, ort.Tensor> = {
      input_ids: ids(given.tokens),
      seqlens_k: new ort.Tensor('int32', new Int32Array(batch).fill(length - 1), [batch]),
      total_sequence_length: new ort.Tensor('int32', Int32Array.of(length), []),
      logit_rows: new ort.Tensor(
        'int64',
        BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
        [rows],
      ),
    }
    if (card.positionInput) feeds.position_ids = ids(given.tokens.map((_, at) => at % length))
    const cache = [batch, card.keyValueHeads, length, card.headSize]
    for (let layer = 0; layer < card.layers; layer++)
      for (const what of ['key', 'value']) {
        const empty = new Float32Array(cache.reduce((total, dim) => total * dim, 1))
        feeds[`past_key_values.${layer}.${what}`] = new ort.Tensor('float32', empty, cache)
      }
    for (const { name, inputs, outputs } of card.adapters?.modules ?? []) {
      feeds[`${name}.lora_A`] = new ort.Tensor('float32', new Float32Array(0), [inputs, 0])
      feeds[`${name}.lora_B`] = new ort.Tensor('float32', new Float32Array(0), [0, outputs])
    }
    const { logits } = await session.run(feeds, ['logits'])
    return crossEntropyOf(logits!.data as Float32Array, given.labels)
  } finally {
    await session.release()
  }
}

function crossEntropyOf(logits: Float32Array, labels: Int32Array): number {
  const vocabulary = logits.length / labels.length
  let sum = 0
  for (const [row, label] of labels.entries()) {
    if (label === -100) continue
    const values = logits.subarray(row * vocabulary, (row + 1) * vocabulary)
    const largest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY)
    const total = values.reduce((all, value) => all + Math.exp(value - largest), 0)
    sum += largest + Math.log(total) - values[label]!
  }
  return sum
}
