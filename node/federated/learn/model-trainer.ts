/** The trainer of language models (compute/training) as a local trainer over one flat vector. */
import path from 'node:path'
import { loadChatTemplate } from '../../compute/models/chat-template.ts'
import { readLanguageCard } from '../../compute/models/language-card.ts'
import { MODEL_FILE } from '../../compute/models/model-files.ts'
import { loadLanguageTokenizer } from '../../compute/models/tokenizer.ts'
import { type BatchSource, createBatches, type RowSource } from '../../compute/training/batches.ts'
import { openTrainer } from '../../compute/training/open-trainer.ts'
import { momentCount } from '../../compute/training/optimiser.ts'
import {
  openPrepared,
  type PreparedData,
  prepareData,
  readPrepared,
} from '../../compute/training/prepare-data.ts'
import type { Trainer } from '../../compute/training/trainer.ts'
import { type FederateSpec, localOptimiser } from './federate-spec.ts'
import type { LocalTrainer, OptimiserState } from './local-steps.ts'
import { flatten, layoutOf, type ParameterLayout, split } from './parameter-layout.ts'

/** Throws what `openTrainer` throws. */
export async function openModelTrainer(
  modelDir: string,
  spec: FederateSpec,
  threads: number,
): Promise<{ trainer: Trainer; layout: ParameterLayout }> {
  const { method, local, seed } = spec
  const { kind, rank, alpha, modules } = method
  const trainer = await openTrainer({
    modelPath: path.join(modelDir, MODEL_FILE),
    batch: local.batch,
    length: local.length,
    trainable:
      kind === 'full' ? { kind } : { kind, rank, alpha, seed, ...(modules === null ? {} : { modules }) },
    optimiser: localOptimiser(local),
    threads,
  })
  return { trainer, layout: layoutOf(trainer.parameters) }
}

/** The parameters that every client begins with. */
export const parametersOf = (trainer: Trainer, layout: ParameterLayout): Float32Array =>
  flatten(layout, trainer.state().parameters)

export function modelLocalTrainer(init: {
  trainer: Trainer
  layout: ParameterLayout
  batches: BatchSource
  spec: FederateSpec
}): LocalTrainer {
  const { trainer, layout, batches, spec } = init
  const { elements } = layout
  const offsets = new Map(layout.parameters.map(({ name, offset }) => [name, offset]))
  const moments = momentCount(localOptimiser(spec.local))
  const zeros = (): OptimiserState => ({
    step: 0,
    moments: Array.from({ length: moments }, () => new Float32Array(elements)),
  })
  return {
    elements,
    begin(parameters, optimiser) {
      const from = optimiser ?? zeros()
      const parts = from.moments.map((moment) => split(layout, moment))
      trainer.restore({
        step: from.step,
        parameters: split(layout, parameters),
        moments: new Map(layout.parameters.map(({ name }) => [name, parts.map((part) => part.get(name)!)])),
      })
    },
    async step(at, { learningRate, clipNorm, correct }, signal) {
      const { lossSum, count } = await trainer.accumulate(batches.batch(at * spec.local.batch), signal)
      trainer.step({
        learningRate,
        clipNorm,
        ...(correct === null
          ? {}
          : { correct: (name, gradient, values) => correct(offsets.get(name)!, gradient, values) }),
      })
      return { loss: lossSum / count, examples: count }
    },
    parameters: () => parametersOf(trainer, layout),
    optimiser() {
      const { step, moments: byName } = trainer.state()
      const flat = zeros().moments
      for (const { name, offset } of layout.parameters)
        for (const [index, moment] of (byName.get(name) ?? []).entries()) flat[index]!.set(moment, offset)
      return { step, moments: flat }
    },
  }
}

/** Rows of the texts for a model, made once in `directory` and read from there afterwards. */
export async function openTexts(
  init: { directory: string; modelDir: string; files: readonly string[]; spec: FederateSpec },
  signal: AbortSignal,
): Promise<{ data: PreparedData; rows: RowSource; batches: BatchSource } & Disposable> {
  const { directory, modelDir, files, spec } = init
  const { batch, length } = spec.local
  const card = readLanguageCard(modelDir)
  const [endToken = null] = card.eosTokens
  const data =
    readPrepared(directory) ??
    (await prepareData(
      { tokenizer: loadLanguageTokenizer(modelDir), template: loadChatTemplate(modelDir), endToken },
      {
        directory,
        files,
        split: 'blank-line',
        length,
        vocabulary: card.vocabulary,
        padToken: card.padToken ?? endToken ?? 0,
        heldOut: 0,
        seed: spec.seed,
      },
      signal,
    ))
  const rows = openPrepared(directory, data)
  return {
    data,
    rows,
    batches: createBatches(rows, { batch, length, seed: spec.seed, maxHeldOutBatches: 1 }),
    [Symbol.dispose]: () => rows[Symbol.dispose](),
  }
}
