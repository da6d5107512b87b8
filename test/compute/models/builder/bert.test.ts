/** Graphs of the BERT family against a naive forward pass, and what sentence-transformers writes beside the weights. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { buildModel } from '../../../../node/compute/models/builder/build-model.ts'
import { type EncoderCard, readCard } from '../../../../node/compute/models/model-card.ts'
import { largestDifference } from '../../../helpers/differences.ts'
import { type TinyModel, writeTinyModel, writeTinySource } from '../../../helpers/language-models.ts'
import { encoderStates } from '../../../helpers/reference-bert.ts'
import { throwsCode } from '../../../helpers/throws.ts'
import { bytesOf, safetensors } from '../../safetensors/small-safetensors.ts'

let directory = ''
test.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), 'village-bert-'))
})
test.after.each(() => rmSync(directory, { recursive: true, force: true }))

const ROWS = [
  [1, 300, 261, 270, 330, 45, 2],
  [1, 299, 2],
]
const WIDTH = 32

/** Vectors of the tokens that are there, row after row, padding taken out. */
async function run(card: EncoderCard, rows: readonly (readonly number[])[]): Promise<number[]> {
  const session = await ort.InferenceSession.create(join(directory, 'model.onnx'), { logSeverityLevel: 4 })
  const length = Math.max(...rows.map((row) => row.length))
  const dims = [rows.length, length]
  const padded = (fill: (row: readonly number[]) => number[]) =>
    new ort.Tensor(
      'int64',
      BigInt64Array.from(
        rows.flatMap((row) => [...fill(row), ...new Array<number>(length - row.length).fill(0)]),
        BigInt,
      ),
      dims,
    )
  const { ids, mask, types } = card.inputs
  try {
    const outputs = await session.run({
      [ids]: padded((row) => [...row]),
      [mask]: padded((row) => row.map(() => 1)),
      ...(types !== null && { [types]: padded((row) => row.map(() => 0)) }),
    })
    const data = outputs[card.output]!.data as Float32Array
    return rows.flatMap((row, at) => [
      ...data.subarray(at * length * WIDTH, (at * length + row.length) * WIDTH),
    ])
  } finally {
    await session.release()
  }
}

for (const family of ['bert', 'roberta', 'distilbert'] as const)
  test(`${family}: rows of unequal length give the reference's vectors`, async () => {
    const tiny = writeTinyModel(directory, family)
    const card = readCard(directory)
    assert.equal(card, tiny.card)
    assert.is(card.inputs.types, family === 'bert' ? 'token_type_ids' : null)
    assert.is(card.maxTokens, family === 'roberta' ? 62 : 64)
    assert.is(card.pooling, 'mean')
    assert.is(card.normalise, false)
    assert.is(card.specialTokens, true)
    const expected = ROWS.flatMap((row) => encoderStates(family, tiny, row))
    assert.ok(largestDifference(await run(card, ROWS), expected) < 1e-5)
  })

test('layer norms that are called as in TensorFlow are found', async () => {
  const { tensors } = writeTinySource(directory, 'bert')
  const vectors = async () => run(buildModel({ modelDir: directory, outDir: directory }) as EncoderCard, ROWS)
  const expected = await vectors()
  const renamed = [...tensors].map(([name, { dims, data }]) => ({
    name: name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
    dtype: 'F32',
    shape: dims,
    bytes: bytesOf(data),
  }))
  writeFileSync(join(directory, 'model.safetensors'), safetensors(renamed))
  assert.is(largestDifference(await vectors(), expected), 0)
})

function source(files: Readonly<Record<string, unknown>>): TinyModel {
  const tiny = writeTinySource(directory, 'bert')
  mkdirSync(join(directory, '1_Pooling'))
  for (const [file, json] of Object.entries(files)) writeFileSync(join(directory, file), JSON.stringify(json))
  return tiny
}

const module = (index: number, type: string, path = '') => ({
  idx: index,
  name: `${index}`,
  path,
  type: `sentence_transformers.models.${type}`,
})
const MODULES = [
  module(0, 'Transformer'),
  module(1, 'Pooling', '1_Pooling'),
  module(2, 'Normalize', '2_Normalize'),
]
const pooling = (mode: string, width = WIDTH) => ({
  word_embedding_dimension: width,
  [`pooling_mode_${mode}`]: true,
})

test('the card says what sentence-transformers wrote', () => {
  source({
    'modules.json': MODULES,
    '1_Pooling/config.json': pooling('cls_token'),
    'sentence_bert_config.json': { max_seq_length: 20, do_lower_case: false },
    'config_sentence_transformers.json': { prompts: {}, default_prompt_name: null },
  })
  buildModel({ modelDir: directory, outDir: directory })
  const card = readCard(directory)
  assert.equal(
    { pooling: card.pooling, normalise: card.normalise, maxTokens: card.maxTokens },
    { pooling: 'cls', normalise: true, maxTokens: 20 },
  )
})

const REFUSED: readonly [string, Readonly<Record<string, unknown>>, { file: string; field: string }][] = [
  [
    'a dense module',
    {
      'modules.json': [...MODULES.slice(0, 2), module(2, 'Dense', '2_Dense')],
      '1_Pooling/config.json': pooling('cls_token'),
    },
    { file: 'modules.json', field: '2.type' },
  ],
  [
    'pooling by the maximum',
    { 'modules.json': MODULES, '1_Pooling/config.json': pooling('max_tokens') },
    { file: '1_Pooling/config.json', field: 'pooling_mode_max_tokens' },
  ],
  [
    'two poolings',
    {
      'modules.json': MODULES,
      '1_Pooling/config.json': { ...pooling('cls_token'), ...pooling('mean_tokens') },
    },
    { file: '1_Pooling/config.json', field: 'pooling_mode_mean_tokens' },
  ],
  [
    'another width',
    { 'modules.json': MODULES, '1_Pooling/config.json': pooling('cls_token', 33) },
    { file: '1_Pooling/config.json', field: 'word_embedding_dimension' },
  ],
  [
    'a folder elsewhere',
    { 'modules.json': [module(0, 'Transformer'), module(1, 'Pooling', '../1_Pooling')] },
    { file: 'modules.json', field: 'path' },
  ],
  ['modules that are no list', { 'modules.json': { a: 1 } }, { file: 'modules.json', field: '' }],
  [
    'a prompt before each text',
    { 'config_sentence_transformers.json': { default_prompt_name: 'query' } },
    { file: 'config_sentence_transformers.json', field: 'default_prompt_name' },
  ],
]

for (const [name, files, fields] of REFUSED)
  test(`${name} is refused by name`, () => {
    source(files)
    const error = throwsCode(
      () => buildModel({ modelDir: directory, outDir: directory }),
      'MODEL_CONFIG_INVALID',
    )
    assert.equal(error.fields, fields)
  })

test.run()
