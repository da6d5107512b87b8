/** What the confidence rests on, on passages made for it, and that the judged questions of the docs are still what they say. */
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  confidenceOf,
  EVIDENCE_NAMES,
  type Evidence,
  evidenceOf,
} from '../../../../node/agents/rag/answers/confidence.ts'
import { CONFIDENCE_THRESHOLD } from '../../../../node/agents/rag/answers/confidence-model.ts'
import { fuseHits, gatherPassages } from '../../../../node/agents/rag/answers/gather-passages.ts'
import { isInterrogative } from '../../../../node/agents/rag/answers/interrogative.ts'
import { questionWords } from '../../../../node/agents/rag/answers/question-words.ts'
import { readPassage } from '../../../../node/agents/rag/answers/read-passages.ts'
import type { SearchAnswer } from '../../../../node/agents/rag/query/search-answer.ts'
import { docsPages, docsQuestions, holdsAnswer } from '../../../../scripts/bench/docs-collection.ts'
import { queryTerm, searchAnswer, searchHit } from '../../../helpers/search-hits.ts'

const test = suite('confidence')
const signal = new AbortController().signal

function evidence(question: string, texts: readonly string[], found: Partial<SearchAnswer> = {}): Evidence {
  const hits = texts.map((text, chunk) => searchHit(text, { chunk, lexical: texts.length - chunk }))
  const answer = searchAnswer({ hits, ...found })
  const words = questionWords(question, ['en'], answer)
  return evidenceOf({ question, words, passages: hits.map(readPassage), found: answer })
}

test('covering the words raises it, lacking one lowers it, and a question more than a statement', () => {
  const p = (question: string, text: string) => confidenceOf(evidence(question, [text]))
  const question = 'When was the mill by the river rebuilt?'
  const all = p(question, 'The mill by the river was rebuilt in 1903.')
  const some = p(question, 'The mill by the river is old.')
  const none = p(question, 'Honey is pressed in August.')
  assert.ok(all > CONFIDENCE_THRESHOLD && all > some && some > none && none < CONFIDENCE_THRESHOLD)
  const asked = evidence(question, ['The mill by the river is old.'])
  const said = evidence('The mill by the river was rebuilt', ['The mill by the river is old.'])
  assert.equal([asked.question, said.question], [1, 0])
  assert.is(said.questionLack, 0)
  assert.ok(asked.questionLack > 0)
})

test('words that stand in several passages of one document count beside those of the best', () => {
  const texts = ['The mill is old.', 'The weir is new.']
  const of = (documents: readonly [string, string]) => {
    const hits = texts.map((text, chunk) => searchHit(text, { chunk, document: documents[chunk]! }))
    const found = searchAnswer({ hits })
    const words = questionWords('mill weir', ['en'], found)
    return evidenceOf({ question: 'mill weir', words, passages: hits.map(readPassage), found }).together
  }
  assert.is(of(['a', 'a']), 0.5)
  assert.is(of(['a', 'b']), 0)
})

test('how large something is asked to be, or whether it fits, need not stand in what answers', () => {
  const text = 'No block of an artifact is over 2 MiB.'
  assert.is(evidence('How large may a block of an artifact be?', [text]).lack, 0)
  assert.ok(evidence('Is a large block of an artifact kept?', [text]).lack > 0)
})

test('in a collection of one document its words are not worthless', () => {
  const terms = ['mill', 'river', 'zeppelin'].map((term, index) => ({
    ...queryTerm(term, index === 2 ? 1.4 : 0.29),
    documentFrequency: index === 2 ? 0 : 1,
  }))
  const { lowCoverage, lack } = evidence('mill river zeppelin', ['The mill at the river.'], {
    terms,
    chunks: 1,
  })
  // Two of three words, about; by the statistics of one passage it would be three tenths.
  assert.is(lowCoverage, 0.5)
  assert.ok(lack * Math.log(5) < 0.4, String(lack))
})

test('whatever was found: every share is one, and the confidence a probability', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.constantFrom('mill river', 'the who', ''),
  )
  fc.assert(
    fc.property(
      fc.string({ maxLength: 60 }),
      fc.array(text, { minLength: 1, maxLength: 12 }),
      (question, texts) => {
        const given = evidence(question, texts)
        for (const name of EVIDENCE_NAMES) assert.ok(given[name] >= 0 && given[name] <= 1.5, name)
        const p = confidenceOf(given)
        assert.ok(p > 0 && p < 1)
      },
    ),
    { numRuns: 100 },
  )
})

test('questions are known by their mark or their first words, in eight languages', () => {
  for (const question of [
    'x?',
    'who is it',
    'At what hour',
    'Wie hoch ist der Turm',
    'quand',
    'どこ？',
    'где она',
  ])
    assert.ok(isInterrogative(question), question)
  for (const other of ['', 'heat transfer', 'The mill was rebuilt.', 'Vitamin C prevents scurvy'])
    assert.not.ok(isInterrogative(other), other)
})

test('lists become one by their ranks, a document no more often than it may', () => {
  const hit = (chunk: number, document = `d${chunk}`) => searchHit('x', { chunk, document })
  const order = (lists: Parameters<typeof fuseHits>[0], perDocument = 9) =>
    fuseHits(lists, { limit: 3, perDocument }).map(({ chunk }) => chunk)
  assert.equal(
    order([
      [hit(1), hit(2)],
      [hit(2), hit(3)],
    ]),
    [2, 1, 3],
  )
  assert.equal(order([[hit(1), hit(2), hit(3), hit(4)]]), [1, 2, 3])
  assert.equal(order([[hit(1, 'a'), hit(2, 'a'), hit(3, 'b')]], 1), [1, 3])
})

test('a second round looks for the words that the best passages lack and the collections have', async () => {
  const queries: string[] = []
  const terms = [
    { ...queryTerm('mill', 2), documentFrequency: 3 },
    { ...queryTerm('weir', 5), documentFrequency: 1 },
    { ...queryTerm('zeppelin', 7), documentFrequency: 0 },
  ]
  const knowledge = {
    async search({ text, feedback }: { text: string; feedback?: boolean }) {
      queries.push(`${text}${feedback === true ? ' +' : ''}`)
      const isFirst = queries.length === 1
      const hits = [searchHit(isFirst ? 'The mill is old.' : 'The weir is new.', { chunk: isFirst ? 1 : 2 })]
      return searchAnswer({ hits, terms, chunks: 2_000 })
    },
  }
  const scope = { perDocument: 2, limit: 10 }
  const given = await gatherPassages(
    { knowledge },
    { question: 'mill weir zeppelin', queries: [], scope },
    signal,
  )
  assert.equal(queries, ['mill weir zeppelin', 'mill weir zeppelin weir +'])
  assert.equal(given.own.length, 1)
  assert.equal(
    given.passages.map(({ hit }) => hit.chunk),
    [1, 2],
  )
  queries.length = 0
  await gatherPassages({ knowledge }, { question: 'Where is the mill?', queries: [], scope }, signal)
  assert.equal(queries, ['Where is the mill?', 'mill'])
  queries.length = 0
  const whole = await gatherPassages({ knowledge }, { question: 'mill', queries: ['weir'], scope }, signal)
  assert.equal(queries, ['mill', 'weir'])
  assert.equal(whole.queries, ['mill', 'weir'])
})

test('confidence is of few passages of a document, whatever more is read for the answer', async () => {
  const hits = [0, 1, 2, 3, 4].map((chunk) => searchHit(`The mill, part ${chunk}.`, { chunk, document: 'a' }))
  const knowledge = { search: async () => searchAnswer({ hits, chunks: 2_000 }) }
  const scope = { perDocument: 4, limit: 20 }
  const { own, passages } = await gatherPassages(
    { knowledge },
    { question: 'mill', queries: [], scope },
    signal,
  )
  assert.equal([own.length, passages.length], [2, 4])
})

test('judged questions of the docs: enough of each kind, in halves, and each answer stands in a passage', () => {
  const questions = docsQuestions()
  const passages = docsPages().flatMap(({ source, chunks }) => chunks.map(({ text }) => ({ source, text })))
  const of = (kind: string) => questions.filter((one) => one.kind === kind)
  assert.ok(of('answered').length >= 60 && of('near miss').length >= 30 && of('other subject').length >= 30)
  for (const kind of ['answered', 'near miss', 'other subject']) {
    const held = of(kind).filter(({ split }) => split === 'held-out').length
    assert.ok(Math.abs(held - of(kind).length / 2) <= 2, kind)
  }
  for (const { question, answer = '', sources = [] } of of('answered'))
    assert.ok(
      passages.some(({ source, text }) => sources.includes(source) && holdsAnswer(text, answer)),
      `no passage of ${sources.join(', ')} answers "${question}" any more: mend docs-questions.json`,
    )
})

test.run()
