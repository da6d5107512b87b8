/** What `village train` makes of its options: the parameters of the job that it submits. */
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createTrainingLine, trainingText } from '../../node/cli/training-text.ts'
import { type TrainParams, trainJob } from '../../node/compute/jobs/train-job.ts'
import { runOf } from '../../node/compute/training/train-run.ts'
import type { JsonObject } from '../../node/json.ts'
import { withApi } from '../helpers/command-line.ts'

const test = suite('village train')

const HERE = { model: 'tiny', data: [path.resolve('notes.txt')] }
const CASES: [args: string[], params: JsonObject][] = [
  [[], {}],
  [
    [
      '--method',
      'lora',
      '--rank',
      '4',
      '--alpha',
      '8',
      '--module',
      'q_proj',
      '--module',
      'v_proj',
      '--adapter',
    ],
    { method: 'lora', rank: 4, alpha: 8, modules: ['q_proj', 'v_proj'], adapter: true },
  ],
  [
    ['--steps', '100', '--batch', '2', '--accumulation', '4', '--length', '64', '--learning-rate', '1e-4'],
    { steps: 100, batch: 2, accumulation: 4, length: 64, learningRate: 1e-4 },
  ],
  [
    [
      '--schedule',
      'wsd',
      '--warmup',
      '10',
      '--weight-decay',
      '0',
      '--clip',
      '0',
      '--seed',
      '7',
      '--epochs',
      '0.5',
    ],
    { schedule: 'wsd', warmup: 10, weightDecay: 0, clip: 0, seed: 7, epochs: 0.5 },
  ],
  [
    [
      '--early-stop',
      '3',
      '--min-gain',
      '0.01',
      '--evaluate-every',
      '50',
      '--held-out',
      '0.1',
      '--checkpoint',
      '5',
    ],
    { earlyStop: 3, minGain: 0.01, evaluateEvery: 50, heldOut: 0.1, checkpointSeconds: 5 },
  ],
  [
    ['--optimiser', 'sgd', '--split', 'file', '--id', 'mine', '--from', 'abcdefgh23'],
    { optimiser: 'sgd', split: 'file', id: 'mine', from: 'abcdefgh23' },
  ],
]
for (const [args, expected] of CASES)
  test(`village train tiny ${args.join(' ')}`, async () => {
    let sent: JsonObject = {}
    await withApi(async (cli) => {
      const { code, json, err } = await cli('train', 'tiny', '--data', 'notes.txt', ...args, '--json')
      assert.is(code, 0, err)
      sent = json.params
    })
    assert.equal(sent, { ...HERE, ...expected })
    const params = trainJob.parseParams(sent)
    assert.equal(
      trainJob.parseParams(JSON.parse(JSON.stringify(params))),
      params,
      'it comes back from JSON alike',
    )
    for (const [name, value] of Object.entries(expected)) assert.equal(params[name], value, name)
  })

const REFUSED: JsonObject[] = [
  { steps: 1.5 },
  { method: 'some' },
  { schedule: 'step' },
  { batch: 4096, length: 65_536 },
  { earlyStop: 2, heldOut: 0 },
  { modules: ['q_proj'] },
  { adapter: true },
  { data: ['notes.txt'] },
  { data: Array.from({ length: 20 }, (_, index) => `/${'x'.repeat(1000)}${index}`) },
  { checkpoint: 5 },
  { from: '../../elsewhere' },
]
for (const params of REFUSED)
  test(`${JSON.stringify(params).slice(0, 60)} is refused`, () => {
    assert.throws(
      () => trainJob.parseParams({ ...HERE, ...params }),
      (error: { code: string }) => error.code === 'INVALID_ARGUMENT',
    )
  })

test('rows are as long as the model allows, where nothing is said', () => {
  const wish = trainJob.parseParams(HERE) as TrainParams
  assert.is(runOf(wish, 128).length, 128)
  assert.is(runOf(wish, 4096).length, 256)
  assert.is(runOf({ ...wish, length: 512 }, 4096).length, 512)
})

const WRONG: [args: string[], says: RegExp][] = [
  [[], /Say with --data/],
  [['--data', 'a.txt', '--learning-rate', 'fast'], /--learning-rate takes a number/],
  [['--data', 'a.txt', '--steps', '5', '--epochs', '2'], /one of --steps and --epochs/],
  [['--data', 'a.txt', '--rank', '4'], /--rank is for --method lora/],
]
test('what does not go together is a usage error', () =>
  withApi(async (cli) => {
    for (const [args, says] of WRONG) {
      const { code, err } = await cli('train', 'tiny', ...args)
      assert.is(code, 2)
      assert.match(err, says)
    }
  }))

test('one line while it runs: the held-out loss stays until there is a new one', () => {
  const line = createTrainingLine()
  const figures = { step: 1, steps: 2000, loss: 2.31, heldOutLoss: 2.5, tokensPerSecond: 5120.4 }
  const first = line(figures)
  assert.is(first.text, 'step 1 of 2,000, loss 2.3100, held out 2.5000, 5,120 tokens/s')
  assert.is(line({ ...figures, step: 1000, heldOutLoss: null }).text.includes('held out 2.5000'), true)
  assert.is(line({ ...figures, step: 1000 }).share, 0.5)
})

test('the report says what was trained, on what, and what it gave', () => {
  const text = trainingText({
    id: 'mine',
    ended: 'early',
    step: 40,
    steps: 100,
    loss: 1.5,
    heldOutBefore: 3,
    best: { step: 30, heldOutLoss: 1.75 },
    config: { method: 'lora', rank: 4 },
    data: { documents: 1200, tokens: 34_000, cutTokens: 3 },
  })
  assert.match(text, /LoRA of rank 4, 40 of 100 steps; stopped early/)
  assert.match(text, /1,200 documents, 34,000 tokens/)
  assert.match(text, /3\.0000 before, 1\.7500 at step 30/)
  assert.match(text, /3 tokens did not fit/)
})

test.run()
