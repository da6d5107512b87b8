/** What a training is asked to do, in plain data, and what follows from it once the data are known. */
import type { JsonObject } from '../../json.ts'
import type { TextSplit } from './documents.ts'
import type { LoopConfig } from './run-training.ts'
import type { ScheduleName } from './schedule.ts'
import type { OptimiserInit, Trainable } from './trainer.ts'

/** As it is asked for. */
export interface TrainWish extends JsonObject {
  /** Absolute paths of text and JSON-lines files. */
  readonly data: readonly string[]
  /** What ends a document of a text file. */
  readonly split: TextSplit
  /** Share of the documents that is not learned, but measured. */
  readonly heldOut: number
  readonly method: 'full' | 'lora'
  readonly rank: number
  readonly alpha: number
  /** Modules that get adapters, or null for all. */
  readonly modules: readonly string[] | null
  readonly optimiser: 'adamw' | 'sgd'
  readonly weightDecay: number
  readonly learningRate: number
  readonly schedule: ScheduleName
  /** Steps; null: a twentieth of all, at most 100. */
  readonly warmup: number | null
  /** Updates; null: as `epochs` says. */
  readonly steps: number | null
  readonly epochs: number
  readonly batch: number
  readonly accumulation: number
  /** Tokens of a row; null: 256, or all that the model can see. */
  readonly length: number | null
  /** 0: gradients are not clipped. */
  readonly clip: number
  /** Held-out losses without a gain after which it ends; null: never. */
  readonly earlyStop: number | null
  readonly minGain: number
  /** Steps; null: a twentieth of all. */
  readonly evaluateEvery: number | null
  /** Least time between checkpoints. */
  readonly checkpointSeconds: number
  readonly seed: number
  /** Measures the geometry of the hidden states at each look at the held-out part. The weights do not depend on it. */
  readonly geometry: boolean
}

/** As it is done. */
export interface TrainRun extends TrainWish {
  readonly length: number
}

const DEFAULT_LENGTH = 256

export function runOf(wish: TrainWish, contextTokens: number): TrainRun {
  const length = wish.length ?? Math.min(DEFAULT_LENGTH, contextTokens)
  return { ...wish, length }
}

const WARMUP_SHARE = 0.05
const MAX_WARMUP_STEPS = 100
const EVALUATIONS = 20
/** Of the `wsd` schedule. */
const DECAY_SHARE = 0.2
const MOMENTUM = 0.9
const MIN_HELD_OUT_BATCHES = 4
const MAX_HELD_OUT_BATCHES = 32
const BETAS = [0.9, 0.95] as const
const EPSILON = 1e-8

/** Updates in all for so many rows of training data. */
export function stepsOf(run: TrainRun, rows: number): number {
  return run.steps ?? Math.max(1, Math.ceil((run.epochs * rows) / (run.batch * run.accumulation)))
}

export function loopConfig(run: TrainRun, rows: number): LoopConfig {
  const steps = stepsOf(run, rows)
  const warmupSteps = run.warmup ?? Math.min(MAX_WARMUP_STEPS, Math.floor(steps * WARMUP_SHARE))
  return {
    batch: run.batch,
    accumulation: run.accumulation,
    steps,
    schedule: {
      name: run.schedule,
      learningRate: run.learningRate,
      warmupSteps: Math.min(warmupSteps, steps),
      finalShare: 0,
      decayShare: DECAY_SHARE,
    },
    clipNorm: run.clip === 0 ? null : run.clip,
    evaluateEverySteps: run.evaluateEvery ?? Math.max(1, Math.floor(steps / EVALUATIONS)),
    patience: run.earlyStop,
    minGain: run.minGain,
    checkpointMs: run.checkpointSeconds * 1_000,
  }
}

/** Micro-batches of the held-out part that are looked at each time: a sixth of the whole work at most, as far as four are enough. */
export function heldOutBatches({ evaluateEverySteps, accumulation }: LoopConfig): number {
  const affordable = Math.ceil((evaluateEverySteps * accumulation) / 2)
  return Math.min(MAX_HELD_OUT_BATCHES, Math.max(MIN_HELD_OUT_BATCHES, affordable))
}

export function optimiserOf({ optimiser, weightDecay }: TrainRun): OptimiserInit {
  return optimiser === 'sgd'
    ? { kind: 'sgd', momentum: MOMENTUM, weightDecay }
    : { kind: 'adamw', betas: BETAS, epsilon: EPSILON, weightDecay }
}

export function trainableOf({ method, rank, alpha, modules, seed }: TrainRun): Trainable {
  if (method === 'full') return { kind: 'full' }
  return { kind: 'lora', rank, alpha, seed, ...(modules === null ? {} : { modules }) }
}
