import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { FLOAT32, INT64 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { createGraphBuilder } from '../../../node/compute/onnx/write.ts'
import { openTrainer } from '../../../node/compute/training/open-trainer.ts'
import type {
  OptimiserInit,
  Trainable,
  Trainer,
  TrainerState,
} from '../../../node/compute/training/trainer.ts'
import { writeTinyModel } from '../../helpers/language-models.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'
import { noise, writeGraph } from '../onnx/small-models.ts'
import {
  LORA,
  NEVER,
  SHAPE,
  type TinyTraining,
  tinyBatch,
  trainerInit,
  withTinyModel,
  withTrainer,
} from './trained-models.ts'

const test = suite('trainer')

const ADAMW: OptimiserInit = { kind: 'adamw', betas: [0.9, 0.99], epsilon: 1e-8, weightDecay: 0.01 }
const RATE = { learningRate: 0.01, clipNorm: 1 }

const llama = (work: (model: TinyTraining) => Promise<void>) => withTinyModel('llama', work)

async function steps(trainer: Trainer, count: number, vocabulary: number, from = 0): Promise<number[]> {
  const losses: number[] = []
  for (let step = from; step < from + count; step++) {
    const { lossSum, count: labels } = await trainer.accumulate(
      tinyBatch(vocabulary, { shift: step % 3 }),
      NEVER,
    )
    losses.push(lossSum / labels)
    trainer.step(RATE)
  }
  return losses
}

function sameState(a: TrainerState, b: TrainerState): boolean {
  const same = (x: Float32Array, y: Float32Array | undefined) =>
    Buffer.compare(Buffer.from(x.buffer), Buffer.from(y!.buffer)) === 0
  return (
    a.step === b.step &&
    [...a.parameters].every(([name, values]) => same(values, b.parameters.get(name))) &&
    [...a.moments].every(([name, all]) => all.every((values, at) => same(values, b.moments.get(name)![at])))
  )
}

const METHODS: readonly [string, Trainable][] = [
  ['all weights', { kind: 'full' }],
  ['adapters', { ...LORA, modules: ['q_proj', 'down_proj'] } as Trainable],
]

for (const [title, trainable] of METHODS)
  test(`${title}: the loss falls, the same steps give the same bits, a restored state goes on the same way`, () =>
    llama(async ({ modelPath, card }) => {
      const init = trainerInit(modelPath, { trainable, optimiser: ADAMW, threads: 2 })
      const whole = await withTrainer(init, async (trainer) => {
        const losses = await steps(trainer, 12, card.vocabulary)
        assert.ok(losses.at(-1)! < losses[0]! - 0.05, `${losses}`)
        return trainer.state()
      })
      const half = await withTrainer(init, async (trainer) => {
        await steps(trainer, 5, card.vocabulary)
        return trainer.state()
      })
      await withTrainer(init, async (trainer) => {
        await trainer.accumulate(tinyBatch(card.vocabulary), NEVER)
        trainer.restore(half)
        assert.ok(sameState(trainer.state(), half))
        await steps(trainer, 7, card.vocabulary, 5)
        assert.ok(sameState(trainer.state(), whole))
      })
    }))

test('adapters start without effect; only the chosen modules are trained', () =>
  llama(async ({ modelPath, card }) => {
    const given = tinyBatch(card.vocabulary)
    const plain = await withTrainer(trainerInit(modelPath), (trainer) => trainer.loss(given, NEVER))
    const trainable = { ...LORA, modules: ['k_proj', 'model.layers.1.mlp.up_proj'] }
    await withTrainer(trainerInit(modelPath, { trainable }), async (trainer) => {
      const names = trainer.parameters.map(({ name }) => name).sort()
      const modules = ['layers.0.self_attn.k_proj', 'layers.1.mlp.up_proj', 'layers.1.self_attn.k_proj']
      assert.equal(
        names,
        modules.flatMap((module) => ['A', 'B'].map((side) => `model.${module}.lora_${side}`)),
      )
      assert.equal(trainer.parameters.find(({ name }) => name.endsWith('k_proj.lora_A'))!.dims, [
        32,
        LORA_RANK,
      ])
      const { lossSum, count } = await trainer.loss(given, NEVER)
      assert.ok(Math.abs(lossSum - plain.lossSum) < 1e-4)
      assert.is(count, plain.count)
    })
    const unknown = { ...LORA, modules: ['z_proj'] }
    await rejectsCode(openTrainer(trainerInit(modelPath, { trainable: unknown })), 'INVALID_ARGUMENT')
  }))

const LORA_RANK = LORA.kind === 'lora' ? LORA.rank : 0

test('gradients of several micro-batches add up; the loss leaves them alone', () =>
  llama(async ({ modelPath, card }) => {
    const [first, second] = [0, 1].map((shift) => tinyBatch(card.vocabulary, { shift }))
    const joined = {
      tokens: Int32Array.of(...first!.tokens, ...second!.tokens),
      labels: Int32Array.of(...first!.labels, ...second!.labels),
    }
    const parts = await withTrainer(trainerInit(modelPath), async (trainer) => {
      await trainer.accumulate(first!, NEVER)
      await trainer
        .loss(joined, NEVER)
        .catch((error: { code?: string }) => assert.is(error.code, 'INVALID_ARGUMENT'))
      await trainer.loss(second!, NEVER)
      await trainer.accumulate(second!, NEVER)
      const { gradientNorm } = trainer.step({ learningRate: 0.1, clipNorm: null })
      return { gradientNorm, state: trainer.state() }
    })
    await withTrainer(trainerInit(modelPath, { batch: 2 * SHAPE.batch }), async (trainer) => {
      await trainer.accumulate(joined, NEVER)
      const { gradientNorm } = trainer.step({ learningRate: 0.1, clipNorm: null })
      assert.ok(Math.abs(gradientNorm - parts.gradientNorm) < 1e-4 * gradientNorm)
      for (const [name, values] of trainer.state().parameters)
        for (const [at, value] of values.entries())
          assert.ok(Math.abs(value - parts.state.parameters.get(name)![at]!) < 1e-5, name)
    })
  }))

test('a gradient that is longer than the limit is cut to it', () =>
  llama(async ({ modelPath, card }) => {
    const moved = (clipNorm: number | null) =>
      withTrainer(trainerInit(modelPath), async (trainer) => {
        const before = trainer.state().parameters
        await trainer.accumulate(tinyBatch(card.vocabulary), NEVER)
        const { gradientNorm } = trainer.step({ learningRate: 1, clipNorm })
        let squares = 0
        for (const [name, values] of trainer.state().parameters)
          for (const [at, value] of values.entries()) squares += (value - before.get(name)![at]!) ** 2
        return { gradientNorm, length: Math.sqrt(squares) }
      })
    const free = await moved(null)
    assert.ok(free.gradientNorm > 0.5)
    assert.ok(Math.abs(free.length - free.gradientNorm) < 1e-3 * free.length)
    const cut = await moved(0.25)
    assert.is(cut.gradientNorm, free.gradientNorm)
    assert.ok(Math.abs(cut.length - 0.25) < 1e-3)
  }))

test('batches that do not fit are refused, and so is a step without labels', () =>
  llama(async ({ modelPath, card }) => {
    await withTrainer(trainerInit(modelPath), async (trainer) => {
      const good = tinyBatch(card.vocabulary)
      const wrong = [
        { ...good, tokens: good.tokens.subarray(1) },
        { ...good, tokens: good.tokens.map((token, at) => (at === 3 ? card.vocabulary : token)) },
        { ...good, tokens: good.tokens.map((token, at) => (at === 3 ? -1 : token)) },
        { ...good, labels: good.labels.map((label, at) => (at === 3 ? -5 : label)) },
      ]
      for (const given of wrong) await rejectsCode(trainer.accumulate(given, NEVER), 'INVALID_ARGUMENT')
      throwsCode(() => trainer.step(RATE), 'INVALID_ARGUMENT')
      const none = { ...good, labels: good.labels.map(() => -100) }
      assert.equal(await trainer.accumulate(none, NEVER), { lossSum: 0, count: 0 })
      throwsCode(() => trainer.step(RATE), 'INVALID_ARGUMENT')
      await trainer.accumulate(good, NEVER)
      for (const rate of [
        { learningRate: Number.NaN, clipNorm: 1 },
        { learningRate: -1, clipNorm: 1 },
        { learningRate: 1, clipNorm: 0 },
      ])
        throwsCode(() => trainer.step(rate), 'INVALID_ARGUMENT')
      // What was refused left the gradient as it was.
      assert.ok(trainer.step(RATE).gradientNorm > 0)
      const aborted = AbortSignal.abort()
      assert.is(await trainer.accumulate(good, aborted).catch((error: Error) => error.name), 'AbortError')
      const state = trainer.state()
      throwsCode(() => trainer.restore({ ...state, parameters: new Map() }), 'INVALID_ARGUMENT')
      throwsCode(
        () =>
          trainer.restore({ ...state, moments: new Map([...state.parameters].map(([n, v]) => [n, [v]])) }),
        'INVALID_ARGUMENT',
      )
    })
    await rejectsCode(openTrainer(trainerInit(modelPath, { batch: 0 })), 'INVALID_ARGUMENT')
    await rejectsCode(openTrainer(trainerInit(modelPath, { length: 2 ** 24 })), 'INVALID_ARGUMENT')
    const trainable = { ...LORA, rank: 0 }
    await rejectsCode(openTrainer(trainerInit(modelPath, { trainable })), 'INVALID_ARGUMENT')
  }))

test('a run that diverged says so, and the weights of before can be restored', () =>
  llama(async ({ modelPath, card }) => {
    await withTrainer(trainerInit(modelPath), async (trainer) => {
      const given = tinyBatch(card.vocabulary)
      const before = trainer.state()
      const { lossSum } = await trainer.accumulate(given, NEVER)
      trainer.step({ learningRate: 1e30, clipNorm: null })
      const reached = trainer.state()
      // Weights this large are still numbers; their gradient is none.
      const error = await rejectsCode(
        trainer.accumulate(given, NEVER).then(() => trainer.step(RATE)),
        'TRAIN_DIVERGED',
      )
      assert.is(error.fields.step, 2)
      assert.ok(sameState(trainer.state(), reached))
      const parameters = new Map(before.parameters).set(
        'model.norm.weight',
        new Float32Array(32).fill(Number.NaN),
      )
      trainer.restore({ ...before, parameters })
      await rejectsCode(trainer.accumulate(given, NEVER), 'TRAIN_DIVERGED')
      throwsCode(() => trainer.step(RATE), 'INVALID_ARGUMENT')
      trainer.restore(before)
      assert.is((await trainer.accumulate(given, NEVER)).lossSum, lossSum)
    })
  }))

test('models that cannot be trained are refused with what is in the way', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'village-trainer-test-'))
  try {
    writeTinyModel(directory, 'bert')
    const encoder = join(directory, 'model.onnx')
    await rejectsCode(openTrainer(trainerInit(encoder)), 'TRAIN_MODEL_UNSUITABLE')
    await rejectsCode(openTrainer(trainerInit(join(directory, 'none.onnx'))), 'NOT_FOUND')

    for (const [opType, code] of [
      ['Hardmax', 'TRAIN_OPERATOR_UNSUPPORTED'],
      ['Sign', 'TRAIN_OPERATOR_UNSUPPORTED'],
    ] as const) {
      const graph = createGraphBuilder()
      const table = graph.tensor(float32Tensor('table.weight', [20, 8], noise(160)))
      const hidden = graph.add(opType, [graph.add('Gather', [table, 'input_ids'])])
      graph.add(
        'MatMul',
        [hidden, graph.tensor(float32Tensor('head.weight', [8, 20], noise(160, 2)))],
        undefined,
        'logits',
      )
      const path = join(directory, 'other.onnx')
      writeGraph(path, graph, {
        inputs: [{ name: 'input_ids', elementType: INT64, dims: ['batch', 'length'] }],
        outputs: [{ name: 'logits', elementType: FLOAT32, dims: ['batch', 'length', 20] }],
      })
      const error = await rejectsCode(openTrainer(trainerInit(path)), code)
      assert.is(error.fields.operator, opType)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  await withTinyModel(
    'llama',
    (model) =>
      rejectsCode(openTrainer(trainerInit(model.modelPath, { trainable: LORA })), 'TRAIN_MODEL_UNSUITABLE'),
    { adapters: false },
  )
  await withTinyModel('gpt2', (model) =>
    // Its table of positions ends at 128.
    rejectsCode(openTrainer(trainerInit(model.modelPath, { length: 200 })), 'INVALID_ARGUMENT'),
  )
})

test('nothing is left behind: no temporary file, no use after close', () =>
  llama(async ({ modelPath, card }) => {
    const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith('village-train-')).length
    const before = left()
    const trainer = await openTrainer(trainerInit(modelPath))
    await trainer.loss(tinyBatch(card.vocabulary), NEVER)
    assert.ok(left() <= before)
    await trainer.close()
    await trainer.close()
    await rejectsCode(trainer.accumulate(tinyBatch(card.vocabulary), NEVER), 'INVALID_ARGUMENT')
  }))

test.run()
