import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { loadLanguageTokenizer } from '../../../node/compute/models/tokenizer.ts'
import { documents } from '../../../scripts/village-lm/corpus.ts'
import { RECIPES } from '../../../scripts/village-lm/recipes.ts'
import { layRows } from '../../../scripts/village-lm/rows.ts'
import { byteCharacters, trainTokenizer } from '../../../scripts/village-lm/tokenizer.ts'
import { writeTokenizerFiles } from '../../../scripts/village-lm/train-model.ts'

const base = RECIPES[0]!
const texts = [...documents({ mix: base.mix, count: 3000, seed: 5 })]
const file = trainTokenizer(
  texts.map(({ prompt, text }) => prompt + text),
  900,
)
const directory = mkdtempSync(path.join(tmpdir(), 'village-test-'))
writeTokenizerFiles(directory, file)
const tokenizer = loadLanguageTokenizer(directory)
const pieces = (text: string) => tokenizer.encode(text).map((token) => tokenizer.decode([token]))

test.after(() => rmSync(directory, { recursive: true }))

test('any text comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      assert.is(tokenizer.decode(tokenizer.encode(text)), text)
    }),
    { numRuns: 300 },
  )
  for (const { prompt, text } of texts.slice(0, 200))
    assert.is(tokenizer.decode(tokenizer.encode(prompt + text)), prompt + text)
})

test('digits and spelt letters are tokens of their own', () => {
  assert.equal(pieces('Answer: 23 + 45 = 68'), [
    'Answer',
    ':',
    ' ',
    '2',
    '3',
    ' +',
    ' ',
    '4',
    '5',
    ' =',
    ' ',
    '6',
    '8',
  ])
  for (const letter of 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ')
    assert.equal(pieces(`: ${letter} ${letter}`), [':', ` ${letter}`, ` ${letter}`])
})

test('the special token is recognised, and what looks like a piece of it is not', () => {
  assert.equal(tokenizer.encode('<|end|>'), [0])
  assert.not(tokenizer.encode('<|end').includes(0))
})

test('training is deterministic and stops at the size asked for', () => {
  assert.is(Object.keys(file.model.vocab).length, 900)
  const again = trainTokenizer(
    texts.map(({ prompt, text }) => prompt + text),
    900,
  )
  assert.equal(again, file)
})

test('merges rank by frequency: of a text of one word, the word becomes a token', () => {
  const { model } = trainTokenizer(['abcabc abcabc', 'abcabc'], 400)
  assert.ok('abcabc' in model.vocab && 'Ġabcabc' in model.vocab)
  // Nothing is left to merge after that.
  assert.ok(Object.keys(model.vocab).length < 400)
})

test('the 256 byte characters are different, and none is white space', () => {
  const characters = byteCharacters()
  assert.is(new Set(characters).size, 256)
  assert.ok(characters.every((character) => /^\S$/u.test(character)))
})

test('rows hold whole documents, questions silent and answers learned', () => {
  const length = 128
  const given = texts.slice(0, 300)
  const rows = layRows(given, { tokenizer, endToken: 0, length })
  const silent = 0x80000000
  let at = 0
  for (const row of rows) {
    assert.is(row.length, length + 1)
    let place = 0
    // Documents follow one another in their order, each from its first token to its end token.
    while (at < given.length) {
      const { prompt, text } = given[at]!
      const asked = tokenizer.encode(prompt)
      const learned = [...tokenizer.encode(text), 0]
      if (place + asked.length + learned.length > row.length) break
      assert.equal(
        [...row.subarray(place, place + asked.length)],
        asked.map((token) => (token | silent) >>> 0),
      )
      place += asked.length
      assert.equal([...row.subarray(place, place + learned.length)], learned)
      place += learned.length
      at += 1
    }
    assert.ok(row.subarray(place).every((token) => token === silent))
  }
  assert.is(at, given.length)
})

test.run()
