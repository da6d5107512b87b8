import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { embeddedEncoderSource, writeEmbeddedEncoder } from '../../../node/compute/models/embedded-encoder.ts'
import { repairVocabulary } from '../../../node/compute/models/encoder-tokenizer.ts'
import { parseCard, readCard } from '../../../node/compute/models/model-card.ts'
import { createSentenceEncoder, type Embeddings } from '../../../node/compute/models/sentence-encoder.ts'
import { loadTokenizer } from '../../../node/compute/models/tokenizer.ts'
import { openModel } from '../../../node/compute/onnx/read.ts'
import { createSessions } from '../../../node/compute/onnx/sessions.ts'
import { listWeights } from '../../../node/compute/onnx/weights.ts'
import { VillageError } from '../../../node/errors.ts'
import { runTfjsGraph } from './tfjs-interpreter.ts'

const directory = mkdtempSync(join(tmpdir(), 'village-encoder-'))
const modelDir = join(directory, 'encoder')
const signal = new AbortController().signal
const test = suite('embedded encoder')
const sessions = createSessions()
const encoder = createSentenceEncoder({ sessions })

test.before(() => {
  writeEmbeddedEncoder(modelDir)
})

test.after(async () => {
  await sessions.close()
  rmSync(directory, { recursive: true, force: true })
})

const row = (embeddings: Embeddings, index: number): Float32Array =>
  embeddings.vectors.subarray(index * embeddings.dims, (index + 1) * embeddings.dims)

function maxDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.is(a.length, b.length)
  let max = 0
  for (let i = 0; i < a.length; i++) max = Math.max(max, Math.abs(a[i]! - b[i]!))
  return max
}

const TEXTS = [
  'The ferry to the island does not run in winter.',
  'Hi',
  'Why do the leaves of some trees turn red: is it sugar, or cold?',
  'Numbers like 3.14159 and 1,000,000 (or 50%) are text too.',
  'Ünïcode ﬁt for 日本 — ½',
]

test('the ONNX graph computes what the TF.js graph does', async () => {
  const tokenizer = loadTokenizer(join(modelDir, 'tokenizer.json'))
  const tokens = TEXTS.map((text) => tokenizer.encode(text, 128))
  const oracle = runTfjsGraph(embeddedEncoderSource().directory, tokens)
  assert.equal(oracle.shape, [TEXTS.length, 512])
  const own = await encoder.embed({ modelDir, texts: TEXTS }, signal)
  const difference = maxDifference(own.vectors, oracle.data)
  assert.ok(difference < 1e-4, `difference ${difference}`)
  // Rounding alone: a wrong operator anywhere shows up far above this.
  assert.ok(difference < 5e-6, `difference ${difference}`)
})

test('a batch with padding equals one text at a time', async () => {
  const texts = [...TEXTS, 'word '.repeat(200), '', 'a']
  const together = await encoder.embed({ modelDir, texts, batch: 64 }, signal)
  for (const [index, text] of texts.entries()) {
    const alone = await encoder.embed({ modelDir, texts: [text] }, signal)
    assert.ok(maxDifference(row(together, index), alone.vectors) < 1e-5, text)
  }
})

test('vectors have length 1, and likeness of meaning shows', async () => {
  const texts = ['A dog is barking outside.', 'Outside, a dog barks.', 'The tax law was changed in May.']
  const found = await encoder.embed({ modelDir, texts }, signal)
  const dot = (a: number, b: number): number =>
    row(found, a).reduce((sum, x, i) => sum + x * row(found, b)[i]!, 0)
  for (let i = 0; i < 3; i++) assert.ok(Math.abs(dot(i, i) - 1) < 1e-5)
  assert.ok(dot(0, 1) > dot(0, 2) + 0.3)
  assert.equal((await encoder.embed({ modelDir, texts: [] }, signal)).vectors.length, 0)
})

test('more than 128 tokens are cut as the original cuts them', async () => {
  const long = 'tree '.repeat(128)
  const found = await encoder.embed({ modelDir, texts: [long, `${long} and a stone`] }, signal)
  assert.ok(maxDifference(row(found, 0), row(found, 1)) < 1e-5)
})

test('the same package gives the same bytes, and a complete directory is left alone', () => {
  const again = join(directory, 'again')
  const card = writeEmbeddedEncoder(again)
  assert.equal(card, readCard(modelDir))
  const hash = (dir: string, file: string): string =>
    createHash('sha256')
      .update(readFileSync(join(dir, file)))
      .digest('hex')
  for (const file of ['model.onnx', 'tokenizer.json', 'model.json'])
    assert.is(hash(again, file), hash(modelDir, file))
  rmSync(join(again, 'model.onnx'))
  writeEmbeddedEncoder(again)
  assert.throws(() => readFileSync(join(again, 'model.onnx')), /ENOENT/)
})

test('the card says what is in the model, and its matrices are weights to compress', () => {
  const card = readCard(modelDir)
  assert.is(card.licence, 'Apache-2.0')
  assert.is(card.dimensions, 512)
  using model = openModel(join(modelDir, 'model.onnx'))
  const floats = [...model.graph.initializers.values()].filter((tensor) => tensor.type.name === 'float32')
  assert.is(
    floats.filter((tensor) => tensor.dims.length > 0).reduce((sum, tensor) => sum + tensor.elements, 0),
    card.parameters,
  )
  const weights = listWeights(model)
  assert.is(weights.length, 11)
  assert.ok(weights.every((weight) => weight.runtime === 'quantized'))
  const covered = weights.reduce((sum, weight) => sum + weight.rows * weight.cols, 0)
  assert.ok(covered / card.parameters > 0.99)
})

test('a card with a wrong field is refused by its name', () => {
  const card = JSON.parse(readFileSync(join(modelDir, 'model.json'), 'utf8')) as Record<string, unknown>
  assert.equal(parseCard(card), readCard(modelDir))
  for (const [field, value] of Object.entries({
    version: 2,
    task: 'x',
    name: '',
    parameters: -1,
    output: 7,
    inputs: 1,
  }))
    assert.throws(
      () => parseCard({ ...card, [field]: value }),
      (error: unknown) =>
        error instanceof VillageError &&
        error.code === 'MODEL_CARD_INVALID' &&
        error.message.includes(`"${field}"`),
    )
  fc.assert(
    fc.property(fc.anything(), (value) => {
      assert.throws(
        () => parseCard(value),
        (error: unknown) => error instanceof VillageError,
      )
    }),
    { numRuns: 200, seed: 1 },
  )
})

/**
 * SentencePiece's segmentation written down plainly: best score of each prefix, unknown characters at a
 * penalty.
 */
function plainViterbi(text: string, vocabulary: readonly (readonly [string, number])[]): number[] {
  const normal = text.normalize('NFKC').replace(/\s+/g, ' ').trim()
  if (normal === '') return []
  const chars = [...`▁${normal.replaceAll(' ', '▁')}`]
  const ids = new Map(vocabulary.map(([piece], id) => [piece, id]))
  const unknownScore = Math.min(...vocabulary.map(([, score]) => score)) - 10
  const best: { score: number; id: number; from: number }[] = [{ score: 0, id: -1, from: -1 }]
  for (let end = 1; end <= chars.length; end++) {
    best[end] = { score: -Infinity, id: 0, from: end - 1 }
    for (let from = Math.max(0, end - 20); from < end; from++) {
      const id = ids.get(chars.slice(from, end).join(''))
      if (id === undefined && from < end - 1) continue
      const score = best[from]!.score + (id === undefined || id === 0 ? unknownScore : vocabulary[id]![1])
      if (score > best[end]!.score) best[end] = { score, id: id ?? 0, from }
    }
  }
  const out: number[] = []
  for (let end = chars.length; end > 0; end = best[end]!.from)
    if (!(best[end]!.id === 0 && out.at(-1) === 0)) out.push(best[end]!.id)
  return out.reverse()
}

test('the tokenizer is a plain unigram segmentation', () => {
  const source: unknown = JSON.parse(
    readFileSync(join(embeddedEncoderSource().directory, 'vocab.json'), 'utf8'),
  )
  const vocabulary = repairVocabulary(source)
  assert.is(vocabulary.length, 8000)
  const tokenizer = loadTokenizer(join(modelDir, 'tokenizer.json'))
  const check = (text: string): void =>
    assert.equal(tokenizer.encode(text, 10_000), plainViterbi(text, vocabulary), text)
  for (const text of [
    ...TEXTS,
    '<s>',
    '</s> extra_token_id_1',
    'a:b ://x :) (: 10:30 at 5:00',
    '\u{1F600}\u{1F600} ok',
    ' ',
  ])
    check(text)
  const words = fc.constantFrom(
    'the',
    'unbelievable',
    'x',
    '3.5%',
    '日',
    '\u{1F680}',
    '<s>',
    ':',
    '://',
    'ﬀ',
    "don't",
    '\t',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(words, fc.string({ maxLength: 8 })), { maxLength: 12 }), (parts) => {
      check(parts.join(' '))
    }),
    { numRuns: 200, seed: 7 },
  )
})

test('lost scores are put back between their neighbours, and reserved pieces match no text', () => {
  const source = JSON.parse(readFileSync(join(embeddedEncoderSource().directory, 'vocab.json'), 'utf8')) as [
    string,
    number | null,
  ][]
  const repaired = repairVocabulary(source)
  for (let id = 7; id < repaired.length; id++) assert.ok(repaired[id]![1] <= repaired[id - 1]![1], `id ${id}`)
  const changed = repaired.filter(([, score], id) => id >= 6 && score !== source[id]![1])
  assert.is(changed.length, 9)
  assert.ok(changed.every(([piece]) => piece.includes(':')))
  for (let id = 0; id < 6; id++) assert.ok(repaired[id]![0].includes(' '))
  for (const broken of [null, [], [['a', 1]], Array.from({ length: 9 }, () => [1, 2])])
    assert.throws(
      () => repairVocabulary(broken),
      (error: unknown) => error instanceof VillageError,
    )
})

test('a directory without tokenizer or with another output is refused', async () => {
  await encoder.embed({ modelDir: join(directory, 'nothing'), texts: ['x'] }, signal).then(
    () => assert.unreachable(),
    (error: VillageError) => assert.is(error.code, 'MODEL_CARD_INVALID'),
  )
  await encoder.embed({ modelDir, texts: ['x'], batch: 0 }, signal).then(
    () => assert.unreachable(),
    (error: VillageError) => assert.is(error.code, 'INVALID_ARGUMENT'),
  )
})

test.run()
