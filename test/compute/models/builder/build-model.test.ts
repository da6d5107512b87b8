/** What the builder refuses, and what it reads. */
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildModel, refusePickle } from '../../../../node/compute/models/builder/build-model.ts'
import { configFields } from '../../../../node/compute/models/builder/config-fields.ts'
import { readDecoderConfig } from '../../../../node/compute/models/builder/decoder-config.ts'
import { FAMILIES, supportedArchitectures } from '../../../../node/compute/models/builder/families.ts'
import { type LanguageCard, readLanguageCard } from '../../../../node/compute/models/language-card.ts'
import { openModel } from '../../../../node/compute/onnx/read.ts'
import { type ErrorCode, VillageError } from '../../../../node/errors.ts'
import type { JsonObject } from '../../../../node/json.ts'
import { largestDifference } from '../../../helpers/differences.ts'
import {
  type TinyModel,
  type TinyTensor,
  writeTinyLanguageModel,
  writeTinyModel,
  writeTinySource,
} from '../../../helpers/language-models.ts'
import { openGraph } from '../../../helpers/run-graph.ts'
import { throwsCode } from '../../../helpers/throws.ts'
import { TINY_FAMILIES, type TinyFamily } from '../../../helpers/tiny-families.ts'
import { bytesOf, safetensors, writeShards } from '../../safetensors/small-safetensors.ts'

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-build-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

const TOKENS = [1, 300, 261, 270, 330]
const build = () => buildModel({ modelDir: directory, outDir: directory })

for (const family of FAMILIES)
  test(`${family.names.modelType}: the names of every row are its own`, () => {
    const others = FAMILIES.filter((other) => other !== family).flatMap(({ names }) => names.architectures)
    for (const name of family.names.architectures) assert.not(others.includes(name))
    assert.is(new Set(supportedArchitectures()).size, supportedArchitectures().length)
  })

for (const family of Object.keys(TINY_FAMILIES) as TinyFamily[])
  test(`${family}: the same source gives the same bytes, readable by our own reader`, () => {
    writeTinyModel(directory, family)
    const first = ['model.onnx', 'model.json'].map((file) => readFileSync(join(directory, file)))
    writeTinyModel(directory, family)
    const again = ['model.onnx', 'model.json'].map((file) => readFileSync(join(directory, file)))
    assert.ok(first.every((bytes, index) => bytes.equals(again[index]!)))
    using model = openModel(join(directory, 'model.onnx'))
    assert.ok(model.graph.nodes.length > 10)
  })

function writeWeights(tensors: ReadonlyMap<string, TinyTensor>): void {
  const list = [...tensors].map(([name, { dims, data }]) => ({
    name,
    dtype: 'F32',
    shape: dims,
    bytes: bytesOf(data),
  }))
  writeFileSync(join(directory, 'model.safetensors'), safetensors(list))
}

interface Refusal {
  readonly name: string
  readonly code: ErrorCode
  readonly fields: Readonly<Record<string, string>>
  readonly config?: Readonly<Record<string, unknown>>
  change?(tiny: TinyModel): void
}

const config = (field: string, value: unknown): Refusal => ({
  name: `${field} ${JSON.stringify(value)}`,
  code: 'MODEL_CONFIG_INVALID',
  fields: { file: 'config.json', field },
  config: { [field]: value },
})
const architecture = (field: string, value: unknown): Refusal => ({
  ...config(field, value),
  code: 'MODEL_ARCHITECTURE_UNSUPPORTED',
})
const scaling = (field: string, value: Readonly<Record<string, unknown>>): Refusal => ({
  name: `rope_scaling ${JSON.stringify(value)}`,
  code: 'MODEL_CONFIG_INVALID',
  fields: { file: 'config.json', field: `rope_scaling.${field}` },
  config: { rope_scaling: value },
})

const REFUSALS: readonly Refusal[] = [
  architecture('architectures', ['MambaForCausalLM']),
  architecture('architectures', [7]),
  architecture('quantization_config', { quant_method: 'gptq' }),
  {
    ...architecture('architectures', null),
    fields: { file: 'config.json', field: 'model_type' },
    config: { architectures: null, model_type: '__proto__' },
  },
  config('hidden_size', -1),
  config('hidden_size', 1e9),
  config('hidden_size', '32'),
  config('num_hidden_layers', 100_000),
  config('num_attention_heads', 3),
  config('num_key_value_heads', 7),
  config('head_dim', 12),
  config('vocab_size', 2 ** 31),
  config('intermediate_size', 0.5),
  config('max_position_embeddings', 0),
  config('rms_norm_eps', 0),
  config('rope_theta', -1),
  config('hidden_act', 'gelu'),
  config('partial_rotary_factor', 0.5),
  config('rope_interleaved', true),
  config('tie_word_embeddings', 'yes'),
  config('eos_token_id', 370),
  config('eos_token_id', [1, 'a']),
  config('rope_scaling', 4),
  scaling('rope_type', { rope_type: 'yarn', factor: 4 }),
  scaling('factor', { rope_type: 'linear' }),
  scaling('mrope_section', { type: 'default', mrope_section: [16, 24, 24] }),
  {
    ...config('rope_parameters.rope_theta', 0),
    name: 'rope_parameters by kind of layer',
    config: { rope_parameters: { full_attention: { rope_type: 'default', rope_theta: 1e6 } } },
  },
  scaling('factor', { type: 'linear', factor: -2 }),
  scaling('high_freq_factor', {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 4,
    high_freq_factor: 4,
    original_max_position_embeddings: 8,
  }),
  config('layer_types', ['full_attention']),
  config('layer_types', ['full_attention', 'linear_attention']),
  {
    name: 'no config.json',
    code: 'MODEL_CONFIG_INVALID',
    fields: { file: 'config.json', field: '' },
    change: () => rmSync(join(directory, 'config.json')),
  },
  {
    name: 'a config.json that is not JSON',
    code: 'MODEL_CONFIG_INVALID',
    fields: { file: 'config.json', field: '' },
    change: () => writeFileSync(join(directory, 'config.json'), '{'),
  },
  {
    name: 'a generation_config.json with a token outside the vocabulary',
    code: 'MODEL_CONFIG_INVALID',
    fields: { file: 'generation_config.json', field: 'eos_token_id' },
    change: () => writeFileSync(join(directory, 'generation_config.json'), '{"eos_token_id": 999999}'),
  },
  {
    name: 'a tensor that is missing',
    code: 'MODEL_WEIGHT_MISSING',
    fields: { tensor: 'model.norm.weight' },
    change: ({ tensors }) =>
      writeWeights(new Map([...tensors].filter(([name]) => name !== 'model.norm.weight'))),
  },
  {
    name: 'a tensor of another shape',
    code: 'MODEL_WEIGHT_SHAPE',
    fields: { tensor: 'model.norm.weight', shape: '31', expected: '32' },
    change: ({ tensors }) =>
      writeWeights(new Map([...tensors, ['model.norm.weight', { dims: [31], data: new Float32Array(31) }]])),
  },
  {
    name: 'a tensor that has no place',
    code: 'MODEL_WEIGHT_UNUSED',
    fields: { tensor: 'model.layers.0.self_attn.q_proj.bias' },
    change: ({ tensors }) =>
      writeWeights(
        new Map([
          ...tensors,
          ['model.layers.0.self_attn.q_proj.bias', { dims: [32], data: new Float32Array(32) }],
        ]),
      ),
  },
]

for (const { name, code, fields, config: changed = {}, change } of REFUSALS)
  test(`${name} is refused by name, with nothing written`, () => {
    const tiny = writeTinySource(directory, 'llama')
    writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...tiny.config, ...changed }))
    change?.(tiny)
    assert.equal(throwsCode(build, code).fields, fields)
    assert.not(existsSync(join(directory, 'model.onnx')))
    assert.not(existsSync(join(directory, 'model.json')))
  })

test('a refusal says what stands there and what could', () => {
  const { config } = writeTinySource(directory, 'llama')
  const yarn = { rope_type: 'yarn', factor: 4 }
  writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...config, rope_scaling: yarn }))
  assert.match(
    throwsCode(build, 'MODEL_CONFIG_INVALID').message,
    /is "yarn", and only default, linear, llama3 can/,
  )
})

test('pickles are refused, whatever else is there', () => {
  writeTinySource(directory, 'llama')
  renameSync(join(directory, 'model.safetensors'), join(directory, 'pytorch_model.bin'))
  throwsCode(build, 'MODEL_PICKLE_REFUSED')
  for (const file of ['a.bin', 'b.pt', 'c.PTH', 'd.ckpt', 'e.pkl'])
    throwsCode(() => refusePickle(file), 'MODEL_PICKLE_REFUSED')
  refusePickle('model.safetensors')
})

test('a context whose tables of angles would outgrow any model is cut', () => {
  const { config } = writeTinySource(directory, 'llama')
  const context = (changed: JsonObject) =>
    readDecoderConfig(configFields({ ...(config as JsonObject), ...changed }, 'config.json'), {
      biases: () => ({ inputs: false, output: false, feedForward: false }),
      headNorms: false,
      window: 'none',
      headSize: null,
    }).contextTokens
  assert.is(context({ max_position_embeddings: 2 ** 22 }), 131_072)
  assert.is(context({ max_position_embeddings: 2 ** 22, head_dim: 1024 }), 2 ** 15)
})

test('whatever a config.json says, it builds or is refused with a code', () => {
  const values = fc.oneof(
    fc.constantFrom(0, -1, 1, 3, 2 ** 31, 2 ** 53, 1e300, '', '32', null, true, [], {}),
    fc.jsonValue({ maxDepth: 2 }),
  )
  for (const family of Object.keys(TINY_FAMILIES) as TinyFamily[]) {
    const { config } = writeTinySource(directory, family)
    const keys = [
      ...Object.keys(config),
      'head_dim',
      'rope_scaling',
      'rope_parameters',
      'sliding_window',
      'layer_types',
    ]
    fc.assert(
      fc.property(fc.constantFrom(...keys), values, (key, value) => {
        writeFileSync(join(directory, 'config.json'), JSON.stringify({ ...config, [key]: value }))
        try {
          build()
        } catch (error) {
          assert.ok(error instanceof VillageError && error.code.startsWith('MODEL_'), `${key}: ${error}`)
        }
      }),
      { numRuns: 30, seed: 3 },
    )
  }
})

test('a tied head that is stored as well is left alone', () => {
  const { tensors } = writeTinySource(directory, 'llama')
  const size = 370 * 32
  writeWeights(new Map([...tensors, ['lm_head.weight', { dims: [370, 32], data: new Float32Array(size) }]]))
  build()
  assert.ok(existsSync(join(directory, 'model.onnx')))
})

test('shards with an index build the same graph as one file', () => {
  const { tensors } = writeTinySource(directory, 'llama')
  build()
  const whole = readFileSync(join(directory, 'model.onnx'))
  const list = [...tensors].map(([name, { dims, data }]) => ({
    name,
    dtype: 'F32',
    shape: dims,
    bytes: bytesOf(data),
  }))
  rmSync(join(directory, 'model.safetensors'))
  writeShards(directory, {
    'model-00001-of-00002.safetensors': list.slice(0, 9),
    'model-00002-of-00002.safetensors': list.slice(9),
  })
  build()
  assert.ok(readFileSync(join(directory, 'model.onnx')).equals(whole))
})

test('end tokens of both files count, and what is not said is null', () => {
  writeTinySource(directory, 'llama', { config: { pad_token_id: -1, bos_token_id: null } })
  writeFileSync(join(directory, 'generation_config.json'), '{"eos_token_id": [2, 5], "bos_token_id": 1}')
  const { bosToken, eosTokens, padToken } = build() as LanguageCard
  assert.equal({ bosToken, eosTokens, padToken }, { bosToken: 1, eosTokens: [2, 5], padToken: null })
  assert.equal(readLanguageCard(directory).eosTokens, [2, 5])
  writeTinySource(directory, 'llama', { config: { pad_token_id: 370 } })
  assert.is((build() as LanguageCard).padToken, null)
})

for (const dtype of ['F16', 'BF16'] as const)
  test(`${dtype} weights become float32 of the same values`, async () => {
    const exact = await logitsOf('F32')
    const rounded = await logitsOf(dtype)
    const difference = largestDifference(rounded, exact)
    assert.ok(difference > 0 && difference < 0.1, `${difference}`)
  })

async function logitsOf(dtype: 'F32' | 'F16' | 'BF16'): Promise<Float32Array> {
  const { card } = writeTinyLanguageModel(directory, 'llama', { dtype })
  const graph = await openGraph(directory, card)
  const logits = await graph.prefill({ rows: [TOKENS] })
  await graph.close()
  return logits
}

test.run()
