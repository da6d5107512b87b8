import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { isWorthLearning, readStatement, relationOf } from '../../../node/agents/twin/subjects.ts'
import { readTwinWords } from '../../../node/agents/twin/twin-words.ts'

const test = suite('twin words')

test('what is to be remembered, forgotten or told is read from plain words', () => {
  const cases: readonly (readonly [string, object | null])[] = [
    ['Remember that I prefer metric units', { kind: 'remember', text: 'I prefer metric units' }],
    ['please remember: my sister is called Ada.', { kind: 'remember', text: 'my sister is called Ada.' }],
    ['Don’t forget that my car is red', { kind: 'remember', text: 'my car is red' }],
    ['Can you remember I am vegan', { kind: 'remember', text: 'I am vegan' }],
    ['Keep in mind that the server is frodo', { kind: 'remember', text: 'the server is frodo' }],
    ['forget that I live in Oslo', { kind: 'forget', about: 'I live in Oslo' }],
    ['Please forget about my sister.', { kind: 'forget', about: 'my sister' }],
    ['forget everything you know about me', { kind: 'forget-all' }],
    ['Erase all my memories', { kind: 'forget-all' }],
    ['What do you know about me?', { kind: 'recall', about: null }],
    ['do you remember my birthday?', { kind: 'recall', about: 'my birthday' }],
    ['remember when we met?', null],
    ['don’t forget to compress it', null],
    ['forget it', null],
    ['index this folder and tell me what it says', null],
    ['', null],
  ]
  for (const [said, wish] of cases) assert.equal(readTwinWords(said), wish, said)
})

test('no text makes the rules slow or throw', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 5000 }), (said) => {
      readTwinWords(`remember that ${said}`)
      readStatement(said)
      isWorthLearning(said)
    }),
  )
  // Each of these would take for ever under a rule that tries every split of its words.
  for (const said of [
    'please '.repeat(600),
    `forget ${'everything you '.repeat(250)}`,
    `I prefer ${'over to '.repeat(240)}`,
  ]) {
    readTwinWords(said)
    readStatement(said)
  }
})

test('a statement replaces what it contradicts, and stands beside the rest', () => {
  const cases = [
    ['I prefer metric units', 'I prefer imperial units', 'replaces'],
    ['prefers metric', 'prefers imperial', 'replaces'],
    ['I moved to Rome', 'I live in Bergen', 'replaces'],
    ['I do not like tea', 'I like tea', 'replaces'],
    ['I prefer tea over coffee', 'I prefer coffee to tea', 'replaces'],
    ['my cat is called Tom', 'my cat is called Jim', 'replaces'],
    ['Call me Al', 'my name is Albert', 'replaces'],
    ['Please answer in English', 'Always answer in German', 'replaces'],
    ['I want detailed answers', 'I like short answers', 'replaces'],
    ['I am vegetarian', 'I am vegan', 'replaces'],
    ['I live in Oslo.', 'i live in Oslo', 'same'],
    ['my dog is called Jim', 'my cat is called Jim', 'beside'],
    ['I like coffee', 'I like tea', 'beside'],
    ['I speak French', 'I speak German', 'beside'],
    ['I work at a bakery', 'I live in Oslo', 'beside'],
  ] as const
  for (const [added, known, relation] of cases)
    assert.is(relationOf(readStatement(added), readStatement(known)), relation, `${added} / ${known}`)
})

test('only lasting statements about the person are learned', () => {
  for (const said of ['I prefer dark mode', 'I live in Oslo', 'My wife is called Eva'])
    assert.ok(isWorthLearning(said), said)
  for (const said of [
    'I want to know the time',
    'What do I like?',
    'I need a list',
    'Compress it',
    'I am tired',
  ])
    assert.not.ok(isWorthLearning(said), said)
})

test.run()
