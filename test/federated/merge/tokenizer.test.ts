/** Tokenizers put together: ids, merges, scores, added tokens, and rows of embeddings. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readTokenizerFile } from '../../../node/compute/models/tokenizer-file.ts'
import { alignedReader, alignedRules, placesOf } from '../../../node/federated/merge/token-rows.ts'
import { parseTokens } from '../../../node/federated/merge/tokenizer-tokens.ts'
import { unionTokenizer } from '../../../node/federated/merge/tokenizer-union.ts'
import type { JsonObject } from '../../../node/json.ts'
import { throwsCode } from '../../helpers/throws.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-union-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

const added = (id: number, content: string): JsonObject => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
})

const bpe = (
  pieces: readonly string[],
  merges: readonly (readonly string[])[],
  more: readonly JsonObject[],
): JsonObject => ({
  version: '1.0',
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  added_tokens: more,
  model: { type: 'BPE', vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])), merges },
})

const unigram = (
  pieces: readonly (readonly [string, number])[],
  more: readonly JsonObject[],
): JsonObject => ({
  version: '1.0',
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  added_tokens: more,
  model: { type: 'Unigram', unk_id: 0, vocab: pieces },
})

const union = (a: JsonObject, b: JsonObject) =>
  unionTokenizer([
    { name: 'a', tokens: parseTokens(a) },
    { name: 'b', tokens: parseTokens(b) },
  ])

function idsOf(json: JsonObject, text: string): (number | undefined)[] {
  const file = path.join(root, 'tokenizer.json')
  writeFileSync(file, JSON.stringify(json))
  return [...readTokenizerFile(file).library.encode(text, { add_special_tokens: false }).ids]
}

test('BPE: the first keeps its ids, merges of both apply', () => {
  const a = bpe(['a', 'b', 'c', 'ab'], [['a', 'b']], [added(4, '<end>')])
  const b = bpe(['c', 'b', 'a', 'cb'], [['c', 'b']], [added(4, '<end>'), added(5, '<tool>')])
  const { json, ids } = union(a, b)
  assert.equal(Object.fromEntries(ids), { a: 0, b: 1, c: 2, ab: 3, '<end>': 4, cb: 5, '<tool>': 6 })
  assert.equal(idsOf(json, 'ab'), [3])
  assert.equal(idsOf(json, 'cb<tool>a<end>'), [5, 6, 0, 4])
  assert.equal(idsOf(union(a, a).json, 'abc'), idsOf(a, 'abc'), 'with itself it stays')
})

test('Unigram: pieces come behind the added tokens of the first, with their scores', () => {
  const a = unigram(
    [
      ['<unk>', 0],
      ['a', -1],
      ['b', -1.5],
      ['ab', -9],
    ],
    [added(4, '<s>')],
  )
  const b = unigram(
    [
      ['<unk>', 0],
      ['b', -7],
      ['abb', -2],
    ],
    [added(3, '<s>')],
  )
  const { json, ids } = union(a, b)
  assert.equal(ids.get('<s>'), 4)
  assert.equal(ids.get('abb'), 5)
  const vocabulary = (json.model as JsonObject).vocab as readonly (readonly [string, number])[]
  assert.equal(vocabulary[2], ['b', -1.5], 'the first one’s score')
  assert.equal(vocabulary[5], ['abb', -2])
  assert.equal(vocabulary[4]![0], '<s>')
  assert.equal(idsOf(json, 'abb'), [5])
  assert.equal(idsOf(json, 'ab<s>'), [1, 2, 4])
})

test('tokenizers that work in other ways are refused with the part', () => {
  const a = bpe(['a', 'b'], [], [])
  const cases: readonly (readonly [JsonObject, string])[] = [
    [unigram([['a', 0]], []), 'model.type'],
    [{ ...a, normalizer: { type: 'Lowercase' } }, 'normalizer'],
    [{ ...a, pre_tokenizer: { type: 'Whitespace' } }, 'pre_tokenizer'],
    [{ ...a, model: { ...(a.model as JsonObject), byte_fallback: true } }, 'model.byte_fallback'],
  ]
  for (const [other, part] of cases) {
    assert.equal(throwsCode(() => union(a, other), 'MERGE_TOKENIZER_DIFFERS').fields, { model: 'b', part })
  }
  const flagged = { ...a, model: { ...(a.model as JsonObject), byte_fallback: false } }
  assert.is(union(a, flagged).ids.size, 2, 'a flag that is off is none')
  for (const model of [null, { vocab: 3 }, { vocab: { a: -1 } }, { vocab: [['a'], 3] }])
    throwsCode(() => parseTokens({ model }), 'TOKENIZER_INVALID')
})

test('rows: of those who know the token, else of the base, else the mean; rules before both', () => {
  const ids = new Map([
    ['x', 0],
    ['y', 1],
    ['z', 2],
    ['w', 3],
  ])
  const own = {
    base: new Map([
      ['x', 0],
      ['y', 1],
    ]),
    a: new Map([
      ['z', 0],
      ['x', 1],
      ['w', 2],
    ]),
    b: new Map([
      ['y', 0],
      ['z', 1],
      ['w', 2],
    ]),
  }
  const tables: Record<string, Float32Array> = {
    base: Float32Array.of(1, 1, 2, 2),
    a: Float32Array.of(10, 10, 20, 20, 30, 30),
    b: Float32Array.of(100, 100, 200, 200, 300, 300),
  }
  const places = new Map(
    Object.entries(own).map(([name, tokens]) => [
      name,
      placesOf(ids, tokens, { rows: 5, ownRows: tables[name]!.length / 2, isLead: name === 'base' }),
    ]),
  )
  const ref = (model: string) => ({ model, tensor: 'embed' })
  const rowOf = (model: string, token: string) => own[model as 'a'].get(token)!
  const rowsBy = (rules: Parameters<typeof alignedRules>[1]) => {
    const alignment = { rows: 5, lead: 'base', places, rules: alignedRules(ids, rules, rowOf) }
    const tensor = { inputs: [ref('a'), ref('b')], base: ref('base') }
    const read = alignedReader(tensor, alignment, 2, ({ model }) => tables[model]!)
    const first = (model: string) => [...read(ref(model))].filter((_, at) => at % 2 === 0)
    return { base: first('base'), a: first('a'), b: first('b') }
  }
  assert.equal(rowsBy({}), {
    base: [1, 2, 105, 165, 0],
    a: [20, 2, 10, 30, 0],
    b: [1, 100, 200, 300, 0],
  })
  const rules = {
    y: { from: { model: 'a', token: 'z' }, force: false },
    z: { from: null, force: false },
    w: { from: { model: 'b', token: 'y' }, force: true },
  }
  assert.equal(rowsBy(rules), {
    base: [1, 2, 0, 100, 0],
    a: [20, 10, 10, 100, 0],
    b: [1, 100, 200, 100, 0],
  })
})

test.run()
