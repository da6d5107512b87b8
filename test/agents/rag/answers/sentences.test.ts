import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { chooseSentences, likeness } from '../../../../node/agents/rag/answers/choose-sentences.ts'
import { composeAnswer, NOT_FOUND } from '../../../../node/agents/rag/answers/compose-answer.ts'
import type { QuestionWord } from '../../../../node/agents/rag/answers/question-words.ts'
import { readPassage } from '../../../../node/agents/rag/answers/read-passages.ts'
import {
  type ScoredSentence,
  SENTENCE_WEIGHTS,
  scoreByWords,
  withCosine,
  wordsMissing,
} from '../../../../node/agents/rag/answers/score-sentences.ts'
import { documentRecord, searchHit } from '../../../helpers/search-hits.ts'

const test = suite('sentences of an answer')

const MARS =
  'Mars is the fourth planet from the Sun. It has two small moons, Phobos and Deimos. Its colour comes from iron oxide in the dust.'
const WORDS: QuestionWord[] = [
  { text: 'moons', terms: ['moon'], idf: 3 },
  { text: 'Mars', terms: ['mar'], idf: 4 },
]
const QUESTION = 'How many moons does Mars have?'

const sentence = (over: Partial<ScoredSentence>): ScoredSentence => ({
  text: 'x',
  start: 0,
  end: 1,
  terms: new Set(['x']),
  length: 5,
  section: 0,
  aboveTerms: new Set(),
  passage: 0,
  place: 0,
  score: 0.5,
  coverage: 0,
  vector: null,
  ...over,
})

test('the weights of the parts add up to 1', () => {
  const sum = Object.values(SENTENCE_WEIGHTS).reduce((total, weight) => total + weight, 0)
  assert.ok(Math.abs(sum - 1) < 1e-12)
})

test('a sentence that has the word, whose title has the other, and that has a number is the best', () => {
  const passages = [readPassage(searchHit(MARS, { title: 'Mars' }))]
  const scored = scoreByWords(QUESTION, WORDS, passages)
  assert.is(scored.length, 3)
  const best = [...scored].sort((a, b) => b.score - a.score)[0]!
  assert.match(best.text, /two small moons/)
  assert.is(best.coverage, 3 / 7)
  for (const { score } of scored) assert.ok(score >= 0 && score <= 1)
})

test('a sentence is cited by its own section, and only headings above it speak for it', () => {
  const text = 'Spring\n\nThe hives wake up early here.\n\nHoney harvest\n\nWe took fifteen kilograms of it.'
  const sections = [
    { start: 0, page: 1, headings: ['Spring'] },
    { start: text.indexOf('Honey'), page: 2, headings: ['Honey harvest'] },
  ]
  const hit = searchHit(text, { page: 1, headings: ['Spring'], sections, start: 100 })
  const passages = [readPassage(hit), readPassage(searchHit('Another one.', { headings: ['Else'] }))]
  const scored = scoreByWords('honey', [{ text: 'honey', terms: ['honey'], idf: 1 }], passages)
  const scoreOf = (start: string) => scored.find((one) => one.text.startsWith(start))!
  assert.ok(scoreOf('We took').score > scoreOf('The hives').score)
  const chosen = [scoreOf('The hives'), scoreOf('We took')]
  const answer = composeAnswer(passages, chosen, { sources: 3, isFound: true, isPartial: false })
  assert.equal(
    answer.sources.map(({ number, page, headings }) => [number, page, headings]),
    [
      [1, 1, ['Spring']],
      [2, 2, ['Honey harvest']],
      [3, null, ['Else']],
    ],
  )
  assert.is(answer.text, 'The hives wake up early here. [1] We took fifteen kilograms of it. [2]')
  assert.is(answer.sentences[1]!.start, 100 + text.indexOf('We took'))
})

test('words that the best sentence lacks, with what is around it, are told', () => {
  const hit = searchHit('The boiler is old. The inverter was replaced in March 2023. It hums.', {
    title: 'House',
  })
  const passages = [readPassage(hit)]
  const words = ['boiler', 'replac', 'hous', 'pump'].map((term) => ({
    text: `${term}!`,
    terms: [term],
    idf: 1,
  }))
  const scored = scoreByWords('When?', words, passages).map((one, at) => ({
    ...one,
    score: at === 2 ? 0.9 : 0.5,
  }))
  assert.equal(wordsMissing(words, passages, scored), ['boiler!', 'pump!'])
  assert.equal(wordsMissing(words, passages, []), [])
})

test('line ends are spaces, but in source code they stay', () => {
  const text = 'def honey():  \n    return 41\n'
  const textOf = (mediaType: string) =>
    readPassage(searchHit(text, { record: documentRecord({ mediaType }) })).sentences.map((one) => one.text)
  assert.equal(textOf('text/x-source'), ['def honey():\n    return 41'])
  assert.equal(textOf('text/plain'), ['def honey(): return 41'])
})

test('fragments, questions and the title itself count for half', () => {
  const full = readPassage(searchHit('The moons of Mars are small and dark.'))
  const titled = readPassage(
    searchHit('The moons of Mars are small and dark.', { title: 'The moons of Mars are small and dark.' }),
  )
  const [one] = scoreByWords('moons', WORDS, [full])
  const [other] = scoreByWords('moons', WORDS, [titled])
  assert.is(other!.score, one!.score / 2)
})

test('a heading that stands as a sentence counts for half, and a passage further down for less', () => {
  const text = 'The moons of Mars today\n\nThe moons of Mars are small.'
  const passage = readPassage(searchHit(text, { headings: ['The moons of Mars today'] }))
  const [heading, below] = scoreByWords('moons', WORDS, [passage])
  assert.is(heading!.score, below!.score / 2)
  const same = [0, 1].map((chunk) => readPassage(searchHit('The moons of Mars are small.', { chunk })))
  const [first, second] = scoreByWords('moons', WORDS, same)
  assert.ok(first!.score > second!.score)
})

test('of two that come close the one of another passage is chosen', () => {
  const chosen = chooseSentences(
    [
      sentence({ score: 0.9, terms: new Set(['a']), text: 'best' }),
      sentence({ score: 0.82, terms: new Set(['b']), text: 'same passage', place: 1 }),
      sentence({ score: 0.8, terms: new Set(['c']), text: 'another', passage: 1 }),
    ],
    { limit: 2 },
  )
  assert.equal(
    chosen.map(({ text }) => text),
    ['best', 'another'],
  )
})

test('the cosine moves a score by its weight; a negative one counts as none', () => {
  const question = Float32Array.of(1, 0)
  const near = withCosine(sentence({}), Float32Array.of(1, 0), question)
  const far = withCosine(sentence({}), Float32Array.of(-1, 0), question)
  assert.ok(Math.abs(near.score - far.score - SENTENCE_WEIGHTS.cosine) < 1e-12)
  assert.is(far.score, (1 - SENTENCE_WEIGHTS.cosine) * 0.5)
})

test('what says the same is chosen once, and what is far from the best not at all', () => {
  const same = new Set(['a', 'b', 'c'])
  const chosen = chooseSentences(
    [
      sentence({ score: 0.9, terms: same, text: 'best' }),
      sentence({ score: 0.89, terms: new Set(same), text: 'again', passage: 1 }),
      sentence({ score: 0.8, terms: new Set(['d', 'e']), text: 'other', passage: 2 }),
      sentence({ score: 0.2, terms: new Set(['f']), text: 'weak', passage: 3 }),
    ],
    { limit: 5 },
  )
  assert.equal(
    chosen.map(({ text }) => text),
    ['best', 'other'],
  )
  assert.equal(chooseSentences([], { limit: 3 }), [])
})

test('likeness goes by vectors where both have one', () => {
  const a = sentence({ vector: Float32Array.of(0.6, 0.8) })
  const b = sentence({ vector: Float32Array.of(1, 0), terms: new Set(['y']) })
  assert.ok(Math.abs(likeness(a, b) - 0.6) < 1e-6)
  assert.is(likeness(a, sentence({})), 1)
})

test('any choice: no more than the limit, no sentence twice, sentences of a passage together and in order', () => {
  const given = fc.array(
    fc.record({
      passage: fc.nat(4),
      place: fc.nat(9),
      score: fc.double({ min: 0, max: 1, noNaN: true }),
      terms: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { minLength: 1 }),
    }),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(given, fc.integer({ min: 1, max: 5 }), (rows, limit) => {
      const sentences = rows.map((row) => sentence({ ...row, terms: new Set(row.terms) }))
      const chosen = chooseSentences(sentences, { limit })
      assert.ok(chosen.length <= limit && (rows.length === 0 || chosen.length >= 1))
      assert.is(new Set(chosen).size, chosen.length)
      const passages = chosen.map(({ passage }) => passage)
      assert.is(
        passages.filter((passage, index) => passage !== passages[index - 1]).length,
        new Set(passages).size,
      )
      for (const [index, one] of chosen.entries()) {
        const next = chosen[index + 1]
        if (next?.passage === one.passage) assert.ok(next.place >= one.place)
      }
      const best = Math.max(...rows.map(({ score }) => score))
      if (rows.length > 0) assert.ok(chosen.some(({ score }) => score === best))
    }),
  )
})

test('sources are numbered as they are cited, and places are of the document', () => {
  const hits = [
    searchHit('First one. Second one.', { start: 100, end: 122, record: documentRecord({ source: 'a.md' }) }),
    searchHit('Another text here.', { start: 7, record: documentRecord({ source: 'b.md', title: 'B' }) }),
    searchHit('Not cited.', { record: documentRecord({ source: 'c.md' }) }),
  ]
  const passages = hits.map(readPassage)
  const [first, second] = passages[0]!.sentences
  const chosen = [
    sentence({ ...passages[1]!.sentences[0]!, passage: 1, place: 0 }),
    sentence({ ...first!, passage: 0, place: 0 }),
    sentence({ ...second!, passage: 0, place: 1 }),
  ]
  const answer = composeAnswer(passages, chosen, { sources: 3, isFound: true, isPartial: false })
  assert.is(answer.text, 'Another text here. [1] First one. Second one. [2]')
  assert.equal(
    answer.sources.map(({ source, number }) => [source, number]),
    [
      ['b.md', 1],
      ['a.md', 2],
      ['c.md', 3],
    ],
  )
  assert.equal([answer.sentences[1]!.start, answer.sentences[1]!.end], [100, 110])
  assert.is(
    composeAnswer(passages, chosen, { sources: 1, isFound: true, isPartial: false }).sources.length,
    2,
  )
})

test('nothing found: no sentence, and what comes nearest', () => {
  const answer = composeAnswer([readPassage(searchHit('Something else.'))], [], {
    sources: 5,
    isFound: false,
    isPartial: false,
  })
  assert.is(answer.text, NOT_FOUND)
  assert.equal(answer.sentences, [])
  assert.is(answer.sources.length, 1)
})

test.run()
