/** Rows of the operations table (federated/operations.ts): what a worker thread does to measure the geometry of models. */

import type { MomentsKernels } from '../../compute/kernels/moments.ts'
import { loadKernels } from '../../compute/kernels.ts'
import { type TrainRequest, type TrainResult, train } from '../../compute/training/train-operation.ts'
import type { JsonObject } from '../../json.ts'
import { type CompareRequest, compareModels } from './compare-models.ts'
import { geometryJson, type MeasureRequest, measureModel } from './measure-model.ts'
import { snapshotOfModel } from './snapshot.ts'
import { readTexts } from './texts.ts'
import { createTrainingObserver } from './training-observer.ts'
import { MIN_POINTS } from './two-nn.ts'

let loaded: MomentsKernels | undefined

function kernels(): MomentsKernels {
  loaded ??= loadKernels()
  return loaded
}

const observer = createTrainingObserver({ kernels, nowMs: () => performance.now() })

/** Texts are read where they are needed: they never cross a thread or a network. */
export interface TextsRequest {
  /** A file with a text on each line; null for the project's own sentences. */
  readonly data: string | null
  readonly texts: number
}

export const GEOMETRY_OPERATIONS = {
  /** How many texts there are to look at. Throws GEOMETRY_TEXTS_INVALID. */
  'geometry.texts': async ({ data, texts }: TextsRequest): Promise<number> =>
    readTexts(data, texts, MIN_POINTS).length,

  'geometry.model': async (
    input: Omit<MeasureRequest, 'texts'> & { from: TextsRequest },
    signal: AbortSignal,
    progress: (share: number) => void,
  ): Promise<JsonObject> => {
    const texts = readTexts(input.from.data, input.from.texts, MIN_POINTS)
    return geometryJson(await measureModel({ kernels: kernels() }, { ...input, texts }, signal, progress))
  },

  'geometry.pair': async (
    input: Omit<CompareRequest, 'texts'> & { from: TextsRequest },
    signal: AbortSignal,
    progress: (share: number) => void,
  ): Promise<JsonObject> => {
    const texts = readTexts(input.from.data, input.from.texts, MIN_POINTS)
    return geometryJson(await compareModels({ kernels: kernels() }, { ...input, texts }, signal, progress))
  },

  /** One line of a history: of the best model of a generation, say. */
  'geometry.snapshot': async (
    input: { modelDirectory: string; workDirectory: string; from: TextsRequest },
    signal: AbortSignal,
  ): Promise<JsonObject> => {
    const texts = readTexts(input.from.data, input.from.texts, MIN_POINTS)
    return geometryJson(await snapshotOfModel({ kernels: kernels() }, { ...input, texts }, signal))
  },

  /** The row of compute/ with an observer that looks on where the training asks for it. */
  'train.run': (
    request: TrainRequest,
    signal: AbortSignal,
    progress: (share: number) => void,
  ): Promise<TrainResult> => train(request, signal, progress, observer),
}
