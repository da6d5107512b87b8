/** How many items a language model answers rightly: opened, asked in batches, closed. Runs in worker threads. */
import { answerItems } from '../../compute/evaluate/answer-items.ts'
import { checkGenerated } from '../../compute/evaluate/output-bytes.ts'
import { custom } from '../../compute/evaluate/suites/custom.ts'
import { VillageError } from '../../errors.ts'
import { readTaskItems } from './task-items.ts'
import type { ItemSplit } from './workload.ts'

/** Rows of one step: with a million parameters 8 and 16 are fastest; 32 take half as long again, 64 twice as long. */
const BATCH_ROWS = 16

export interface ScoreLanguageRequest {
  readonly modelDir: string
  /** As task-items.ts writes it. */
  readonly itemsDir: string
  readonly split: ItemSplit
  /** Items of the split, as the run says. */
  readonly count: number
}

/** By item 1 or 0. The same model and items give the same scores on one machine. */
export async function scoreLanguage(
  { modelDir, itemsDir, split, count }: ScoreLanguageRequest,
  signal: AbortSignal,
): Promise<Float32Array> {
  const { items, answers } = readTaskItems(itemsDir, split)
  // A run that announces other items than it has would make its scorers look like liars.
  if (items.length !== count)
    throw new VillageError('EVALUATION_ITEMS_MALFORMED', `The list has ${items.length} items, not ${count}`)
  checkGenerated(items)
  // Imported on first use: it loads onnxruntime.
  const { openLanguageModel } = await import('../../compute/generate/open-language-model.ts')
  const model = await openLanguageModel(modelDir, { threads: 1, maxBatch: BATCH_ROWS })
  try {
    const records = await answerItems({ kind: 'language', model }, items, signal)
    const { scores } = custom.report(answers, records, { seed: 0 })
    return Float32Array.from(scores, ({ score }) => score)
  } finally {
    await model.close()
  }
}
