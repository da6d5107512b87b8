/** What of a federation is a training like any other. */
import { readParams } from '../../compute/tasks/read-params.ts'
import { readTrainRun } from '../../compute/training/read-run.ts'
import type { TrainRun } from '../../compute/training/train-run.ts'
import type { FederateSpec } from './federate-spec.ts'

/** The training that a federation's local steps are, as `village train` would be asked for it. */
export function runOfSpec({ local, method, seed }: FederateSpec, files: readonly string[]): TrainRun {
  const { kind, rank, alpha, modules } = method
  const { steps, batch, length, learningRate, optimiser, weightDecay } = local
  const params = { data: files, method: kind, rank, alpha, modules, heldOut: 0, seed }
  return readTrainRun(
    readParams({
      ...params,
      steps,
      batch,
      length,
      learningRate,
      optimiser,
      weightDecay,
      schedule: 'constant',
    }),
  )
}
