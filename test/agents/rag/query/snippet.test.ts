import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { analyze } from '../../../../node/agents/rag/analysis/analyzer.ts'
import { findSnippet, makeSnippet } from '../../../../node/agents/rag/query/snippet.ts'

const test = suite('snippets')

const idfOf = (...words: string[]) =>
  new Map(words.flatMap((word) => analyze(word, 'en').map(({ term }, at) => [term, 5 - at] as const)))
const snippet = (text: string, idf: ReadonlyMap<string, number>, maxCharacters = 80) =>
  makeSnippet(text, { language: 'en', idf, maxCharacters })
const marked = ({ text, highlights }: ReturnType<typeof snippet>) =>
  highlights.map(({ start, end }) => text.slice(start, end))

test('the sentences that cover most of the query are shown, with its words marked in any form', () => {
  const text =
    'Nothing is here. Slabs were heated\nin a furnace. The slab was cooled at once. Nothing is there either, and it goes on.'
  const made = snippet(text, idfOf('slab', 'heating'))
  assert.is(made.text, '…Slabs were heated in a furnace. The slab was cooled at once.…')
  assert.equal(marked(made), ['Slabs', 'heated', 'slab'])
})

test('a long sentence is cut at words, around what was found', () => {
  const text = `${'many words before '.repeat(30)}the furnace of interest ${'and many after '.repeat(30)}end.`
  const made = snippet(text, idfOf('furnace'))
  assert.equal(marked(made), ['furnace'])
  assert.match(made.text, /^….*furnace of interest.*…$/)
  assert.ok(made.text.length <= 82)
})

test('without a word of the query it is the beginning', () => {
  assert.is(snippet('One sentence. Another one.', new Map(), 20).text, 'One sentence.…')
  assert.equal(snippet('', idfOf('x')), { text: '', highlights: [] })
  const unbroken = snippet('x'.repeat(500), idfOf('y'))
  assert.is(unbroken.text, `${'x'.repeat(80)}…`)
})

test('what turns the direction of writing or steers a terminal is gone', () => {
  const made = snippet('a \u202eslab\u202c \u0007\u001b[31mred\u0000 \u200bslab', idfOf('slab'))
  assert.is(made.text, 'a slab [31mred slab')
  assert.equal(marked(made), ['slab', 'slab'])
})

test('a heading is a sentence of its own', () => {
  const text = 'Keeping bees\n\nMites are treated with acid.\n\n## Honey harvest\n \nIn July we took honey.'
  assert.is(snippet(text, idfOf('honey')).text, '…## Honey harvest · In July we took honey.')
  assert.is(
    snippet(text, new Map(), 120).text,
    'Keeping bees · Mites are treated with acid. ## Honey harvest · In July we took honey.',
  )
})

test('a snippet says where it begins and stays within its section', () => {
  const text = 'Spring\n\nThe hives wake up.\n\nHoney\n\nThe hives give honey. It is pressed.'
  const sections = [
    { start: 0, page: 1, headings: [0] },
    { start: text.indexOf('Honey'), page: 2, headings: [1] },
  ]
  const find = (...words: string[]) =>
    findSnippet({ text, sections }, { language: 'en', idf: idfOf(...words), maxCharacters: 300 })
  assert.equal(find('hive', 'wake').snippet.text, '…The hives wake up.…')
  assert.is(find('hive', 'wake').offset, text.indexOf('The'))
  assert.is(find('honey').snippet.text, '…Honey · The hives give honey. It is pressed.')
  assert.is(find('honey').offset, text.indexOf('Honey'))
  assert.is(find('pressed').offset, text.indexOf('The hives give'))
})

test('scripts without spaces are marked', () => {
  const made = makeSnippet('東京都の人口は多い。大阪は美しい。', {
    language: 'ja',
    idf: new Map(analyze('東京', 'ja').map(({ term }) => [term, 1])),
  })
  assert.is(marked(made)[0], '東京')
})

test('for any text: bounded, one line, well-formed, marks in order, apart and inside', () => {
  const word = fc.constantFrom(
    'slab',
    'Heat',
    'der',
    '. ',
    '\n',
    ' ',
    '😀',
    '\ud800',
    '漢字',
    '½',
    '\u202e',
    'x'.repeat(90),
    '¿',
  )
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 120 }),
      fc.integer({ min: 10, max: 90 }),
      (words, maxCharacters) => {
        const made = makeSnippet(words.join(''), {
          language: null,
          idf: idfOf('slab', 'heat', '漢字'),
          maxCharacters,
        })
        assert.ok(made.text.length <= maxCharacters + 2 || !/\s/.test(made.text.slice(1, -1).trim()))
        assert.ok(made.text.isWellFormed())
        assert.not.match(made.text, /[\n\u202e]/)
        let last = 0
        for (const { start, end } of made.highlights) {
          assert.ok(start >= last && end > start && end <= made.text.length)
          last = end + 1
        }
      },
    ),
    { numRuns: 300 },
  )
})

test.run()
