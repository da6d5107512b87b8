import * as fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { placeAt, readSections } from '../../../../node/agents/rag/chunk-sections.ts'
import type { Block, BlockKind } from '../../../../node/agents/rag/document.ts'
import {
  type Chunkable,
  chunkDocument,
  DEFAULT_CHUNKING,
  draftChunks,
} from '../../../../node/agents/rag/ingest/chunk.ts'
import { countWords, measureWords } from '../../../../node/agents/rag/ingest/count-words.ts'
import type { ChunkDraft } from '../../../../node/agents/rag/ingest/parsed-file.ts'
import { documentText } from '../../../../node/agents/rag/ingest/units.ts'

function block(
  kind: BlockKind,
  text: string,
  level: number | null = null,
  page: number | null = null,
): Block {
  return { kind, level, page, text }
}

function parsed(blocks: readonly Block[], extra: Partial<Chunkable> = {}): Chunkable {
  return { title: null, language: 'en', mediaType: 'text/plain', blocks, ...extra }
}

/** `n` sentences of ten words, each telling its number. */
function sentences(n: number, topic = 'rivers'): string {
  return Array.from(
    { length: n },
    (_, i) => `Sentence ${i} says one more thing about ${topic} and mountains.`,
  ).join(' ')
}

const word = fc.stringMatching(/^[a-zäöü,.!?'"()-]{1,14}$/)
const line = fc.array(word, { minLength: 1, maxLength: 60 }).map((words) => words.join(' '))
const cjk = fc.array(fc.constantFrom('中', '文', '字', '。', '日', '本', 'か'), {
  minLength: 1,
  maxLength: 400,
})
const blob = fc.integer({ min: 1, max: 6_000 }).map((length) => 'x'.repeat(length))
const pairs = fc.integer({ min: 1, max: 300 }).map((length) => '𠀀😀'.repeat(length))
const body = fc.oneof(
  { weight: 6, arbitrary: fc.array(line, { minLength: 1, maxLength: 12 }).map((lines) => lines.join('\n')) },
  cjk.map((characters) => characters.join('')),
  blob,
  pairs,
)
const anyBlock: fc.Arbitrary<Block> = fc.oneof(
  fc.record({
    kind: fc.constant<BlockKind>('heading'),
    level: fc.integer({ min: 1, max: 6 }),
    page: fc.constant(null),
    text: word,
  }),
  fc.record({
    kind: fc.constantFrom<BlockKind>('text', 'code', 'table', 'list'),
    level: fc.constant(null),
    page: fc.constantFrom(null, 1, 2),
    text: body,
  }),
)

test('whatever the document: offsets are exact, nothing is lost, no chunk is too long', () => {
  fc.assert(
    fc.property(
      fc.array(anyBlock, { maxLength: 25 }),
      fc.integer({ min: 20, max: 250 }),
      (blocks, targetWords) => {
        const options = { targetWords, overlapWords: Math.floor(targetWords / 5) }
        const text = documentText(blocks)
        const chunks = chunkDocument('d', parsed(blocks), options)
        let covered = 0
        for (const [i, chunk] of chunks.entries()) {
          assert.is(chunk.document, 'd')
          assert.is(chunk.ordinal, i)
          assert.is(chunk.text, text.slice(chunk.start, chunk.end))
          assert.ok(chunk.text.trim() !== '')
          assert.ok(chunk.text.isWellFormed())
          // Between chunks there is nothing but white space, and each ends behind the one before.
          assert.is(text.slice(covered, Math.max(covered, chunk.start)).trim(), '')
          assert.ok(chunk.end > covered)
          covered = chunk.end
          const limit = chunks.length === 1 ? targetWords * 2 : targetWords * 1.5 + options.overlapWords
          assert.ok(countWords(chunk.text) <= limit + 1, `${countWords(chunk.text)} words`)
        }
        assert.is(text.slice(covered).trim(), '')
      },
    ),
    { numRuns: 300, seed: 5 },
  )
})

test('a short document stays whole, with all its headings', () => {
  const blocks = [
    block('heading', 'Title', 1),
    block('heading', 'Part', 2),
    block('text', sentences(30)),
    block('heading', 'End', 2),
  ]
  const chunks = draftChunks(parsed(blocks, { title: 'Title' }))
  assert.is(chunks.length, 1)
  assert.equal(chunks[0]!.headings, ['Part', 'End'])
  assert.is(chunks[0]!.title, 'Title')
})

test('a chunk over several sections and pages knows where each begins', () => {
  const blocks = [
    block('heading', 'Bees', 1, 1),
    block('heading', 'Spring', 2, 1),
    block('text', 'The hives wake up.', null, 1),
    block('heading', 'Honey harvest', 2, 1),
    block('text', 'Fifteen kilograms a hive.', null, 1),
    block('text', 'It is pressed.', null, 2),
    block('heading', 'Garden', 1, 2),
    block('text', 'Nothing yet.', null, 2),
  ]
  const chunks = draftChunks(parsed(blocks, { title: 'Bees' }))
  assert.is(chunks.length, 1)
  const [chunk] = chunks as [ChunkDraft]
  assert.equal(chunk.headings, ['Spring', 'Honey harvest', 'Garden'])
  assert.is(chunk.page, 1)
  const places = ['Bees', 'wake', 'Honey', 'Fifteen', 'pressed', 'Garden', 'Nothing'].map((word) => {
    const { page, headings } = placeAt(chunk, chunk.text.indexOf(word))
    return `${word} ${page} ${headings.join(' > ')}`
  })
  assert.equal(places, [
    'Bees 1 Spring',
    'wake 1 Spring',
    'Honey 1 Honey harvest',
    'Fifteen 1 Honey harvest',
    'pressed 2 Honey harvest',
    'Garden 2 Garden',
    'Nothing 2 Garden',
  ])
  assert.is(draftChunks(parsed(blocks.slice(0, 3)))[0]!.sections, undefined)
})

test('sections are always of their chunk, and their headings are those of the blocks', () => {
  fc.assert(
    fc.property(
      fc.array(anyBlock, { maxLength: 25 }),
      fc.integer({ min: 20, max: 250 }),
      (blocks, targetWords) => {
        for (const chunk of draftChunks(parsed(blocks), { targetWords, overlapWords: 5 })) {
          const { sections } = chunk
          if (sections === undefined) continue
          assert.equal(readSections(JSON.parse(JSON.stringify(sections)), chunk), sections)
          assert.equal(
            [...new Set(sections.flatMap(({ headings }) => headings))].sort((a, b) => a - b),
            [...chunk.headings.keys()],
          )
        }
      },
    ),
    { numRuns: 100, seed: 6 },
  )
})

test('sections that are none of a chunk are refused', () => {
  const chunk = { headings: ['One', 'Two'], text: 'Some text' }
  const first = { start: 0, page: null, headings: [0] }
  const second = { start: 5, page: 3, headings: [0, 1] }
  assert.equal(readSections([first, second], chunk), [first, second])
  const bad: unknown[] = [
    null,
    [],
    [first],
    [second, first],
    [first, first],
    [first, { ...second, start: 9 }],
    [first, { ...second, start: 1.5 }],
    [first, { ...second, page: -1 }],
    [first, { ...second, page: 'three' }],
    [first, { ...second, headings: [2] }],
    [first, { ...second, headings: ['Two'] }],
    [first, { ...second, headings: Array.from({ length: 65 }, () => 0) }],
    [first, null],
    Array.from({ length: 10 }, (_, start) => ({ ...first, start })),
  ]
  for (const [index, value] of bad.entries()) assert.is(readSections(value, chunk), null, String(index))
})

test('headings begin chunks, and are told to the chunks below them', () => {
  const blocks = [
    block('heading', 'One', 1),
    block('text', sentences(20)),
    block('heading', 'Deeper', 2),
    block('text', sentences(40)),
    block('heading', 'Two', 1),
    block('text', sentences(20)),
  ]
  const chunks = draftChunks(parsed(blocks))
  assert.equal(
    chunks.map((chunk) => [chunk.headings.join(' > '), chunk.text.slice(0, 10)]),
    [
      ['One', 'One\n\nSente'],
      ['One > Deeper', 'Deeper\n\nSe'],
      ['One > Deeper', 'Sentence 1'],
      ['Two', 'Two\n\nSente'],
    ],
  )
})

test('chunks of one text repeat whole sentences, within the limit', () => {
  const text = sentences(100)
  const chunks = draftChunks(parsed([block('text', text)]))
  assert.ok(chunks.length >= 4)
  for (const [i, chunk] of chunks.entries()) {
    const before = chunks[i - 1]
    assert.match(chunk.text, /^Sentence \d+ says .*\.$/s)
    if (before === undefined) continue
    const shared = text.slice(chunk.start, before.end)
    assert.ok(countWords(shared) > 20 && countWords(shared) <= DEFAULT_CHUNKING.overlapWords)
    assert.match(shared, /^Sentence \d+/)
  }
})

test('a heading at the end of a chunk goes to what it is the heading of', () => {
  const long = `${'word '.repeat(215)}end.`
  const blocks = [block('text', sentences(7)), block('heading', 'Next', 1), block('text', `${long} ${long}`)]
  const chunks = draftChunks(parsed(blocks))
  assert.equal(
    chunks.map((chunk) => [chunk.text.slice(0, 8), chunk.headings]),
    [
      ['Sentence', []],
      ['Next\n\nwo', ['Next']],
      ['word wor', ['Next']],
    ],
  )
})

test('later pieces of a table know its header', () => {
  const rows = ['name | age', ...Array.from({ length: 400 }, (_, i) => `Person ${i} | ${i}`)]
  const chunks = draftChunks(parsed([block('table', rows.join('\n'))]))
  assert.ok(chunks.length > 3)
  assert.equal(chunks[0]!.headings, [])
  for (const chunk of chunks.slice(1)) {
    assert.equal(chunk.headings, ['name | age'])
    assert.match(chunk.text, /^Person \d+ \| \d+\n/)
  }
})

test('pieces of code know their lines, and keep their indent', () => {
  const lines = Array.from({ length: 300 }, (_, i) => (i % 10 === 9 ? '' : `    call(${i}) // one two three`))
  const text = lines.join('\n')
  const chunks = draftChunks(parsed([block('code', text)], { mediaType: 'text/x-source' }))
  assert.ok(chunks.length > 3)
  for (const chunk of chunks) {
    const [, first, last] = /^L(\d+)-L(\d+)$/.exec(chunk.headings.at(-1)!)!
    assert.is(chunk.text, lines.slice(Number(first) - 1, Number(last)).join('\n'))
    assert.ok(chunk.text.startsWith('    call('))
  }
})

test('pages are those of the first character', () => {
  const blocks = [1, 2, 3].map((page) => block('text', sentences(30), null, page))
  const chunks = draftChunks(parsed(blocks))
  for (const chunk of chunks) {
    const offsets = blocks.map((_, i) => documentText(blocks.slice(0, i + 1)).length)
    assert.is(chunk.page, offsets.findIndex((end) => chunk.start < end) + 1)
  }
  assert.is(chunks.at(-1)!.page, 3)
})

test('Chinese is counted by characters', () => {
  assert.is(countWords('中文字'), 1.5)
  const text = `${'这是一个很长的句子关于河流。'.repeat(200)}`
  const chunks = draftChunks(parsed([block('text', text)], { language: 'zh' }))
  assert.ok(chunks.length > 3)
  for (const chunk of chunks) assert.ok(chunk.text.length <= 800 && chunk.text.endsWith('。'))
})

test('nothing gives nothing', () => {
  assert.equal(draftChunks(parsed([])), [])
  assert.equal(draftChunks(parsed([block('text', ' \n\t ')])), [])
})

test('words: tokens of sixteen characters, cut at spaces where there are any', () => {
  assert.is(countWords('one two  three\n'), 3)
  assert.is(countWords('x'.repeat(33)), 3)
  assert.equal(measureWords('one two three', 0, 13, 2), { words: 2, end: 7 })
  assert.equal(measureWords('x'.repeat(100), 0, 100, 2), { words: 2, end: 32 })
  assert.equal(measureWords('one', 0, 3, 5), { words: 1, end: 3 })
  assert.equal(measureWords('中文 字', 0, 4, 1), { words: 1, end: 2 })
})

test.run()
