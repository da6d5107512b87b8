/** One recipe, from random weights or a base to a model directory in the form of Hugging Face. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { buildModel } from '../../node/compute/models/builder/build-model.ts'
import { GENERATION_CONFIG_FILE, MODEL_FILE, TOKENIZER_FILE } from '../../node/compute/models/model-files.ts'
import { loadLanguageTokenizer } from '../../node/compute/models/tokenizer.ts'
import { createBatches, rowsInMemory } from '../../node/compute/training/batches.ts'
import { exportSafetensors } from '../../node/compute/training/export.ts'
import { initialiseModel } from '../../node/compute/training/initialise.ts'
import { openTrainer } from '../../node/compute/training/open-trainer.ts'
import { runTraining, type TrainingMetrics } from '../../node/compute/training/run-training.ts'
import { documents } from './corpus.ts'
import { modelConfig, type Recipe } from './recipes.ts'
import { layRows } from './rows.ts'
import { END_OF_TEXT, type TokenizerFile } from './tokenizer.ts'

export interface TrainingRecord {
  readonly steps: number
  /** Inputs that were shown, and labels among them that were learned. */
  readonly tokens: number
  readonly learnedTokens: number
  readonly loss: number
  readonly parameters: number
  readonly seconds: number
  /** Of onnxruntime. */
  readonly threads: number
}

interface TrainModelInit {
  readonly recipe: Recipe
  /** The directory of the base, for a specialist. */
  readonly baseDir: string | null
  readonly tokenizer: TokenizerFile
  readonly outDir: string
  /** For intermediate files; emptied by the caller. */
  readonly workDir: string
  readonly threads: number
}

const NEVER = Number.POSITIVE_INFINITY
const FINAL_SHARE = 0.05
const CLIP_NORM = 1
const BETAS = [0.9, 0.98] as const

/** What loaders of other projects look for beside the weights. */
export function writeTokenizerFiles(directory: string, tokenizer: TokenizerFile): void {
  const write = (file: string, value: unknown) =>
    writeFileSync(path.join(directory, file), `${JSON.stringify(value, null, 1)}\n`)
  write(TOKENIZER_FILE, tokenizer)
  write('tokenizer_config.json', {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: END_OF_TEXT,
    eos_token: END_OF_TEXT,
    pad_token: END_OF_TEXT,
    add_bos_token: false,
    clean_up_tokenization_spaces: false,
    model_max_length: modelConfig(0).max_position_embeddings,
  })
  write(GENERATION_CONFIG_FILE, { bos_token_id: 0, eos_token_id: 0, pad_token_id: 0, do_sample: false })
}

/** Trains and writes config.json, model.safetensors (float16) and the tokenizer's files into `outDir`. */
export async function trainModel(
  init: TrainModelInit,
  signal: AbortSignal,
  onMetrics: (metrics: TrainingMetrics) => void,
): Promise<TrainingRecord> {
  const { recipe, baseDir, tokenizer, outDir, workDir, threads } = init
  const { batch, length, steps, seed, learningRate, warmupSteps, weightDecay } = recipe
  const startedMs = performance.now()
  const sourceDir = path.join(workDir, 'start')
  mkdirSync(sourceDir, { recursive: true })
  if (baseDir === null)
    initialiseModel({
      config: modelConfig(Object.keys(tokenizer.model.vocab).length),
      seed,
      outDir: sourceDir,
    })
  else cpSync(baseDir, sourceDir, { recursive: true })
  writeTokenizerFiles(sourceDir, tokenizer)
  const builtDir = path.join(workDir, 'built')
  mkdirSync(builtDir)
  const card = buildModel({ modelDir: sourceDir, outDir: builtDir, adapters: false })
  const rows = layRows(documents({ mix: recipe.mix, count: recipe.documents, seed }), {
    tokenizer: loadLanguageTokenizer(sourceDir),
    endToken: 0,
    length,
  })
  const modelPath = path.join(builtDir, MODEL_FILE)
  const trainer = await openTrainer({
    modelPath,
    batch,
    length,
    trainable: { kind: 'full' },
    optimiser: { kind: 'adamw', betas: BETAS, epsilon: 1e-8, weightDecay },
    threads,
  })
  try {
    const outcome = await runTraining(
      {
        trainer,
        data: createBatches(rowsInMemory(rows, []), { batch, length, seed, maxHeldOutBatches: 0 }),
        checkpoints: { save: async () => {}, saveBest: async () => {} },
        nowMs: () => performance.now(),
      },
      {
        batch,
        accumulation: 1,
        steps,
        schedule: { name: 'linear', learningRate, warmupSteps, finalShare: FINAL_SHARE, decayShare: 0 },
        clipNorm: CLIP_NORM,
        evaluateEverySteps: steps,
        patience: null,
        minGain: 0,
        checkpointMs: NEVER,
      },
      signal,
      onMetrics,
    )
    const { parameters } = trainer.state()
    mkdirSync(outDir, { recursive: true })
    cpSync(path.join(sourceDir, 'config.json'), path.join(outDir, 'config.json'))
    writeTokenizerFiles(outDir, tokenizer)
    exportSafetensors({
      modelPath,
      outDir,
      dtype: 'F16',
      architecture: 'llama',
      parameters: trainer.parameters.map(({ name, dims }) => ({ name, dims, data: parameters.get(name)! })),
    })
    return {
      steps: outcome.step,
      tokens: outcome.step * batch * length,
      learnedTokens: outcome.tokens,
      loss: outcome.loss!,
      parameters: card.parameters,
      seconds: (performance.now() - startedMs) / 1000,
      threads,
    }
  } finally {
    await trainer.close()
    rmSync(sourceDir, { recursive: true })
    rmSync(builtDir, { recursive: true })
  }
}
