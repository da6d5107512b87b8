import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  MAX_SENTENCE_CHARACTERS,
  splitSentences,
} from '../../../../node/agents/rag/answers/split-sentences.ts'

const test = suite('sentences')
const split = (text: string, language: string | null = 'en') =>
  splitSentences(text, language).map(({ start, end }) => text.slice(start, end))

test('titles, initials, references and dotted abbreviations end no sentence', () => {
  assert.equal(split('Dr. Smith met J. R. Doe et al. in Vol. 3. See Fig. 2 for more. The end.'), [
    'Dr. Smith met J. R. Doe et al. in Vol. 3.',
    'See Fig. 2 for more.',
    'The end.',
  ])
  assert.equal(split('The U.S. Congress met. It was in the U.S. The vote was no. Nobody came.'), [
    'The U.S. Congress met.',
    'It was in the U.S.',
    'The vote was no.',
    'Nobody came.',
  ])
  assert.equal(split('Born on Jan. 3, 1905. "Is it?" he asked. As am I. Good.'), [
    'Born on Jan. 3, 1905.',
    '"Is it?" he asked.',
    'As am I.',
    'Good.',
  ])
})

test('German and Japanese', () => {
  assert.equal(split('Er kam z. B. am Montag. Dann ging Hr. Meier ca. 5 km.', 'de'), [
    'Er kam z. B. am Montag.',
    'Dann ging Hr. Meier ca. 5 km.',
  ])
  assert.equal(split('日本語の文。次の文です。', 'ja'), ['日本語の文。', '次の文です。'])
})

test('a line end within a paragraph ends nothing; empty lines, list items and headings do', () => {
  assert.equal(
    split('A line that\ngoes on here. Next\r\none.\n\nTwo\n- first item\n- second item\n## Head\nText'),
    ['A line that\ngoes on here.', 'Next\r\none.', 'Two', '- first item', '- second item', '## Head\nText'],
  )
})

test('rows of a table are sentences of their own', () => {
  assert.equal(split('Code | Meaning\nF.718 | fan blocked\nF.022 | low water'), [
    'Code | Meaning',
    'F.718 | fan blocked',
    'F.022 | low water',
  ])
})

test('a row whose cells have full stops is one sentence, unless it is too long for one', () => {
  assert.equal(split('Key | What it does\nidleMs | Unloads it. Not before. | ms\n\nNext one. Row'), [
    'Key | What it does',
    'idleMs | Unloads it. Not before. | ms',
    'Next one.',
    'Row',
  ])
  const long = `key | ${'It says so. '.repeat(60)}`
  for (const piece of split(long)) assert.ok(piece.length <= MAX_SENTENCE_CHARACTERS)
  assert.ok(split(long).length > 1)
})

test('what has no end is cut, at a space where there is one', () => {
  const cut = split('word '.repeat(300))
  assert.ok(cut.length > 2)
  for (const piece of cut) {
    assert.ok(piece.length <= MAX_SENTENCE_CHARACTERS)
    assert.match(piece, /^word( word)*$/)
  }
  for (const piece of split('😀'.repeat(1000))) assert.not.match(piece, /^[\udc00-\udfff]/)
})

test('an unknown or malformed language changes nothing', () => {
  assert.equal(split('One here. Two there.', 'not a language'), ['One here.', 'Two there.'])
  assert.equal(split('One here. Two there.', null), ['One here.', 'Two there.'])
})

test('of any text: spans rise, do not overlap, have no space at their ends, and lose no letter', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.constantFrom('Ab', 'c', '. ', '.', '\n', '\n\n', '- ', '! ', 'é', '😀', ' ', 'Dr. ', '3', '。'),
        {
          maxLength: 60,
        },
      ),
      (parts) => {
        const text = parts.join('')
        let at = 0
        let between = ''
        for (const { start, end } of splitSentences(text, 'en')) {
          assert.ok(start >= at && end > start)
          assert.not.match(text.slice(start, end), /^\s|\s$/)
          between += text.slice(at, start)
          at = end
        }
        assert.match(between + text.slice(at), /^\s*$/)
      },
    ),
  )
})

test.run()
