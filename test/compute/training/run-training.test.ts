import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBatches, rowsInMemory } from '../../../node/compute/training/batches.ts'
import { createPacker, type Row } from '../../../node/compute/training/packing.ts'
import {
  type Checkpoint,
  type LoopConfig,
  runTraining,
  type TrainingMetrics,
} from '../../../node/compute/training/run-training.ts'
import type { Trainer, TrainerState } from '../../../node/compute/training/trainer.ts'
import { rejectsCode } from '../../helpers/throws.ts'
import { createToyTrainer, type ToyTrainer } from '../../helpers/toy-trainer.ts'

const test = suite('run-training')

const VOCABULARY = 8
const LENGTH = 16
const signal = new AbortController().signal

/** Token t stands in the text in proportion to t + 1. */
function rowsOf(count: number, shift: number): Row[] {
  const rows: Row[] = []
  const packer = createPacker({ length: LENGTH, padToken: 0 }, (row) => rows.push(row))
  const pattern = Array.from({ length: VOCABULARY }, (_, token) =>
    Array<number>(token + 1).fill(token),
  ).flat()
  const tokens = Array.from({ length: count }, (_, at) => pattern[(at * 7 + shift) % pattern.length]!)
  packer.push({ tokens, counted: tokens.map(() => true), isMasked: false })
  packer.end()
  return rows
}

const data = () =>
  createBatches(rowsInMemory(rowsOf(720, 0), rowsOf(180, 3)), {
    batch: 4,
    length: LENGTH,
    seed: 7,
    maxHeldOutBatches: 8,
  })

const CONFIG: LoopConfig = {
  batch: 4,
  accumulation: 2,
  steps: 40,
  schedule: { name: 'cosine', learningRate: 0.5, warmupSteps: 4, finalShare: 0, decayShare: 0.2 },
  clipNorm: 1,
  evaluateEverySteps: 10,
  patience: null,
  minGain: 0,
  checkpointMs: 0,
}

interface Recorded {
  trainer: ToyTrainer
  metrics: TrainingMetrics[]
  saved: Checkpoint[]
  best: TrainerState[]
}

const record = (trainer: ToyTrainer): Recorded => ({ trainer, metrics: [], saved: [], best: [] })

function run(
  recorded: Recorded,
  config: LoopConfig,
  init: { signal?: AbortSignal; from?: Checkpoint; pauses?: () => boolean; trainer?: Trainer } = {},
) {
  let nowMs = 0
  return runTraining(
    {
      trainer: init.trainer ?? recorded.trainer,
      data: data(),
      nowMs: () => (nowMs += 10),
      checkpoints: {
        save: async (checkpoint) => void recorded.saved.push(checkpoint),
        saveBest: async (state) => void recorded.best.push(state),
      },
      ...(init.pauses === undefined ? {} : { pauses: init.pauses }),
    },
    config,
    init.signal ?? signal,
    (metrics) => recorded.metrics.push(metrics),
    init.from ?? null,
  )
}

const parametersOf = (state: TrainerState) => [...state.parameters.get('logits')!]

test('the loss falls to the entropy of the data, held-out loss and metrics are told', async () => {
  const recorded = record(createToyTrainer({ vocabulary: VOCABULARY }))
  const outcome = await run(recorded, CONFIG)
  assert.is(outcome.ended, 'steps')
  assert.is(outcome.step, 40)
  const total = (VOCABULARY * (VOCABULARY + 1)) / 2
  const shares = Array.from({ length: VOCABULARY }, (_, token) => (token + 1) / total)
  const entropy = -shares.reduce((sum, share) => sum + share * Math.log(share), 0)
  const [first, ...rest] = recorded.metrics
  assert.is(first!.step, 0)
  assert.is(first!.gradientNorm, null)
  assert.ok(Math.abs(first!.loss - Math.log(VOCABULARY)) < 1e-6, 'an even guess before training')
  assert.equal(
    rest.map(({ step }) => step),
    Array.from({ length: 40 }, (_, index) => index + 1),
  )
  assert.equal(
    rest.filter(({ heldOutLoss }) => heldOutLoss !== null).map(({ step }) => step),
    [10, 20, 30, 40],
  )
  assert.ok(outcome.best!.heldOutLoss < entropy + 0.02, `${outcome.best!.heldOutLoss} against ${entropy}`)
  assert.is(outcome.tokens, recorded.metrics.at(-1)!.tokens)
  for (const [token, share] of recorded.trainer.probabilities().entries())
    assert.ok(Math.abs(share - shares[token]!) < 0.05)
})

test('a run that is stopped anywhere and goes on from its checkpoint ends with the same bits', async () => {
  const whole = record(createToyTrainer({ vocabulary: VOCABULARY }))
  const expected = await run(whole, CONFIG)
  for (const pauseAt of [0, 1, 9, 10, 11, 39]) {
    const parts = record(createToyTrainer({ vocabulary: VOCABULARY }))
    const paused = await run(parts, CONFIG, {
      pauses: () => parts.metrics.filter(({ gradientNorm }) => gradientNorm !== null).length >= pauseAt,
    })
    assert.is(paused.ended, 'paused')
    assert.is(paused.step, pauseAt)
    const from = parts.saved.at(-1)!
    const next = record(createToyTrainer({ vocabulary: VOCABULARY }))
    const outcome = await run(next, CONFIG, { from })
    assert.is(outcome.ended, 'steps')
    assert.equal(parametersOf(next.trainer.state()), parametersOf(whole.trainer.state()))
    assert.equal(outcome, expected)
  }
})

test('early stop after a number of held-out losses without a gain, with the best weights kept', async () => {
  const recorded = record(createToyTrainer({ vocabulary: VOCABULARY }))
  const config = { ...CONFIG, steps: 400, patience: 3, minGain: 0.01, evaluateEverySteps: 5 }
  const outcome = await run(recorded, config)
  assert.is(outcome.ended, 'early')
  assert.ok(outcome.step < 400)
  const seen = recorded.metrics.flatMap(({ step, heldOutLoss }) => (heldOutLoss === null ? [] : [step]))
  assert.is(outcome.step - outcome.best!.step, 15)
  assert.is(seen.at(-1), outcome.step)
  assert.is(recorded.best.at(-1)!.step, outcome.best!.step)
  assert.is(recorded.saved.at(-1)!.trainer.step, outcome.step)
})

test('a run that was stopped early is not started again by its checkpoint', async () => {
  const recorded = record(createToyTrainer({ vocabulary: VOCABULARY }))
  const config = { ...CONFIG, steps: 400, patience: 1, minGain: 10 }
  const outcome = await run(recorded, config)
  const again = record(createToyTrainer({ vocabulary: VOCABULARY }))
  const second = await run(again, config, { from: recorded.saved.at(-1)! })
  assert.equal(second, outcome)
  assert.is(again.metrics.length, 0)
})

test('divergence says at which step, and which weights are kept', async () => {
  const recorded = record(createToyTrainer({ vocabulary: VOCABULARY, divergeAt: 13 }))
  const error = await rejectsCode(run(recorded, CONFIG), 'TRAIN_DIVERGED')
  assert.equal(error.fields, { step: 14, keptStep: 10 })
  assert.is(recorded.saved.at(-1)!.trainer.step, 13)
})

test('an abort comes through between micro-batches and saves what was learned', async () => {
  const recorded = record(createToyTrainer({ vocabulary: VOCABULARY }))
  const abort = new AbortController()
  const toy = recorded.trainer
  let calls = 0
  const trainer: Trainer = {
    ...toy,
    accumulate(batch, given) {
      calls += 1
      if (calls === 12) abort.abort(new Error('enough'))
      return toy.accumulate(batch, given)
    },
  }
  const config = { ...CONFIG, checkpointMs: 1e9 }
  try {
    await run(recorded, config, { signal: abort.signal, trainer })
    assert.unreachable('it went on')
  } catch (error) {
    assert.is((error as Error).message, 'enough')
  }
  // Two micro-batches by update: the twelfth ends the sixth update, and the abort is seen before the next.
  assert.is(calls, 12)
  assert.is(recorded.saved.length, 1)
  assert.is(recorded.saved[0]!.trainer.step, 6)
})

test.run()
