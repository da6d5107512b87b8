import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fitMemory, type MemoryFit } from './memory-fit.ts'
import { publishTrained } from './publish-operation.ts'
import { startFrom, train } from './train-operation.ts'
import type { TrainRun } from './train-run.ts'
import { METRICS_FILE } from './training-files.ts'

/** Rows of the operations table. `train.run` holds its thread until the training ends, pauses or is cancelled. */
export const TRAINING_OPERATIONS = {
  'train.memory': async (input: {
    modelPath: string
    run: TrainRun
    limitBytes: number
  }): Promise<MemoryFit> => fitMemory(input.modelPath, input.run, input.limitBytes),

  'train.run': train,

  'train.startFrom': async (input: { failedDirectory: string; directory: string }): Promise<void> =>
    startFrom(input.failedDirectory, input.directory),

  'train.metrics': async (input: { directory: string }): Promise<{ bytes: Uint8Array }> => ({
    bytes: new Uint8Array(readFileSync(path.join(input.directory, METRICS_FILE))),
  }),

  'train.publish': publishTrained,
}
