/** Geometry of real, tiny models: matrices, layers, alignment, barriers, and hidden states in training. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { referenceMoments } from '../../../node/compute/kernels/moments.ts'
import { readLanguageCard } from '../../../node/compute/models/language-card.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { openTrainer } from '../../../node/compute/training/open-trainer.ts'
import { apartBecause, barrierOf, lossLine, lossOn } from '../../../node/federated/geometry/barrier.ts'
import { compareModels } from '../../../node/federated/geometry/compare-models.ts'
import { measureModel } from '../../../node/federated/geometry/measure-model.ts'
import { textPoints } from '../../../node/federated/geometry/text-points.ts'
import { readTexts } from '../../../node/federated/geometry/texts.ts'
import { createTrainingObserver } from '../../../node/federated/geometry/training-observer.ts'
import { writeTinyLanguageModel, writeTinyModel } from '../../helpers/language-models.ts'
import { temporaryDirectory } from '../../helpers/mesh.ts'
import { rejectsCode, throwsCode } from '../../helpers/throws.ts'

const test = suite('geometry of models')
const TOOLS = { kernels: referenceMoments }
const SIGNAL = new AbortController().signal
const nothing = () => {}
const texts = readTexts(null, 40, 25)
let directory = ''
const at = (name: string) => path.join(directory, name)

test.before(async () => {
  directory = await temporaryDirectory()
  writeTinyLanguageModel(at('first'), 'llama', { seed: 1 })
  writeTinyLanguageModel(at('second'), 'llama', { seed: 2 })
  writeTinyLanguageModel(at('other'), 'gpt2', { seed: 1 })
  writeTinyModel(at('encoder'), 'bert', { seed: 3 })
})
test.after(() => rmSync(directory, { recursive: true, force: true }))

const measure = (name: string, bootstrap = 2) =>
  measureModel(
    { kernels: referenceMoments },
    { modelDirectory: at(name), workDirectory: directory, texts, bootstrap, seed: 1 },
    SIGNAL,
    nothing,
  )

test('matrices and layers of a language model and of an encoder', async () => {
  for (const name of ['first', 'encoder']) {
    const { matrices, layers, texts: counted } = await measure(name)
    assert.is(counted, 40)
    assert.ok(matrices.length >= 8 && layers!.length >= 8, name)
    for (const { name: matrix, rows, cols, stableRank, effectiveRank, entropy, tail } of matrices) {
      const side = Math.min(rows, cols)
      assert.ok(stableRank >= 1 && stableRank <= side + 1e-9, matrix)
      assert.ok(effectiveRank! >= stableRank ** 0.5 && effectiveRank! <= side + 1e-9, matrix)
      assert.ok(entropy! > 0 && entropy! <= 1 + 1e-12, matrix)
      assert.ok(tail!.alpha > 1 && tail!.p! >= 0 && tail!.p! <= 1, matrix)
    }
    for (const { layer, dims, intrinsic, principal } of layers!) {
      assert.ok(intrinsic!.maximumLikelihood > 0.5 && intrinsic!.points <= 40, layer)
      assert.ok(principal!.participationRatio >= 1 && principal!.directions99 <= dims, layer)
      assert.ok(principal!.directions90 <= principal!.directions99, layer)
    }
  }
})

test('the points of a layer are the means of what its weight reads', async () => {
  const two = ['ab', 'abcd']
  const alone = await textPoints(
    { modelDirectory: at('first'), workDirectory: directory, texts: [two[1]!] },
    SIGNAL,
    nothing,
  )
  const both = await textPoints(
    { modelDirectory: at('first'), workDirectory: directory, texts: two },
    SIGNAL,
    nothing,
  )
  assert.equal(both.kept, [0, 1])
  for (const [index, { layer, points }] of both.layers.entries()) {
    const own = alone.layers[index]!
    assert.is(own.layer, layer)
    for (let col = 0; col < points.dims; col++)
      assert.ok(Math.abs(points.values[points.dims + col]! - own.points.values[col]!) < 1e-5, layer)
  }
  // The first layer reads the normalised embedding: the mean over the tokens, computed here.
  const { layer, points } = alone.layers[0]!
  assert.is(layer, 'model.layers.0.self_attn.q_proj.weight')
  using model = openModel(at('first/model.onnx'))
  const table = model.readTensor(model.graph.initializers.get('model.embed_tokens.weight')!)
  const scale = model.readTensor(model.graph.initializers.get('model.layers.0.input_layernorm.weight')!)
  const { loadLanguageTokenizer } = await import('../../../node/compute/models/tokenizer.ts')
  const tokens = loadLanguageTokenizer(at('first')).encode(two[1]!, { specialTokens: true })
  const wanted = new Float64Array(points.dims)
  for (const token of tokens) {
    const row = table.subarray(token * points.dims, (token + 1) * points.dims)
    const size = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0) / points.dims + 1e-5)
    row.forEach((value, col) => {
      wanted[col]! += ((value / size) * scale[col]!) / tokens.length
    })
  }
  for (let col = 0; col < points.dims; col++) assert.ok(Math.abs(points.values[col]! - wanted[col]!) < 1e-5)
})

test('a model is alike itself, and there is no barrier to itself', async () => {
  const init = { workDirectory: directory, texts, firstDirectory: at('first') }
  const same = await compareModels(
    TOOLS,
    { ...init, secondDirectory: at('first'), barrierPoints: 3 },
    SIGNAL,
    nothing,
  )
  for (const { debiased, linear } of same.alignment!.same)
    assert.ok(Math.abs(debiased - 1) < 1e-9 && Math.abs(linear - 1) < 1e-9)
  const { line, height, vocabulary } = same.barrier!
  assert.is(vocabulary, readLanguageCard(at('first')).vocabulary)
  assert.ok(height < 1e-6 && Math.abs(line[1]!.loss - line[0]!.loss) < 1e-6)

  const other = await compareModels(
    TOOLS,
    { ...init, secondDirectory: at('second'), barrierPoints: 3 },
    SIGNAL,
    nothing,
  )
  assert.ok(other.alignment!.same.every(({ debiased }) => debiased < 0.9))
  assert.is(other.alignment!.debiased.length, other.alignment!.first.length)
  assert.is(other.noBarrier, null)
  assert.is(other.barrier!.line.at(-1)!.loss, await lossOn(at('second'), texts, SIGNAL))
})

test('models that have no line between them are compared as far as that goes', async () => {
  const init = { workDirectory: directory, texts, firstDirectory: at('first'), barrierPoints: 3 }
  const shapes = await compareModels(TOOLS, { ...init, secondDirectory: at('other') }, SIGNAL, nothing)
  assert.match(shapes.noBarrier!, /not the same tensors/)
  assert.ok(shapes.alignment !== null && shapes.barrier === null)
  assert.match(apartBecause(at('first'), at('encoder'))!, /language models/)
  await rejectsCode(
    lossLine({ ...init, secondDirectory: at('other'), points: 3 }, SIGNAL, nothing),
    'GEOMETRY_MODEL_UNSUITABLE',
  )
})

test('the height of a barrier is over the line between the ends', () => {
  const line = [0, 0.5, 1].map((t, index) => ({ t, loss: [1, 4, 3][index]! }))
  assert.equal(barrierOf(line), { line, height: 2, at: 0.5 })
  const valley = [0, 0.5, 1].map((t, index) => ({ t, loss: [1, 0.5, 3][index]! }))
  assert.equal(barrierOf(valley), { line: valley, height: 0, at: 0 })
})

test('texts: evenly spread, and refused where they are none', async () => {
  const file = at('texts.txt')
  writeFileSync(file, Array.from({ length: 100 }, (_, index) => `text ${index}\n\n`).join(''))
  assert.equal(readTexts(file, 4, 4), ['text 0', 'text 25', 'text 50', 'text 75'])
  assert.is(readTexts(file, 1_000, 25).length, 100)
  assert.is(readTexts(null, 10_000, 25).length, 512)
  mkdirSync(at('folder'))
  writeFileSync(at('binary'), Uint8Array.of(255, 254, 10))
  for (const [given, least] of [
    [file, 101],
    [at('missing'), 1],
    [at('folder'), 1],
    [at('binary'), 1],
  ] as const)
    throwsCode(() => readTexts(given, 10, least), 'GEOMETRY_TEXTS_INVALID')
})

test('the hidden states of a trainer are what its output matrix reads', async () => {
  const [batch, length] = [2, 8]
  const trainer = await openTrainer({
    modelPath: at('first/model.onnx'),
    batch,
    length,
    threads: 1,
    trainable: { kind: 'full' },
    optimiser: { kind: 'sgd', momentum: 0, weightDecay: 0 },
  })
  try {
    const tokens = Int32Array.from({ length: batch * length }, (_, index) => 3 + ((index * 7) % 200))
    const labels = tokens.map((_, index) => tokens[(index + 1) % tokens.length]!)
    const states = (await trainer.hidden({ tokens, labels }, SIGNAL))!
    const table = trainer.state().parameters.get('model.embed_tokens.weight')!
    const vocabulary = table.length / states.width
    let lossSum = 0
    for (const [row, label] of labels.entries()) {
      const hidden = states.values.subarray(row * states.width, (row + 1) * states.width)
      const logits = Array.from({ length: vocabulary }, (_, token) =>
        hidden.reduce((sum, value, col) => sum + value * table[token * states.width + col]!, 0),
      )
      const most = Math.max(...logits)
      const total = logits.reduce((sum, value) => sum + Math.exp(value - most), 0)
      lossSum += Math.log(total) + most - logits[label]!
    }
    const { lossSum: told } = await trainer.loss({ tokens, labels }, SIGNAL)
    assert.ok(Math.abs(told - lossSum) < 1e-3 * lossSum, `${told} ${lossSum}`)

    const observe = createTrainingObserver({ kernels: () => referenceMoments, nowMs: () => 0 })
    const data = {
      rows: 1,
      batch: () => ({ tokens, labels }),
      heldOutBatches: 1,
      heldOut: () => ({ tokens, labels }),
    }
    const { line, finding } = await observe(
      { step: 0, loss: 5, heldOutLoss: 5 },
      { trainer, data },
      [],
      SIGNAL,
    )
    assert.is(finding, null)
    // Sixteen tokens are too few to tell a dimension, not too few for directions.
    assert.is(line.dimension, null)
    assert.ok(Number(line.participationRatio) > 1 && Number(line.stableRank) > 1 && Number(line.alpha) > 1)
    assert.is(line.points, 16)
  } finally {
    await trainer.close()
  }
})

test.run()
