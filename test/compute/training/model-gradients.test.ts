import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { loadGraph } from '../../../node/compute/training/autodiff/load-graph.ts'
import { createTape, float32, int64 } from '../../../node/compute/training/autodiff/tape.ts'
import type { Trainer, TrainingBatch } from '../../../node/compute/training/trainer.ts'
import { checkGradients } from '../../../scripts/bench/gradient-check.ts'
import { checkTrainer } from '../../../scripts/bench/trainer-gradients.ts'
import { writeTinyModel } from '../../helpers/language-models.ts'
import {
  LANGUAGE_FAMILIES,
  LORA,
  lossOfModel,
  NEVER,
  tinyBatch,
  trainerInit,
  withTinyModel,
  withTrainer,
} from './trained-models.ts'

const test = suite('training gradients of whole models')

const TOLERANCE = 1e-3
/** Gradients that are smaller than this share of the largest one are compared with it: float32 cannot show them. */
const FLOOR = 0.05

async function check(trainer: Trainer, given: TrainingBatch): Promise<void> {
  for (const { name, error } of await checkTrainer(trainer, given, FLOOR))
    assert.ok(error < TOLERANCE, `the gradient of ${name} is off by ${error}`)
}

for (const family of LANGUAGE_FAMILIES)
  test(`${family}: every weight and every adapter has the gradient of finite differences`, () =>
    withTinyModel(
      family,
      async (model) => {
        const given = tinyBatch(model.card.vocabulary)
        for (const trainable of [{ kind: 'full' } as const, LORA])
          await withTrainer(trainerInit(model.modelPath, { trainable }), async (trainer) => {
            const { lossSum } = await trainer.loss(given, NEVER)
            const expected = await lossOfModel(model, given)
            assert.ok(Math.abs(lossSum - expected) < 1e-4 * expected, `${family}: ${lossSum} for ${expected}`)
            await check(trainer, given)
          })
      },
      // A window that is shorter than the rows.
      family === 'mistral' ? { config: { sliding_window: 4 } } : {},
    ))

test('llama with heads whose positions are turned outside of attention', () =>
  withTinyModel(
    'llama',
    async (model) => {
      const given = tinyBatch(model.card.vocabulary)
      assert.ok(model.card.positionInput)
      await withTrainer(trainerInit(model.modelPath), async (trainer) => {
        const expected = await lossOfModel(model, given)
        const { lossSum } = await trainer.loss(given, NEVER)
        assert.ok(Math.abs(lossSum - expected) < 1e-4 * expected)
        await check(trainer, given)
      })
    },
    { config: { num_attention_heads: 4, num_key_value_heads: 2, tie_word_embeddings: false, head_dim: 8 } },
  ))

test('bert: the operators of an encoder', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'village-trainer-test-'))
  try {
    writeTinyModel(directory, 'bert')
    using model = openModel(join(directory, 'model.onnx'))
    const tape = createTape()
    const [batch, length] = [2, 5]
    const variables = new Map<string, Float32Array>()
    const ids = tape.input('ids', int64([batch, length]))
    const inputs = new Map([
      ['input_ids', ids],
      ['attention_mask', tape.integers([1, 1, 1, 1, 1, 1, 1, 1, 0, 0], [batch, length])],
      ['token_type_ids', tape.integers([0, 0, 0, 1, 1, 0, 1, 1, 1, 1], [batch, length])],
    ])
    const output = loadGraph(tape, model, {
      output: model.graph.outputs[0]!.name,
      inputs,
      initializer: (tensor) => {
        if (!/\.(weight|bias)$/.test(tensor.name)) return null
        variables.set(tensor.name, model.readTensor(tensor))
        return tape.input(tensor.name, float32(tensor.dims))
      },
    })
    const tokens = BigInt64Array.from({ length: batch * length }, (_, at) => BigInt((at * 37) % 200))
    const others = { ids: new ort.Tensor('int64', tokens, [batch, length]) }
    const checked = await checkGradients({ tape, variables, others, outputs: [output], maxElements: 6 })
    assert.ok(checked.length > 20)
    const largest = Math.max(...checked.map((each) => each.largest))
    for (const each of checked) {
      // Keys' biases have no influence: what is left is rounding.
      const error = (each.error * each.largest) / Math.max(each.largest, largest * FLOOR)
      assert.ok(error < TOLERANCE, `the gradient of ${each.name} is off by ${error}`)
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})

test.run()
