/** What memory a trainer will take, before anything is loaded. */
import { openModel } from '../onnx/read.ts'
import { product } from './operators/operator.ts'
import { momentCount } from './optimiser.ts'
import type { TrainerInit } from './trainer.ts'
import { buildTrainingGraph } from './training-graph.ts'

export interface TrainingMemory {
  /** Weights, frozen ones included. */
  readonly weightBytes: number
  /** Gradients (twice: their sum and those of one micro-batch) and moments. */
  readonly optimiserBytes: number
  /** Grows with batch × length, and with batch × length² in attention. */
  readonly activationBytes: number
  readonly totalBytes: number
}

/** onnxruntime's arena over the most that is alive at once: measured 1.2 to 1.6. */
const ARENA_FACTOR = 1.6
const LIBRARY_BYTES = 64 * 2 ** 20

/** An upper estimate. Throws what `openTrainer` throws for models that cannot be trained. */
export function trainingMemory(
  init: Pick<TrainerInit, 'modelPath' | 'batch' | 'length' | 'trainable' | 'optimiser'>,
): TrainingMemory {
  using model = openModel(init.modelPath)
  const graph = buildTrainingGraph(model, init)
  const parameters = graph.parameters.reduce((sum, { dims }) => sum + product(dims), 0)
  const frozen = graph.frozen.reduce((sum, { elements }) => sum + elements, 0)
  const weightBytes = 4 * (parameters + frozen)
  const optimiserBytes = 4 * parameters * (2 + momentCount(init.optimiser))
  const activationBytes = Math.ceil(graph.activationBytes * ARENA_FACTOR) + LIBRARY_BYTES
  return {
    weightBytes,
    optimiserBytes,
    activationBytes,
    totalBytes: weightBytes + optimiserBytes + activationBytes,
  }
}
