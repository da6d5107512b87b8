/**
 * A training from beginning to end, or from its checkpoint on, in a directory of its own:
 *
 *   data.json, train.rows, held-out.rows   the data made ready (prepare-data.ts)
 *   checkpoint.bin                         where to go on (checkpoint.ts)
 *   best.bin                               the parameters with the lowest held-out loss
 *   metrics.jsonl                          the figures so far
 *   geometry.jsonl                         what an observer measured, where one was asked for
 *   failed.json                            why it failed for good (final-failure.ts)
 *   trained.bin                            the parameters that it ended with, where nothing is held out
 *   start.bin                              the parameters that it begins with, where they are not those of the model
 *
 * Runs in a worker thread and holds it until it is done.
 */
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { canonicalJson, type JsonObject } from '../../json.ts'
import { loadChatTemplate } from '../models/chat-template.ts'
import { type LanguageCard, readLanguageCard } from '../models/language-card.ts'
import { MODEL_FILE } from '../models/model-files.ts'
import { loadLanguageTokenizer } from '../models/tokenizer.ts'
import { createBatches } from './batches.ts'
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { failOnce } from './final-failure.ts'
import { openMetricsWriter } from './metrics-file.ts'
import { openObservations, type TrainingObserver } from './observer.ts'
import { openTrainer } from './open-trainer.ts'
import { openPrepared, type PreparedData, prepareData, readPrepared } from './prepare-data.ts'
import {
  type Checkpoint,
  type LoopState,
  type Observation,
  runTraining,
  type TrainingOutcome,
} from './run-training.ts'
import { heldOutBatches, loopConfig, optimiserOf, type TrainRun, trainableOf } from './train-run.ts'
import type { Trainer } from './trainer.ts'
import { type BoardMemory, openBoard } from './training-board.ts'
import { GEOMETRY_FILE, METRICS_FILE, TRAINED_FILE } from './training-files.ts'

const CHECKPOINT_FILE = 'checkpoint.bin'
const BEST_FILE = 'best.bin'
const START_FILE = 'start.bin'

export interface TrainRequest {
  readonly directory: string
  readonly modelDir: string
  readonly run: TrainRun
  readonly threads: number
  /** Shared with the thread that asked (training-board.ts). */
  readonly board: BoardMemory
}

export interface TrainResult {
  readonly ended: TrainingOutcome['ended']
  readonly outcome: TrainingOutcome
  readonly steps: number
  readonly data: PreparedData
}

/** Of everything that the weights depend on: a checkpoint of another training is not gone on from. */
function runHash(run: TrainRun, data: PreparedData): string {
  const { geometry: _, ...counts } = run
  return createHash('sha256')
    .update(canonicalJson({ run: counts, data }))
    .digest('hex')
}

/** Throws what the reading of model and data throws, TRAIN_DIVERGED, TRAIN_CHECKPOINT_INVALID, and the signal's reason. */
export function train(
  request: TrainRequest,
  signal: AbortSignal,
  progress: (share: number) => void,
  observer: TrainingObserver | null = null,
): Promise<TrainResult> {
  mkdirSync(request.directory, { recursive: true, mode: 0o700 })
  return failOnce(request.directory, () => trainFrom(request, signal, progress, observer))
}

async function trainFrom(
  request: TrainRequest,
  signal: AbortSignal,
  progress: (share: number) => void,
  observer: TrainingObserver | null,
): Promise<TrainResult> {
  const { directory, modelDir, run, threads } = request
  const { batch, length } = run
  const card = readLanguageCard(modelDir)
  const data = readPrepared(directory) ?? (await prepare(request, card, signal))
  const at = (file: string) => path.join(directory, file)
  using rows = openPrepared(directory, data)
  const board = openBoard(request.board)
  const config = loopConfig(run, data.rows)
  const hash = runHash(run, data)
  const from = readLoop(at(CHECKPOINT_FILE), hash)
  const trainer = await openTrainer({
    modelPath: path.join(modelDir, MODEL_FILE),
    batch,
    length,
    threads,
    trainable: trainableOf(run),
    optimiser: optimiserOf(run),
  })
  try {
    if (from === null) restoreStart(trainer, at(START_FILE))
    const metrics = openMetricsWriter(at(METRICS_FILE), from?.metricsBytes ?? 0)
    const observations =
      run.geometry && observer !== null ? openObservations(at(GEOMETRY_FILE), from?.geometryBytes ?? 0) : null
    try {
      const batches = createBatches(rows, {
        batch,
        length,
        seed: run.seed,
        maxHeldOutBatches: heldOutBatches(config),
      })
      const observe = async (now: Observation) => {
        if (observations === null || observer === null) return
        const source = { trainer, data: batches }
        const { line, finding } = await observer(now, source, observations.lines, signal)
        observations.append(line)
        if (finding !== null) board.showFinding(finding)
      }
      const outcome = await runTraining(
        {
          trainer,
          data: batches,
          observe,
          nowMs: () => performance.now(),
          pauses: board.pauses,
          checkpoints: {
            async save({ trainer: state, best, ...rest }) {
              const loop = { ...rest, best: best === null ? null : { ...best } }
              const facts = {
                run: hash,
                loop,
                metricsBytes: metrics.sizeBytes(),
                geometryBytes: observations?.sizeBytes() ?? 0,
              }
              writeCheckpoint(at(CHECKPOINT_FILE), state, facts, { moments: true })
            },
            async saveBest(state) {
              writeCheckpoint(at(BEST_FILE), state, { run: hash }, { moments: false })
            },
          },
        },
        config,
        signal,
        (figures) => {
          metrics.append(figures)
          board.show(figures)
          progress(figures.step / figures.steps)
        },
        from?.checkpoint ?? null,
      )
      if (outcome.ended !== 'paused' && outcome.best === null)
        writeCheckpoint(at(TRAINED_FILE), trainer.state(), { run: hash }, { moments: false })
      return { ended: outcome.ended, outcome, steps: config.steps, data }
    } finally {
      observations?.close()
      metrics.close()
    }
  } finally {
    await trainer.close()
  }
}

/** The parameters of a training that is over. Throws NOT_FOUND, TRAIN_CHECKPOINT_INVALID. */
export function readTrained(directory: string): ReadonlyMap<string, Float32Array> {
  for (const file of [BEST_FILE, TRAINED_FILE]) {
    const found = readCheckpoint(path.join(directory, file))
    if (found !== null) return found.state.parameters
  }
  throw new VillageError('NOT_FOUND', 'The training has no result')
}

/** Other weights to begin with, the optimiser still at rest. */
function restoreStart(trainer: Trainer, file: string): void {
  const start = readCheckpoint(file)
  if (start !== null) trainer.restore({ ...trainer.state(), parameters: start.state.parameters })
}

/**
 * Makes the weights that a failed training kept those that another begins with: the best that it had, or those of its last
 * checkpoint. Throws NOT_FOUND where it kept none.
 */
export function startFrom(failedDirectory: string, directory: string): void {
  const kept = [BEST_FILE, CHECKPOINT_FILE]
    .map((file) => path.join(failedDirectory, file))
    .find((file) => existsSync(file))
  if (kept === undefined) throw new VillageError('NOT_FOUND', 'The training has kept no weights')
  // The data are private: nobody else on this machine may read them either.
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  copyFileSync(kept, path.join(directory, START_FILE))
}

async function prepare(
  request: TrainRequest,
  card: LanguageCard,
  signal: AbortSignal,
): Promise<PreparedData> {
  const { directory, modelDir, run } = request
  const [endToken = null] = card.eosTokens
  const encoding = {
    tokenizer: loadLanguageTokenizer(modelDir),
    template: loadChatTemplate(modelDir),
    endToken,
  }
  const { split, length, heldOut, seed } = run
  const { vocabulary } = card
  const padToken = card.padToken ?? endToken ?? 0
  return prepareData(
    encoding,
    { directory, files: run.data, split, length, vocabulary, padToken, heldOut, seed },
    signal,
  )
}

/** What `save` wrote; its own hash has been checked, so that it is what this program wrote. */
function readLoop(
  file: string,
  hash: string,
): { checkpoint: Checkpoint; metricsBytes: number; geometryBytes: number } | null {
  const found = readCheckpoint(file)
  if (found === null) return null
  // Checkpoints of older versions know nothing of observers.
  const {
    run,
    loop,
    metricsBytes,
    geometryBytes = 0,
  } = found.facts as {
    run: string
    loop: LoopState & JsonObject
    metricsBytes: number
    geometryBytes?: number
  }
  if (run !== hash)
    throw new VillageError('TRAIN_CHECKPOINT_INVALID', 'The checkpoint belongs to another training')
  return { checkpoint: { ...loop, trainer: found.state }, metricsBytes, geometryBytes }
}
