import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readCheckpoint, writeCheckpoint } from '../../../node/compute/training/checkpoint.ts'
import { failOnce } from '../../../node/compute/training/final-failure.ts'
import { openMetricsWriter } from '../../../node/compute/training/metrics-file.ts'
import type { LoopConfig, TrainingMetrics } from '../../../node/compute/training/run-training.ts'
import { learningRateAt, SCHEDULES, type Schedule } from '../../../node/compute/training/schedule.ts'
import { heldOutBatches } from '../../../node/compute/training/train-run.ts'
import { openBoard } from '../../../node/compute/training/training-board.ts'
import { VillageError } from '../../../node/errors.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-checkpoint-'))
const test = suite('checkpoints, figures and schedules')
test.after(() => rmSync(root, { recursive: true, force: true }))

const STATE = {
  step: 17,
  parameters: new Map([
    ['a', Float32Array.of(1, -0, Number.MIN_VALUE, 3.4e38)],
    ['b', Float32Array.of(0.1)],
  ]),
  moments: new Map([
    ['a', [Float32Array.of(1, 2, 3, 4), Float32Array.of(5, 6, 7, 8)]],
    ['b', [Float32Array.of(9), Float32Array.of(10)]],
  ]),
}
const FACTS = { best: { step: 3, heldOutLoss: 1.25 }, text: 'é' }

test('a checkpoint comes back bit by bit, and replaces the one before', () => {
  const file = path.join(root, 'whole.bin')
  assert.is(readCheckpoint(file), null)
  writeCheckpoint(file, { ...STATE, step: 1 }, {}, { moments: true })
  writeCheckpoint(file, STATE, FACTS, { moments: true })
  const found = readCheckpoint(file)!
  assert.equal(found.facts, FACTS)
  assert.equal(found.state, STATE)
  assert.ok(Object.is(found.state.parameters.get('a')![1], -0))
  assert.equal(readdirSync(root), ['whole.bin'], 'nothing else stays')
  writeCheckpoint(file, STATE, FACTS, { moments: false })
  assert.equal(
    readCheckpoint(file)!.state.moments,
    new Map([
      ['a', []],
      ['b', []],
    ]),
  )
})

test('every damaged byte and every other length is found', () => {
  const file = path.join(root, 'damaged.bin')
  writeCheckpoint(file, STATE, FACTS, { moments: true })
  const whole = readFileSync(file)
  for (let at = 0; at < whole.length; at++) {
    const bytes = Buffer.from(whole)
    bytes[at]! ^= 0x41
    writeFileSync(file, bytes)
    throwsCode(() => readCheckpoint(file), 'TRAIN_CHECKPOINT_INVALID')
  }
  for (const length of [0, 3, 11, 40, whole.length - 1]) {
    writeFileSync(file, whole.subarray(0, length))
    throwsCode(() => readCheckpoint(file), 'TRAIN_CHECKPOINT_INVALID')
  }
  writeFileSync(file, Buffer.concat([whole, Buffer.of(0)]))
  throwsCode(() => readCheckpoint(file), 'TRAIN_CHECKPOINT_INVALID')
})

const figures = (step: number, heldOutLoss: number | null = null): TrainingMetrics => ({
  step,
  steps: 10,
  loss: 2 / step,
  heldOutLoss,
  learningRate: 0.1,
  gradientNorm: step === 0 ? null : 1.5,
  tokens: step * 7,
  tokensPerSecond: 70,
})

test('figures behind the checkpoint are written anew', () => {
  const file = path.join(root, 'metrics.jsonl')
  const first = openMetricsWriter(file, 0)
  first.append(figures(1))
  const keptBytes = first.sizeBytes()
  first.append(figures(2))
  first.close()
  const second = openMetricsWriter(file, keptBytes)
  second.append(figures(2, 0.5))
  second.close()
  const lines = readFileSync(file, 'utf8').trim().split('\n')
  assert.equal(
    lines.map((line) => JSON.parse(line)),
    [figures(1), figures(2, 0.5)],
  )
  throwsCode(() => openMetricsWriter(file, 10_000), 'DATA_CORRUPT')
})

test('a board shows the latest figures and the wish for a pause to whoever has its memory', () => {
  const here = openBoard()
  const there = openBoard(here.memory)
  assert.is(there.latest(), null)
  here.show(figures(3, 0.75))
  here.show(figures(4))
  assert.equal(there.latest(), { ...figures(4), heldOutLoss: 0.75, heldOutStep: 3 })
  assert.not.ok(here.pauses())
  there.askForPause()
  assert.ok(here.pauses())
})

test('what fails for good is not tried again, anything else is', async () => {
  const directory = mkdtempSync(path.join(root, 'failures-'))
  let calls = 0
  const fail = (code: 'TRAIN_DIVERGED' | 'WORKER_CRASHED') => () => {
    calls += 1
    return Promise.reject(new VillageError(code, `attempt ${calls}`, { fields: { step: 4 } }))
  }
  await rejectsCode(failOnce(directory, fail('WORKER_CRASHED')), 'WORKER_CRASHED')
  await rejectsCode(failOnce(directory, fail('TRAIN_DIVERGED')), 'TRAIN_DIVERGED')
  const again = await rejectsCode(failOnce(directory, fail('WORKER_CRASHED')), 'TRAIN_DIVERGED')
  assert.is(again.message, 'attempt 2')
  assert.equal(again.fields, { step: 4 })
  assert.is(calls, 2)
})

test('the held-out part takes a sixth of the work at most', () => {
  const config = { evaluateEverySteps: 30, accumulation: 2 } as LoopConfig
  assert.is(heldOutBatches(config), 30)
  assert.is(heldOutBatches({ ...config, evaluateEverySteps: 1 }), 4)
  assert.is(heldOutBatches({ ...config, evaluateEverySteps: 1000 }), 32)
})

for (const name of SCHEDULES)
  test(`${name}: rises to the highest rate, then does what it is called`, () => {
    const schedule: Schedule = { name, learningRate: 2, warmupSteps: 10, finalShare: 0.1, decayShare: 0.2 }
    const rates = Array.from({ length: 100 }, (_, step) => learningRateAt(schedule, step, 100))
    assert.ok(Math.abs(rates[0]! - 0.2) < 1e-12)
    assert.is(rates[9], 2)
    assert.is(rates[10], 2)
    for (let step = 1; step < 10; step++) assert.ok(rates[step]! > rates[step - 1]!)
    for (let step = 11; step < 100; step++) assert.ok(rates[step]! <= rates[step - 1]!)
    const middle: Record<string, number> = { cosine: 1.1, linear: 1.1, constant: 2, wsd: 2 }
    assert.ok(Math.abs(learningRateAt(schedule, 55, 100) - middle[name]!) < 1e-9)
    const end = learningRateAt(schedule, 100, 100)
    assert.ok(Math.abs(end - (name === 'constant' ? 2 : 0.2)) < 1e-9)
    assert.is(learningRateAt({ ...schedule, warmupSteps: 0 }, 0, 1) > 0, true)
  })

test.run()
