import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { answerFit } from '../../../../node/agents/rag/answers/answer-fit.ts'
import { answerType, hasAnswerOf } from '../../../../node/agents/rag/answers/answer-type.ts'
import { isFunctionWord, matterOf } from '../../../../node/agents/rag/answers/function-words.ts'
import { coverage, questionWords } from '../../../../node/agents/rag/answers/question-words.ts'
import { queryTerm, searchAnswer } from '../../../helpers/search-hits.ts'

const test = suite('questions')

test('the words that a question is about, with how rare they are', () => {
  const words = questionWords(
    'How many moons does the planet Mars have?',
    ['en'],
    searchAnswer({
      terms: [queryTerm('moon', 3), queryTerm('planet', 1), queryTerm('mar', 5), queryTerm('how', 9)],
    }),
  )
  assert.equal(
    words.map(({ terms, idf }) => [terms[0], idf]),
    [
      ['moon', 3],
      ['planet', 1],
      ['mar', 5],
    ],
  )
  const share = coverage(words, ({ terms }) => (terms.includes('mar') ? 1 : 0))
  assert.is(share, 5 / 9)
})

test('a question of function words alone keeps them, and one without words is empty', () => {
  assert.ok(questionWords('who is who', ['en'], searchAnswer()).length > 0)
  assert.equal(questionWords('?!', ['en'], searchAnswer()), [])
  assert.is(
    coverage([], () => 1),
    0,
  )
})

test('a word is as rare as its most common stem, and one that occurs nowhere is the rarest', () => {
  const terms = [queryTerm('häus', 2), queryTerm('haus', 7)]
  const words = questionWords('Häuser quagga', ['de'], searchAnswer({ terms, chunks: 1000 }))
  assert.is(
    words[0]!.idf,
    Math.min(...terms.filter(({ term }) => words[0]!.terms.includes(term)).map(({ idf }) => idf)),
  )
  assert.is(words[1]!.idf, Math.log(1 + 1000.5 / 0.5))
})

test('without statistics all words weigh the same', () => {
  const words = questionWords('quagga zebra', ['en'], searchAnswer({ terms: [] }))
  assert.equal(
    words.map(({ idf }) => idf),
    [1, 1],
  )
})

test('function words go by the languages; without a known one English counts', () => {
  assert.ok(isFunctionWord('wieviel', ['de']))
  assert.not.ok(isFunctionWord('wieviel', ['en']))
  assert.ok(isFunctionWord('what', []))
  assert.ok(isFunctionWord('what', ['zz']))
  assert.ok(isFunctionWord('was', ['de', 'en']))
})

test('what kind of answer is asked for', () => {
  const types: [string, string | null][] = [
    ['Who wrote the letter?', 'person'],
    ['When was the bridge opened?', 'time'],
    ['In which year did it end?', 'time'],
    ['How many moons are there?', 'number'],
    ['How old is the tree?', 'number'],
    ['Where does the river rise?', 'place'],
    ['Wie viele Monde hat der Mars?', 'number'],
    ['Où est la gare ?', 'place'],
    ['¿Quién escribió la carta?', 'person'],
    ['What is a glacier?', null],
    ['Explain the whole process', null],
  ]
  for (const [question, type] of types) assert.is(answerType(question), type, question)
})

test('whether a sentence has such an answer', () => {
  assert.ok(hasAnswerOf('person', 'It was written by Ada Lovelace in London.'))
  assert.not.ok(hasAnswerOf('person', 'It was written by somebody else.'))
  assert.ok(hasAnswerOf('time', 'The bridge opened in 1894.'))
  assert.not.ok(hasAnswerOf('time', 'The bridge is 12 metres high.'))
  assert.ok(hasAnswerOf('number', 'It has two towers.'))
  assert.not.ok(hasAnswerOf('number', 'It has towers.'))
  assert.ok(hasAnswerOf('place', 'The river rises in the Alps.'))
  assert.not.ok(hasAnswerOf('place', 'The river rises slowly.'))
})

test('what has the form of an answer fits better, by what is asked', () => {
  const better = (question: string, one: string, other: string) => {
    const fit = answerFit(question)
    assert.ok(fit(one) > fit(other), `${question}: ${fit(one)}, ${fit(other)}`)
  }
  better('How large may a block be?', 'No block is larger than 2 MiB.', 'Since version 2 there are blocks.')
  better('What is the deadline of a search?', 'It ends after 30 s.', 'It ends with 3 answers.')
  better('What is the deadline of a search?', 'It ends with 3 answers.', 'It ends.')
  better('How often is rubbish collected?', 'It goes every second Wednesday.', 'It goes before six.')
  better('Why was the line closed?', 'It was closed because few used it.', 'It was closed by the county.')
  better('When is a model unloaded?', 'It goes after a while without requests.', 'A model is unloaded.')
  better('When was the bridge built?', 'It was built in 1894.', 'It was built after the flood.')
  better('Which file holds the key?', 'The key is in identity.key.', 'The key is kept.')
  better('Where is the key kept?', 'It is in keys/node.pem.', 'It is kept well.')
  for (const question of ['Who may erase a memory?', 'What is a glacier?', ''])
    assert.is(answerFit(question)('whatever'), 1, question)
})

test('the matter of a question is what is left of it, in the language that it is asked in', () => {
  assert.is(
    matterOf('How do I put back the version before the present one?'),
    'put back version before present',
  )
  assert.is(matterOf('Wie hoch ist der Turm?'), 'hoch Turm')
  assert.is(matterOf('mill weir zeppelin'), 'mill weir zeppelin')
  assert.is(matterOf('Who is who?'), 'Who is who?')
  assert.is(matterOf('駅はどこですか？'), '駅はどこですか？')
  assert.is(matterOf(''), '')
})

test.run()
