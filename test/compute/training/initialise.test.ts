import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { buildModel } from '../../../node/compute/models/builder/build-model.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { openSafetensors } from '../../../node/compute/safetensors/read.ts'
import { writeSafetensors } from '../../../node/compute/safetensors/write.ts'
import { exportSafetensors } from '../../../node/compute/training/export.ts'
import { initialiseModel } from '../../../node/compute/training/initialise.ts'
import { logarithm, normalOfWord } from '../../../node/compute/training/normal.ts'
import { counterRandom, philox, type Words } from '../../../node/compute/training/philox.ts'
import { writeTinyLanguageModel } from '../../helpers/language-models.ts'
import { throwsCode } from '../../helpers/throws.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-initialise-'))
const test = suite('initialise and export')
test.after(() => rmSync(root, { recursive: true, force: true }))

let count = 0
const fresh = () => mkdtempSync(path.join(root, `${count++}-`))

const GOLDEN = '72bd2fff1fe1cb3119a3f02bb8d89f81e551aa48318009773ef6f3ee2ac2bf98'

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  // Square projections: their shape does not say which way round they lie.
  num_attention_heads: 2,
  num_key_value_heads: 2,
  vocab_size: 40,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  hidden_act: 'silu',
  tie_word_embeddings: true,
} as const

test('Philox gives the words of the published test vectors', () => {
  // Random123, kat_vectors, philox4x32 with 10 rounds.
  const ones: Words = [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff]
  assert.equal(philox([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  assert.equal(philox(ones, [0xffffffff, 0xffffffff]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
  assert.equal(
    philox([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  )
})

test('normal variates are the inverse of the distribution, and the logarithm is one', () => {
  const table: [number, number][] = [
    [0.5, 0],
    [0.9, 1.2815515655446004],
    [0.975, 1.959963984540054],
    [0.999, 3.090232306167813],
    [1e-6, -4.753424308822899],
  ]
  for (const [share, expected] of table)
    assert.ok(Math.abs(normalOfWord(share * 2 ** 32 - 0.5) - expected) < 1e-14)
  for (const value of [1e-9, 0.3, 0.7, 1, 1.4, 7, 1e5])
    assert.ok(Math.abs(logarithm(value) - Math.log(value)) < 1e-14)
  const random = counterRandom(5, 1)
  const values = Array.from({ length: 20_000 }, (_, index) => normalOfWord(random.word(index)))
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length
  assert.ok(Math.abs(mean) < 0.03)
  assert.ok(Math.abs(variance - 1) < 0.04)
})

test('a fresh model is the same on every machine, and spread as stated', () => {
  const outDir = fresh()
  const parameters = initialiseModel({ config: CONFIG, seed: 3, outDir })
  const file = readFileSync(path.join(outDir, 'model.safetensors'))
  assert.is(
    createHash('sha256').update(file).digest('hex'),
    GOLDEN,
    'the bytes have changed: models that were trained from a seed cannot be made again',
  )
  using model = openSafetensors(outDir)
  assert.is(
    parameters,
    model.tensors.reduce((sum, { elements }) => sum + elements, 0),
  )
  const deviation = (name: string) => {
    const tensor = model.tensors.find((one) => one.name === name)!
    const values = model.readFloats(tensor, 0, tensor.elements)
    return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
  }
  assert.ok(Math.abs(deviation('model.layers.0.self_attn.q_proj.weight') - 0.02) < 0.002)
  assert.ok(Math.abs(deviation('model.layers.1.mlp.down_proj.weight') - 0.01) < 0.001)
  assert.is(deviation('model.norm.weight'), 1)
  assert.not.ok(model.tensors.some(({ name }) => name === 'lm_head.weight'))
  throwsCode(
    () => initialiseModel({ config: { ...CONFIG, hidden_size: 33 }, seed: 1, outDir }),
    'INVALID_ARGUMENT',
  )
  throwsCode(
    () => initialiseModel({ config: { ...CONFIG, vocab_size: 0 }, seed: 1, outDir }),
    'INVALID_ARGUMENT',
  )
  throwsCode(
    () => initialiseModel({ config: { ...CONFIG, mlp_bias: true }, seed: 1, outDir }),
    'INVALID_ARGUMENT',
  )
})

test('what is built and exported again has the names, shapes and values that it came from', () => {
  for (const tied of [true, false]) {
    const source = fresh()
    initialiseModel({ config: { ...CONFIG, tie_word_embeddings: tied }, seed: 9, outDir: source })
    const built = fresh()
    buildModel({ modelDir: source, outDir: built, adapters: true })
    const outDir = fresh()
    exportSafetensors({
      modelPath: path.join(built, 'model.onnx'),
      outDir,
      dtype: 'F32',
      architecture: 'llama',
    })
    assert.equal(tensorsOf(outDir), tensorsOf(source))
  }
})

test('every language family comes back as it was', () => {
  for (const family of ['llama', 'qwen2', 'qwen3', 'mistral', 'gpt2'] as const) {
    const directory = fresh()
    const { card, tensors } = writeTinyLanguageModel(directory, family)
    const outDir = fresh()
    const modelPath = path.join(directory, 'model.onnx')
    exportSafetensors({ modelPath, outDir, dtype: 'F32', architecture: card.architecture })
    const expected = [...tensors].map(([name, { dims, data }]) => [name, [[...dims], [...data]]] as const)
    assert.equal(tensorsOf(outDir), Object.fromEntries(expected), family)
  }
})

test('trained values replace those of the graph, in its orientation, and as float16', () => {
  const directory = fresh()
  writeTinyLanguageModel(directory, 'llama')
  const modelPath = path.join(directory, 'model.onnx')
  const name = 'model.layers.0.mlp.up_proj.weight'
  using graph = openModel(modelPath)
  const { dims } = graph.graph.initializers.get(name)!
  const [inputs, outputs] = dims as [number, number]
  const data = Float32Array.from({ length: inputs * outputs }, (_, index) => index)
  const outDir = fresh()
  const request = { modelPath, outDir, dtype: 'F16', architecture: 'llama' } as const
  exportSafetensors({ ...request, parameters: [{ name, dims, data }] })
  const [shape, values] = tensorsOf(outDir)[name]!
  assert.equal(shape, [outputs, inputs])
  assert.is(values[1], outputs, 'the second input of the first output')
  throwsCode(
    () => exportSafetensors({ ...request, parameters: [{ name, dims: [outputs, inputs], data }] }),
    'INVALID_ARGUMENT',
  )
  throwsCode(
    () => exportSafetensors({ ...request, parameters: [{ name, dims, data: data.map(() => 7e4) }] }),
    'INVALID_ARGUMENT',
  )
})

test('a file whose values are too few is not left behind', () => {
  const file = path.join(fresh(), 'x.safetensors')
  const values = () => [Float32Array.of(1)]
  throwsCode(
    () => writeSafetensors(file, [{ name: 'x', shape: [2], dtype: 'F32', values }]),
    'INVALID_ARGUMENT',
  )
  assert.throws(() => readFileSync(file), /ENOENT/)
})

function tensorsOf(directory: string): Record<string, [readonly number[], number[]]> {
  using model = openSafetensors(directory)
  const entries = model.tensors.map((tensor): [string, [readonly number[], number[]]] => [
    tensor.name,
    [tensor.shape, [...model.readFloats(tensor, 0, tensor.elements)]],
  ])
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}

test.run()
