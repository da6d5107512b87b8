/** Reads what a training is asked to do from the parameters of a job or a task. */
import path from 'node:path'
import { invalid, type ParamsReader } from '../tasks/read-params.ts'
import { TEXT_SPLITS } from './documents.ts'
import { SCHEDULES } from './schedule.ts'
import type { TrainRun, TrainWish } from './train-run.ts'

const MAX_FILES = 64
const MAX_PATH = 4_096
/** All paths together: they go with the task. */
const MAX_PATHS = 8_192
const MAX_STEPS = 10_000_000
const MAX_RANK = 512
const MAX_SEED = 2 ** 32 - 1
const MAX_BATCH_TOKENS = 2 ** 22
const DEFAULT_BATCH = 8
const DEFAULT_RANK = 8
const DEFAULT_HELD_OUT = 0.05
const DEFAULT_WEIGHT_DECAY = 0.01
const DEFAULT_CHECKPOINT_SECONDS = 60
/** By method: adapters start at zero and take larger steps. */
const LEARNING_RATES = { full: 3e-4, lora: 1e-3 } as const

function optionalInteger(reader: ParamsReader, name: string, min: number, max: number): number | null {
  const value = reader.optionalNumber(name, min, max)
  if (value !== null && !Number.isInteger(value)) throw invalid(name, `a whole number from ${min} to ${max}`)
  return value
}

/** Absolute paths only: the daemon runs in another directory than whoever submits. */
function readPaths(reader: ParamsReader): string[] {
  const files = reader.texts('data', MAX_FILES, MAX_PATH)
  if (!files.every((file) => path.isAbsolute(file))) throw invalid('data', 'a list of absolute paths')
  if (files.join('').length > MAX_PATHS) throw invalid('data', `paths of ${MAX_PATHS} characters together`)
  return files
}

/** Throws INVALID_ARGUMENT. What it returns it takes again, so that stored jobs can be read anew. */
export function readTrainWish(reader: ParamsReader): TrainWish {
  const method = reader.choice('method', ['full', 'lora'])
  const rank = reader.integer('rank', 1, MAX_RANK, DEFAULT_RANK)
  const run: TrainWish = {
    data: readPaths(reader),
    split: reader.choice('split', TEXT_SPLITS),
    heldOut: reader.optionalNumber('heldOut', 0, 0.9) ?? DEFAULT_HELD_OUT,
    method,
    rank,
    alpha: reader.optionalNumber('alpha', 1e-3, 65_536) ?? 2 * rank,
    modules: reader.optionalTexts('modules', 256, 256),
    optimiser: reader.choice('optimiser', ['adamw', 'sgd']),
    weightDecay: reader.optionalNumber('weightDecay', 0, 1) ?? DEFAULT_WEIGHT_DECAY,
    learningRate: reader.optionalNumber('learningRate', 1e-9, 10) ?? LEARNING_RATES[method],
    schedule: reader.choice('schedule', SCHEDULES),
    warmup: optionalInteger(reader, 'warmup', 0, MAX_STEPS),
    steps: optionalInteger(reader, 'steps', 1, MAX_STEPS),
    epochs: reader.optionalNumber('epochs', 0.01, 10_000) ?? 1,
    batch: reader.integer('batch', 1, 4_096, DEFAULT_BATCH),
    accumulation: reader.integer('accumulation', 1, 4_096, 1),
    length: optionalInteger(reader, 'length', 8, 65_536),
    clip: reader.optionalNumber('clip', 0, 1_000) ?? 1,
    earlyStop: optionalInteger(reader, 'earlyStop', 1, 1_000),
    minGain: reader.optionalNumber('minGain', 0, 100) ?? 0,
    evaluateEvery: optionalInteger(reader, 'evaluateEvery', 1, MAX_STEPS),
    checkpointSeconds: reader.optionalNumber('checkpointSeconds', 0, 86_400) ?? DEFAULT_CHECKPOINT_SECONDS,
    seed: reader.integer('seed', 0, MAX_SEED, 0),
    geometry: reader.flag('geometry'),
  }
  if (run.batch * (run.length ?? 1) > MAX_BATCH_TOKENS)
    throw invalid('batch', `a micro-batch of at most ${MAX_BATCH_TOKENS} tokens with this length`)
  if (run.earlyStop !== null && run.heldOut === 0)
    throw invalid('earlyStop', 'left out: nothing is held out that it could go by')
  if (run.geometry && run.heldOut === 0)
    throw invalid('geometry', 'left out: it is measured on what is held out, and nothing is')
  if (run.method === 'full' && run.modules !== null) throw invalid('modules', 'left out: it is for LoRA')
  return run
}

/** As readTrainWish(), of a task: by then everything is decided. */
export function readTrainRun(reader: ParamsReader): TrainRun {
  const wish = readTrainWish(reader)
  const { length } = wish
  if (length === null) throw invalid('length', 'given')
  return { ...wish, length }
}
