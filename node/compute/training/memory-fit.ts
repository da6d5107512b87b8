/** Whether a training fits into the memory that is lent, and which micro-batch would. */
import type { JsonObject } from '../../json.ts'
import { optimiserOf, type TrainRun, trainableOf } from './train-run.ts'
import { trainingMemory } from './training-memory.ts'

export interface MemoryFit extends JsonObject {
  readonly totalBytes: number
  /** The largest micro-batch up to the one that was asked for that fits; 0 where none does. */
  readonly batch: number
}

/** Tokenizer, data and the thread itself. */
const BASE_BYTES = 96 * 2 ** 20

/** Throws what `openTrainer` throws for models that cannot be trained. */
export function fitMemory(modelPath: string, run: TrainRun, limitBytes: number): MemoryFit {
  const trainable = trainableOf(run)
  const optimiser = optimiserOf(run)
  const { length } = run
  const bytesOf = (batch: number): number => {
    const memory = trainingMemory({ modelPath, batch, length, trainable, optimiser })
    // A checkpoint copies parameters and moments before it writes them: as much as gradients and moments take at most.
    return BASE_BYTES + memory.totalBytes + memory.optimiserBytes
  }
  const totalBytes = bytesOf(run.batch)
  if (totalBytes <= limitBytes) return { totalBytes, batch: run.batch }
  let fits = 0
  let over = run.batch
  while (over - fits > 1) {
    const middle = (fits + over) >> 1
    if (bytesOf(middle) <= limitBytes) fits = middle
    else over = middle
  }
  return { totalBytes, batch: fits }
}
