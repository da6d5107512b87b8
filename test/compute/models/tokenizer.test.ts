import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { checkModel } from '../../../node/compute/models/import/check-model.ts'
import type { LanguageCard } from '../../../node/compute/models/language-card.ts'
import {
  type LanguageTokenizer,
  loadLanguageTokenizer,
  MAX_TEXT_UNITS,
} from '../../../node/compute/models/tokenizer.ts'
import type { JsonObject } from '../../../node/json.ts'
import { throwsCode } from '../../helpers/throws.ts'
import { byteLevelBpe, sentencePieceBpe, unigram, wordPiece } from './tokenizers.ts'

const test = suite('tokenizers of language models')
const directory = mkdtempSync(join(tmpdir(), 'village-tokenizer-'))
test.after(() => rmSync(directory, { recursive: true, force: true }))

let written = 0
function write(json: unknown): string {
  const modelDir = join(directory, String(written++))
  mkdirSync(modelDir)
  writeFileSync(join(modelDir, 'tokenizer.json'), typeof json === 'string' ? json : JSON.stringify(json))
  return modelDir
}
const load = (json: JsonObject): LanguageTokenizer => loadLanguageTokenizer(write(json))
const pieces = (tokenizer: LanguageTokenizer, text: string, init = {}) =>
  tokenizer.encode(text, init).map((id) => tokenizer.vocabularyStrings()[id])

test('byte-level BPE: merges by rank inside words, bytes for everything else', () => {
  const tokenizer = load(byteLevelBpe())
  assert.is(tokenizer.vocabulary, 263)
  assert.equal(pieces(tokenizer, 'hello'), ['hello'])
  assert.equal(pieces(tokenizer, 'hell world'), ['hell', 'Ġw', 'o', 'r', 'l', 'd'])
  assert.equal(pieces(tokenizer, 'é'), ['Ã', '©'])
  assert.equal(pieces(tokenizer, 'hello<|end|>', { specialTokens: true }), ['<|begin|>', 'hello', '<|end|>'])
  assert.is(tokenizer.tokenOf('<|end|>'), 262)
  assert.is(tokenizer.tokenOf('absent'), undefined)
  const tokens = tokenizer.encode('hello<|end|> wé')
  assert.is(tokenizer.decode(tokens), 'hello<|end|> wé')
  assert.is(tokenizer.decode(tokens, { skipSpecial: true }), 'hello wé')
})

test('SentencePiece BPE: a space before the first word, bytes where no piece is', () => {
  const tokenizer = load(sentencePieceBpe())
  assert.equal(pieces(tokenizer, 'cats'), ['▁cat', 's'])
  assert.equal(pieces(tokenizer, 'a cat'), ['▁a', '▁cat'])
  assert.equal(pieces(tokenizer, 'a  cat'), ['▁a', '▁', '▁cat'])
  assert.equal(pieces(tokenizer, 'aé'), ['▁a', '<0xC3>', '<0xA9>'])
  assert.equal(pieces(tokenizer, 'a', { specialTokens: true }), ['<s>', '▁a'])
  for (const text of ['a cat', ' a', 'a é 🦊', 'cats  at'])
    assert.is(tokenizer.decode(tokenizer.encode(text)), text)
})

test('Unigram: the segmentation of the highest score; bytes where the model has them', () => {
  const tokenizer = load(unigram())
  // ▁ + cat is -3 -5 -4.5, ▁cat is -4.
  assert.equal(pieces(tokenizer, 'the cats'), ['▁the', '▁cat', 's'])
  assert.equal(pieces(tokenizer, 'at'), ['▁', 'at'])
  assert.equal(pieces(tokenizer, 'a!?'), ['▁', 'a', '<unk>'])
  assert.is(tokenizer.decode(tokenizer.encode('the cats at')), 'the cats at')
  const withBytes = load(unigram({ bytes: true }))
  assert.equal(pieces(withBytes, 'aé'), ['▁', 'a', '<0xC3>', '<0xA9>'])
  assert.is(withBytes.decode(withBytes.encode('the é 🦊')), 'the é 🦊')
})

test('WordPiece: the longest beginning first', () => {
  const tokenizer = load(wordPiece())
  assert.equal(pieces(tokenizer, 'The CATS sat.', { specialTokens: true }), [
    '[CLS]',
    'the',
    'cat',
    '##s',
    'sat',
    '.',
    '[SEP]',
  ])
  assert.equal(pieces(tokenizer, 'unable untrue'), ['un', '##able', '[UNK]'])
  assert.is(tokenizer.decode(tokenizer.encode('the cats sat.')), 'the cats sat.')
})

const FAMILIES = {
  'byte-level BPE': byteLevelBpe(),
  'SentencePiece BPE': sentencePieceBpe(),
  'Unigram with bytes': unigram({ bytes: true }),
  Unigram: unigram(),
  WordPiece: wordPiece(),
}
/** What comes back of a text, where nothing of it is lost. SentencePiece writes a space as U+2581: it cannot tell the two apart. */
const EXACT: Readonly<Record<string, (text: string) => string>> = {
  'byte-level BPE': (text) => text,
  'SentencePiece BPE': (text) => text.replaceAll('\u2581', ' '),
}

for (const [name, json] of Object.entries(FAMILIES)) {
  test(`${name}: what is streamed is whole characters, and all together the text`, () => {
    const tokenizer = load(json)
    const ids = tokenizer.vocabularyStrings().flatMap((text, id) => (text === '' ? [] : [id]))
    const anyTokens = fc.array(fc.constantFrom(...ids), { maxLength: 60 })
    const textTokens = fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => tokenizer.encode(text))
    fc.assert(
      fc.property(fc.oneof(anyTokens, textTokens), (tokens) => {
        const stream = tokenizer.stream()
        const parts = tokens.map((token) => stream.push(token))
        assert.is([...parts, stream.flush()].join(''), tokenizer.decode(tokens, { skipSpecial: true }))
        for (const part of parts) assert.ok(part.isWellFormed())
      }),
    )
    const comesBack = EXACT[name]
    if (comesBack === undefined) return
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }), fc.constant('\u2581')),
          maxLength: 100,
        }),
        (text) => {
          const tokens = tokenizer.encode(text)
          assert.is(tokenizer.decode(tokens), comesBack(text))
          const stream = tokenizer.stream()
          for (const token of tokens)
            assert.not.ok(stream.push(token).includes('\uFFFD') && !text.includes('\uFFFD'))
        },
      ),
    )
  })
}

test('long texts: words are cut off where that gives the same tokens, and only there', () => {
  const tokenizer = load(sentencePieceBpe())
  const sentence = 'a cats  at 🦊 '
  const once = tokenizer.encode(sentence.trimEnd())
  const long = tokenizer.encode(sentence.repeat(20_000).trimEnd())
  assert.ok(long.length > 200_000)
  assert.equal(long.slice(0, once.length), once)
  assert.equal(long.slice(-once.length), once)
  // A piece that reaches over a space: nothing may be cut there.
  const json = sentencePieceBpe()
  const model = json.model as JsonObject & { vocab: Record<string, number>; merges: string[][] }
  const over = {
    ...json,
    model: {
      ...model,
      vocab: { ...model.vocab, 't▁': 400, 't▁a': 401 },
      merges: [['t', '▁'], ['t▁', 'a'], ...model.merges],
    },
  }
  assert.equal(pieces(load(over), 't a'), ['▁', 't▁a'])
  throwsCode(() => tokenizer.encode('a'.repeat(MAX_TEXT_UNITS + 1)), 'INVALID_ARGUMENT')
})

test('a tokenizer.json that is not valid is refused with the field', () => {
  const json = byteLevelBpe()
  const model = json.model as JsonObject
  const cases: [string, unknown][] = [
    ['file', '{'],
    ['file', '[]'],
    ['model', { ...json, model: null }],
    ['model.type', { ...json, model: { ...model, type: 'Program' } }],
    ['model.vocab', { ...json, model: { ...model, vocab: { a: -1 } } }],
    ['model.vocab', { ...json, model: { ...model, vocab: { a: 2 ** 31 } } }],
    ['model.vocab', { ...json, model: { ...model, vocab: {} } }],
    ['model.vocab', { ...json, model: { ...model, vocab: 'all' } }],
    ['model.vocab', { ...unigram(), model: { type: 'Unigram', vocab: [['a', 'b']] } }],
    ['model.unk_id', { ...unigram(), model: { type: 'Unigram', vocab: [['a', 0]], unk_id: 1 } }],
    ['model.merges', { ...json, model: { ...model, merges: [['a']] } }],
    ['added_tokens', { ...json, added_tokens: [{ id: 2 ** 40, content: 'x' }] }],
    ['added_tokens', { ...json, added_tokens: [{ id: 3, content: '' }] }],
    ['pre_tokenizer', { ...json, pre_tokenizer: { type: 'Split', pattern: { Glob: '*' } } }],
    [
      'normalizer',
      {
        ...json,
        normalizer: { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: 'x', content: '' }] },
      },
    ],
    ['decoder', { ...json, decoder: { type: 'Replace', pattern: null, content: '' } }],
    ['content', { ...json, pre_tokenizer: { type: 'Odd' } }],
  ]
  for (const [field, value] of cases) {
    const error = throwsCode(() => loadLanguageTokenizer(write(value)), 'TOKENIZER_INVALID')
    assert.is(error.fields.field, field, error.message)
  }
  throwsCode(() => loadLanguageTokenizer(join(directory, 'absent')), 'TOKENIZER_INVALID')
  const huge = write('')
  truncateSync(join(huge, 'tokenizer.json'), 2 ** 30)
  assert.is(throwsCode(() => loadLanguageTokenizer(huge), 'TOKENIZER_INVALID').fields.field, 'file')
})

const CARD: LanguageCard = {
  version: 1,
  task: 'text-generation',
  name: 'x',
  title: 'x',
  licence: 'x',
  source: 'x',
  parameters: 1,
  architecture: 'llama',
  layout: 'village',
  layers: 1,
  keyValueHeads: 1,
  headSize: 8,
  vocabulary: 263,
  contextTokens: 16,
  bosToken: null,
  eosTokens: [],
  padToken: null,
  positionInput: false,
  cacheType: 'float32',
  adapters: null,
}

test('a model and a tokenizer that do not belong together are told apart, and slow rules are not waited for', () => {
  const modelDir = write(byteLevelBpe())
  checkModel(modelDir, CARD)
  const error = throwsCode(() => checkModel(modelDir, { ...CARD, vocabulary: 262 }), 'MODEL_MISMATCH')
  assert.is(error.fields.field, 'vocab_size')
  const slow = {
    ...byteLevelBpe(),
    pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+b' }, behavior: 'Isolated', invert: false },
  }
  const failure = throwsCode(() => checkModel(write(slow), CARD, { timeMs: 200 }), 'TOKENIZER_INVALID')
  assert.is(failure.fields.field, 'rules')
})

test.run()
