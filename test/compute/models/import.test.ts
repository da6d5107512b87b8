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
import { writeTinySource } from '../../helpers/language-models.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { byteLevelBpe } from './tokenizers.ts'

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
    base: null,
    notes: [],
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
  const wished = run(source, { weightsOnly: true })
  assert.equal([wished.kind, wished.notes], ['safetensors', []])
  const bare = copyOf(source)
  rmSync(path.join(bare, 'config.json'))
  const found = run(bare)
  assert.is(found.kind, 'safetensors')
  assert.match(found.notes.join(), /^config\.json is missing: .* not run$/)
  assert.is(run(path.join(source, 'model.safetensors')).kind, 'safetensors')
})

test('a chat template that does not parse is told of when the model is added', () => {
  const odd = copyOf(source)
  assert.equal(run(odd).notes, [])
  writeFileSync(path.join(odd, 'chat_template.jinja'), '{% for message in messages %}{{ message.content }}')
  const { kind, notes } = run(odd)
  assert.is(kind, 'language')
  assert.match(notes.join(), /^its chat template cannot be used: /)
  const rest = copyOf(source)
  writeFileSync(
    path.join(rest, 'chat_template.jinja'),
    '{% for message in messages %}{{ message }}{% endfor %}',
  )
  assert.equal(run(rest).notes, [])
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

test('a card that does not fit its graph is refused with the field', () => {
  const { outDir } = run(source)
  const card = readLanguageCard(outDir)
  const changes: [string, object][] = [
    ['layers', { layers: card.layers + 1 }],
    ['layers', { layers: card.layers - 1 || 1000 }],
    ['vocabulary', { vocabulary: card.vocabulary + 1 }],
    ['headSize', { headSize: card.headSize * 2 }],
    ['keyValueHeads', { keyValueHeads: card.keyValueHeads + 1 }],
    ['cacheType', { cacheType: 'float16' }],
    ['positionInput', { positionInput: !card.positionInput }],
    ['adapters', { adapters: { modules: [{ name: 'nothing', inputs: 1, outputs: 1 }] } }],
  ]
  for (const [field, change] of changes) {
    const odd = copyOf(outDir)
    writeFileSync(path.join(odd, 'model.json'), JSON.stringify({ ...card, ...change }))
    assert.is(throwsCode(() => run(odd), 'MODEL_MISMATCH').fields.field, field)
  }
  const encoderDir = path.join(directory, 'odd-encoder')
  const encoder = writeEmbeddedEncoder(encoderDir)
  for (const [field, change] of [
    ['dimensions', { dimensions: 256 }],
    ['output', { output: 'nothing' }],
    ['pooling', { pooling: 'mean' }],
    ['inputs.types', { inputs: { ...encoder.inputs, types: 'token_type_ids' } }],
  ] as const) {
    writeFileSync(path.join(encoderDir, 'model.json'), JSON.stringify({ ...encoder, ...change }))
    assert.is(throwsCode(() => run(encoderDir), 'MODEL_MISMATCH').fields.field, field)
  }
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
