/** From what people have, files and directories of many kinds, to model directories. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { writeEmbeddedEncoder } from '../../../node/compute/models/embedded-encoder.ts'
import { embeddedModels, needEmbedded } from '../../../node/compute/models/import/embedded-models.ts'
import {
  type ImportedModel,
  type ImportRequest,
  importModel,
} from '../../../node/compute/models/import/import-model.ts'
import { parseLanguageCard, readLanguageCard } from '../../../node/compute/models/language-card.ts'
import { encodeCard, readAnyCard, readCard } from '../../../node/compute/models/model-card.ts'
import { FLOAT16, FLOAT32, INT64 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { createGraphBuilder, type ModelSpec, writeModel } from '../../../node/compute/onnx/write.ts'
import { writeTinySource } from '../../helpers/language-models.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { byteLevelBpe, wordPiece } from './tokenizers.ts'

const test = suite('importing models')
const directory = mkdtempSync(path.join(tmpdir(), 'village-import-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

let made = 0
function newDirectory(): string {
  const made_ = path.join(directory, String(made++))
  mkdirSync(made_)
  return made_
}

function run(from: string, given: Partial<ImportRequest> = {}): ImportedModel & { outDir: string } {
  const outDir = newDirectory()
  const rest = {
    file: null,
    tokenizer: null,
    weightsOnly: false,
    adapters: true,
    name: 'tiny',
    source: 'here',
  }
  return { ...importModel({ ...rest, ...given, from, outDir, workDir: newDirectory() }), outDir }
}

const source = path.join(directory, 'source')
test.before(() => {
  writeTinySource(source, 'llama')
  writeFileSync(
    path.join(source, 'README.md'),
    '---\nlicense: apache-2.0\n---\n\n# A **tiny** llama\u202e\u0007 #\n',
  )
  writeFileSync(path.join(source, 'modeling.py'), 'print(1)')
})

function copyOf(from: string): string {
  const to = newDirectory()
  for (const name of readdirSync(from)) copyFileSync(path.join(from, name), path.join(to, name))
  return to
}

test('safetensors with config.json and tokenizer.json become a graph with a card', () => {
  const { outDir, ...imported } = run(source)
  assert.equal(imported, {
    kind: 'language',
    title: 'A **tiny** llama',
    source: 'here',
    parameters: readLanguageCard(outDir).parameters,
  })
  assert.is(readLanguageCard(outDir).licence, 'apache-2.0')
  assert.equal(readdirSync(outDir).sort(), [
    'README.md',
    'config.json',
    'model.json',
    'model.onnx',
    'tokenizer.json',
  ])
  // What is registered can be added again, card and all.
  const again = run(outDir)
  assert.equal(readAnyCard(again.outDir), readAnyCard(outDir))
  assert.is(run(source, { adapters: false }).kind, 'language')
})

test('weights alone stay weights, where that is wished for or there is no config.json', () => {
  assert.is(run(source, { weightsOnly: true }).kind, 'safetensors')
  const bare = copyOf(source)
  rmSync(path.join(bare, 'config.json'))
  assert.is(run(bare).kind, 'safetensors')
  assert.is(run(path.join(source, 'model.safetensors')).kind, 'safetensors')
})

test('an adapter is one, and beside a model is left where it is', () => {
  const adapter = newDirectory()
  copyFileSync(path.join(source, 'model.safetensors'), path.join(adapter, 'adapter_model.safetensors'))
  writeFileSync(path.join(adapter, 'adapter_config.json'), '{"peft_type":"LORA"}')
  const { outDir, kind } = run(adapter)
  assert.is(kind, 'adapter')
  assert.equal(readdirSync(outDir).sort(), ['adapter_config.json', 'adapter_model.safetensors'])
  const both = copyOf(source)
  for (const name of readdirSync(adapter)) copyFileSync(path.join(adapter, name), path.join(both, name))
  assert.is(run(both).kind, 'language')
})

test('files that do not belong together are refused with the field, and weights that run programs by name', () => {
  const odd = copyOf(source)
  writeFileSync(
    path.join(odd, 'tokenizer.json'),
    JSON.stringify({ ...byteLevelBpe(), added_tokens: [{ id: 5000, content: 'x' }] }),
  )
  assert.is(throwsCode(() => run(odd), 'MODEL_MISMATCH').fields.field, 'vocab_size')
  rmSync(path.join(odd, 'tokenizer.json'))
  assert.is(throwsCode(() => run(odd), 'TOKENIZER_INVALID').fields.field, 'file')
  writeFileSync(path.join(odd, 'config.json'), '{"architectures":["OddForCausalLM"]}')
  throwsCode(() => run(odd), 'MODEL_ARCHITECTURE_UNSUPPORTED')
  const pickled = newDirectory()
  writeFileSync(path.join(pickled, 'pytorch_model.bin'), 'x')
  throwsCode(() => run(pickled), 'MODEL_PICKLE_REFUSED')
  writeFileSync(path.join(pickled, 'model.pt'), 'x')
  throwsCode(() => run(path.join(pickled, 'model.pt')), 'MODEL_PICKLE_REFUSED')
  assert.match(
    throwsCode(() => run(path.join(pickled, 'pytorch_model.bin')), 'INVALID_ARGUMENT').message,
    '--tokenizer',
  )
  throwsCode(() => run(newDirectory()), 'INVALID_ARGUMENT')
  throwsCode(() => run(path.join(directory, 'absent')), 'INVALID_ARGUMENT')
  const linked = newDirectory()
  symlinkSync('/etc/passwd', path.join(linked, 'model.safetensors'))
  throwsCode(() => run(linked), 'MODEL_MALFORMED')
  const indexed = newDirectory()
  writeFileSync(
    path.join(indexed, 'model.safetensors.index.json'),
    JSON.stringify({ weight_map: { w: '../../etc/passwd.safetensors' } }),
  )
  throwsCode(() => run(indexed), 'MODEL_MALFORMED')
})

const port = (name: string, elementType: number, dims: (string | number)[]) => ({ name, elementType, dims })

/** A graph with the inputs and outputs of an exported language model; what it computes does not matter here. */
function exported(cache = FLOAT32, layers = 2): ModelSpec {
  const graph = createGraphBuilder()
  const past = Array.from({ length: layers }, (_, layer) =>
    ['key', 'value'].map((part) => `${layer}.${part}`),
  ).flat()
  graph.tensor(float32Tensor('w', [10, 5], new Float32Array(50)))
  const shape = ['batch', 2, 'past', 4]
  return {
    irVersion: 8,
    producer: 'test',
    opsets: [{ domain: '', version: 17 }],
    graphName: 'g',
    nodes: graph.nodes,
    initializers: graph.initializers,
    inputs: [
      ...['input_ids', 'attention_mask', 'position_ids'].map((name) =>
        port(name, INT64, ['batch', 'length']),
      ),
      ...past.map((name) => port(`past_key_values.${name}`, cache, shape)),
    ],
    outputs: [
      port('logits', FLOAT32, ['batch', 'length', 'vocabulary']),
      ...past.map((name) => port(`present.${name}`, cache, shape)),
    ],
  }
}

function publish(files: Record<string, ModelSpec | object>): string {
  const to = newDirectory()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(to, name)), { recursive: true })
    if (name.endsWith('.onnx')) writeModel(path.join(to, name), content as ModelSpec)
    else writeFileSync(path.join(to, name), JSON.stringify(content))
  }
  return to
}

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  vocab_size: 300,
  max_position_embeddings: 64,
  bos_token_id: 261,
  eos_token_id: 262,
  num_attention_heads: 2,
}
const FILES = { 'config.json': CONFIG, 'tokenizer.json': byteLevelBpe() }

test('a language model as published for onnxruntime is known by its inputs and outputs', () => {
  const from = publish({
    ...FILES,
    'onnx/model.onnx': exported(),
    'onnx/model_q4.onnx': exported(FLOAT16, 1),
    'generation_config.json': { eos_token_id: [262, 5] },
  })
  const { outDir, kind } = run(from)
  assert.is(kind, 'language')
  assert.equal(readLanguageCard(outDir), {
    version: 1,
    task: 'text-generation',
    name: 'tiny',
    title: 'tiny',
    licence: 'unknown',
    source: 'here',
    parameters: 50,
    architecture: 'onnx',
    layout: 'hub',
    layers: 2,
    keyValueHeads: 2,
    headSize: 4,
    vocabulary: 300,
    contextTokens: 64,
    bosToken: 261,
    eosTokens: [262, 5],
    padToken: null,
    positionInput: true,
    cacheType: 'float32',
    adapters: null,
  })
  const quantised = readLanguageCard(run(from, { file: 'onnx/model_q4.onnx' }).outDir)
  assert.is(quantised.cacheType, 'float16')
  assert.is(quantised.layers, 1)
  throwsCode(() => run(from, { file: '../model.onnx' }), 'INVALID_ARGUMENT')
  throwsCode(() => run(from, { file: 'config.json' }), 'INVALID_ARGUMENT')
})

test('several graphs are listed, and a graph that is nothing known stays a graph', () => {
  const several = publish({ ...FILES, 'onnx/model_q4.onnx': exported(), 'onnx/model_fp16.onnx': exported() })
  assert.match(throwsCode(() => run(several), 'INVALID_ARGUMENT').message, 'onnx/model_q4.onnx')
  assert.is(run(publish({ ...FILES, 'onnx/model_q4.onnx': exported() })).kind, 'language')
  assert.is(run(publish({ 'model.onnx': exported() })).kind, 'onnx', 'no tokenizer')
  const spec = exported()
  const more = { ...spec, inputs: [...spec.inputs, port('use_cache_branch', INT64, [1])] }
  assert.is(run(publish({ ...FILES, 'model.onnx': more })).kind, 'onnx', 'an input that nobody feeds')
  const half = { ...spec, outputs: spec.outputs.slice(0, -1) }
  assert.is(run(publish({ ...FILES, 'model.onnx': half })).kind, 'onnx', 'a cache that is not given back')
  const wrong = publish({ ...FILES, 'model.onnx': spec, 'config.json': { ...CONFIG, eos_token_id: 300 } })
  assert.is(throwsCode(() => run(wrong), 'MODEL_CONFIG_INVALID').fields.field, 'eos_token_id')
})

test('an encoder as published for onnxruntime: pooling and length by the files of its makers', () => {
  const spec: ModelSpec = {
    ...exported(),
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
      port(name, INT64, ['batch', 'length']),
    ),
    outputs: [port('last_hidden_state', FLOAT32, ['batch', 'length', 16])],
  }
  const files = {
    'onnx/model.onnx': spec,
    'tokenizer.json': wordPiece(),
    'tokenizer_config.json': { model_max_length: 128 },
    'config.json': { model_type: 'bert', max_position_embeddings: 512, hidden_size: 16 },
  }
  const plain = readCard(run(publish(files)).outDir)
  assert.equal(
    [
      plain.pooling,
      plain.normalise,
      plain.maxTokens,
      plain.dimensions,
      plain.inputs.types,
      plain.specialTokens,
    ],
    ['mean', false, 128, 16, 'token_type_ids', true],
  )
  const pooled = readCard(
    run(
      publish({
        ...files,
        'modules.json': ['Transformer', 'Pooling', 'Normalize'].map((type, index) => ({
          type: `sentence_transformers.models.${type}`,
          path: ['', '1_Pooling', '2_Normalize'][index],
        })),
        '1_Pooling/config.json': {
          word_embedding_dimension: 16,
          pooling_mode_cls_token: true,
          pooling_mode_mean_tokens: false,
        },
        'sentence_bert_config.json': { max_seq_length: 64 },
      }),
    ).outDir,
  )
  assert.equal([pooled.pooling, pooled.normalise, pooled.maxTokens], ['cls', true, 64])
})

test('a card keeps what it says, and a field that is not valid is named', () => {
  const card = readLanguageCard(run(source).outDir)
  for (const [field, value] of [
    ['version', 2],
    ['task', 'else'],
    ['layout', 'own'],
    ['layers', 0],
    ['vocabulary', 2 ** 30],
    ['eosTokens', [card.vocabulary]],
    ['eosTokens', 'none'],
    ['bosToken', -1],
    ['positionInput', 'yes'],
    ['cacheType', 'int8'],
    ['adapters.modules', { modules: [] }],
    ['adapters.modules[0].inputs', { modules: [{ name: 'x', inputs: 0, outputs: 1 }] }],
  ] as const) {
    const changed = { ...card, [field.split('.')[0]!]: value }
    assert.is(throwsCode(() => parseLanguageCard(changed), 'MODEL_CARD_INVALID').fields.field, field)
  }
  const encoderDir = path.join(directory, 'encoder')
  writeEmbeddedEncoder(encoderDir)
  const encoder = readCard(encoderDir)
  assert.not.match(encodeCard(encoder), 'pooling', 'what is usual is left out')
  writeFileSync(
    path.join(encoderDir, 'model.json'),
    encodeCard({ ...encoder, pooling: 'last', normalise: true }),
  )
  assert.equal(readAnyCard(encoderDir), { ...encoder, pooling: 'last', normalise: true })
})

test('models that come with the daemon are found by name', () => {
  const shipped = newDirectory()
  for (const folder of ['base', 'strings']) {
    mkdirSync(path.join(shipped, folder))
    writeFileSync(path.join(shipped, folder, 'config.json'), '{}')
  }
  mkdirSync(path.join(shipped, 'notes'))
  assert.equal(
    embeddedModels(shipped).map(({ name }) => name),
    ['encoder', 'village-lm', 'village-lm-strings'],
  )
  assert.is(needEmbedded('village-lm', shipped).directory, path.join(shipped, 'base'))
  assert.match(
    throwsCode(() => needEmbedded('village-im', shipped), 'INVALID_ARGUMENT').message,
    'did you mean "village-lm"',
  )
})

test('stories260K of llama2.c', () => {
  const models = path.resolve(import.meta.dirname, '../../../../shared/data/models')
  const checkpoint = path.join(models, 'stories260K.bin')
  if (!existsSync(checkpoint)) {
    console.log('skipped: no data')
    return
  }
  const { kind, outDir } = run(checkpoint, { tokenizer: path.join(models, 'tok512.bin') })
  assert.is(kind, 'language')
  assert.is(readLanguageCard(outDir).vocabulary, 512)
})

test.run()
