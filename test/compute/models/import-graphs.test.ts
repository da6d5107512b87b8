/** Graphs as they are published for onnxruntime: what they are is read off their inputs and outputs. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  type ImportedModel,
  type ImportRequest,
  importModel,
} from '../../../node/compute/models/import/import-model.ts'
import { readLanguageCard } from '../../../node/compute/models/language-card.ts'
import { readCard } from '../../../node/compute/models/model-card.ts'
import { FLOAT16, FLOAT32, INT64 } from '../../../node/compute/onnx/data-types.ts'
import { float32Tensor } from '../../../node/compute/onnx/encode.ts'
import { createGraphBuilder, type ModelSpec, writeModel } from '../../../node/compute/onnx/write.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { byteLevelBpe, wordPiece } from './tokenizers.ts'

const test = suite('importing graphs')
const directory = mkdtempSync(path.join(tmpdir(), 'village-import-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

let made = 0
function newDirectory(): string {
  const to = path.join(directory, String(made++))
  mkdirSync(to)
  return to
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

test.run()
