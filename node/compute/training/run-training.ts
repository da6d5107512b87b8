/**
 * The loop of training: micro-batches, updates, held-out loss, early stop, checkpoints. It knows neither files nor
 * clock: everything comes in, and the same inputs give the same weights.
 */
import { setImmediate } from 'node:timers/promises'
import { toVillageError, VillageError } from '../../errors.ts'
import type { BatchSource } from './batches.ts'
import { learningRateAt, type Schedule } from './schedule.ts'
import type { Trainer, TrainerState } from './trainer.ts'

export interface LoopConfig {
  /** Rows of a micro-batch. */
  readonly batch: number
  /** Micro-batches of one update. */
  readonly accumulation: number
  /** Updates in all. */
  readonly steps: number
  readonly schedule: Schedule
  /** The gradient's global norm is cut to this; null: never. */
  readonly clipNorm: number | null
  /** The held-out part is looked at after this many updates, and after the last. */
  readonly evaluateEverySteps: number
  /** Ends after this many held-out losses without a new best; null: never. */
  readonly patience: number | null
  /** A held-out loss is a new best when it is this much lower, in nats by token. */
  readonly minGain: number
  /** Time between checkpoints. */
  readonly checkpointMs: number
}

export interface TrainingMetrics {
  /** Updates made; the figures are of the last of them. */
  readonly step: number
  readonly steps: number
  /** Mean cross-entropy in nats by counted token. */
  readonly loss: number
  /** Of the held-out part; null where it was not looked at. */
  readonly heldOutLoss: number | null
  readonly learningRate: number
  /** Before clipping; null for the figures of a model that was not trained yet (step 0). */
  readonly gradientNorm: number | null
  /** Counted tokens so far. */
  readonly tokens: number
  readonly tokensPerSecond: number
}

/** The state of a training when its held-out part was looked at. */
export interface Observation {
  readonly step: number
  /** Mean over the updates since the look before; at step 0 the held-out loss. */
  readonly loss: number
  readonly heldOutLoss: number
}

/** The lowest held-out loss and where it was. */
export interface Best {
  readonly step: number
  readonly heldOutLoss: number
}

/** What the loop needs, beside the trainer's state, to go on as if it had never stopped. */
export interface LoopState {
  readonly tokens: number
  /** The held-out loss of the model that it began with; null where nothing is held out. */
  readonly heldOutBefore: number | null
  readonly best: Best | null
  /** Held-out losses since the best. */
  readonly sinceBest: number
  /** Of the last update; null before the first where nothing is held out. */
  readonly loss: number | null
}

export interface Checkpoint extends LoopState {
  readonly trainer: TrainerState
}

export interface Checkpoints {
  /** Durable when it resolves. */
  save(checkpoint: Checkpoint): Promise<void>
  /** Keeps the parameters of the best step apart. */
  saveBest(state: TrainerState): Promise<void>
}

export interface TrainingOutcome {
  /** `paused`: a checkpoint was written, the rest is still to be done. */
  readonly ended: 'steps' | 'early' | 'paused'
  readonly step: number
  readonly loss: number | null
  /** Null where nothing is held out. */
  readonly heldOutBefore: number | null
  readonly best: Best | null
  readonly tokens: number
}

interface Components {
  readonly trainer: Pick<Trainer, 'accumulate' | 'step' | 'loss' | 'state' | 'restore'>
  readonly data: BatchSource
  readonly checkpoints: Checkpoints
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number
  /** Looked at between micro-batches: true writes a checkpoint and ends the run as `paused`. */
  readonly pauses?: () => boolean
  /** Called after each look at the held-out part, for what else is to be measured then. */
  readonly observe?: (at: Observation) => Promise<void>
}

/**
 * Trains until the steps are done, the held-out loss has stopped falling, or it is told to pause. `from` is the checkpoint
 * to go on from; the trainer is brought to its state. Throws TRAIN_DIVERGED, with the step and that of the last checkpoint,
 * and the signal's reason: an update that was not made then leaves nothing behind, and what was learned since the last
 * checkpoint is saved first.
 */
export async function runTraining(
  components: Components,
  config: LoopConfig,
  signal: AbortSignal,
  onMetrics: (metrics: TrainingMetrics) => void,
  from: Checkpoint | null = null,
): Promise<TrainingOutcome> {
  const { trainer, data, checkpoints, nowMs } = components
  const { steps, accumulation, batch } = config
  if (from !== null) trainer.restore(from.trainer)
  let step = from?.trainer.step ?? 0
  let state: LoopState = from ?? { tokens: 0, heldOutBefore: null, best: null, sinceBest: 0, loss: null }
  let savedStep = from === null ? null : step
  /** False from an update until its held-out loss is known: a checkpoint in between would skip that. */
  let isSettled = true
  let savedMs = nowMs()
  let toldMs = nowMs()
  let toldTokens = state.tokens
  /** Losses of the updates since the held-out part was looked at. */
  let lossesSum = 0
  let losses = 0

  async function save(): Promise<void> {
    if (savedStep === step) return
    await checkpoints.save({ ...state, trainer: trainer.state() })
    savedStep = step
    savedMs = nowMs()
  }

  async function evaluate(): Promise<number | null> {
    if (data.heldOutBatches === 0) return null
    let lossSum = 0
    let count = 0
    for (let index = 0; index < data.heldOutBatches; index++) {
      await setImmediate()
      signal.throwIfAborted()
      const loss = await trainer.loss(data.heldOut(index), signal)
      lossSum += loss.lossSum
      count += loss.count
    }
    return count === 0 ? null : lossSum / count
  }

  async function judge(heldOutLoss: number): Promise<void> {
    const { best } = state
    if (best !== null && heldOutLoss > best.heldOutLoss - config.minGain) {
      state = { ...state, sinceBest: state.sinceBest + 1 }
      return
    }
    await checkpoints.saveBest(trainer.state())
    state = { ...state, best: { step, heldOutLoss }, sinceBest: 0 }
  }

  function tell(
    loss: number,
    heldOutLoss: number | null,
    learningRate: number,
    gradientNorm: number | null,
  ): void {
    const atMs = nowMs()
    const seconds = Math.max(atMs - toldMs, Number.EPSILON) / 1000
    const { tokens } = state
    const tokensPerSecond = gradientNorm === null ? 0 : (tokens - toldTokens) / seconds
    onMetrics({ step, steps, loss, heldOutLoss, learningRate, gradientNorm, tokens, tokensPerSecond })
    toldMs = atMs
    toldTokens = tokens
  }

  /** One update; null where it was told to pause before. */
  async function update(): Promise<{ loss: number; gradientNorm: number; learningRate: number } | null> {
    let lossSum = 0
    let count = 0
    for (let part = 0; part < accumulation; part++) {
      // A turn of the event loop: that is when an abort comes in.
      await setImmediate()
      signal.throwIfAborted()
      if (components.pauses?.() === true) return null
      const given = data.batch((step * accumulation + part) * batch)
      const loss = await trainer.accumulate(given, signal)
      lossSum += loss.lossSum
      count += loss.count
    }
    const learningRate = learningRateAt(config.schedule, step, steps)
    const { gradientNorm } = trainer.step({ learningRate, clipNorm: config.clipNorm })
    step += 1
    isSettled = false
    const loss = lossSum / count
    state = { ...state, tokens: state.tokens + count, loss }
    lossesSum += loss
    losses += 1
    return { loss, gradientNorm, learningRate }
  }

  function outcome(ended: TrainingOutcome['ended']): TrainingOutcome {
    const { loss, heldOutBefore, best, tokens } = state
    return { ended, step, loss, heldOutBefore, best, tokens }
  }

  const isEarly = () => config.patience !== null && state.sinceBest >= config.patience

  try {
    if (step === 0 && data.heldOutBatches > 0 && state.best === null) {
      const before = await evaluate()
      if (before !== null) {
        await judge(before)
        state = { ...state, heldOutBefore: before, loss: before }
        tell(before, before, 0, null)
        await components.observe?.({ step, loss: before, heldOutLoss: before })
      }
    }
    while (step < steps && !isEarly()) {
      const updated = await update()
      if (updated === null) {
        await save()
        return outcome('paused')
      }
      const due = step % config.evaluateEverySteps === 0 || step === steps
      const heldOutLoss = due ? await evaluate() : null
      if (heldOutLoss !== null) await judge(heldOutLoss)
      isSettled = true
      tell(updated.loss, heldOutLoss, updated.learningRate, updated.gradientNorm)
      if (heldOutLoss !== null) {
        await components.observe?.({ step, loss: lossesSum / losses, heldOutLoss })
        lossesSum = 0
        losses = 0
      }
      if (nowMs() - savedMs >= config.checkpointMs) await save()
    }
    await save()
    return outcome(step < steps ? 'early' : 'steps')
  } catch (error) {
    if (toVillageError(error).code === 'TRAIN_DIVERGED') throw diverged(error, step, savedStep, state.best)
    if (signal.aborted && isSettled) await save()
    throw error
  }
}

function diverged(cause: unknown, step: number, savedStep: number | null, best: Best | null): VillageError {
  const kept = best ?? (savedStep === null ? null : { step: savedStep })
  return new VillageError(
    'TRAIN_DIVERGED',
    `The loss is no number any more at step ${step + 1}${kept === null ? '' : `; the weights of step ${kept.step} are kept`}`,
    { cause, fields: { step: step + 1, keptStep: kept?.step ?? null } },
  )
}
