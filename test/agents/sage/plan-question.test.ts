import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { resolveFollowUp, topicOf } from '../../../node/agents/sage/follow-up.ts'
import { planQuestion, withoutPoliteness } from '../../../node/agents/sage/plan-question.ts'

const test = suite('sage: plan of a question')
const asked = (text: string, former: string[] = []) =>
  planQuestion(text, former).map(({ question }) => question)

test('politeness goes, the question stays', () => {
  for (const text of [
    'Hi, could you please tell me when the mill was built?',
    'Please tell me when the mill was built, thanks!',
    "I'd like to know when the mill was built please",
    'Do you know when the mill was built?',
    'I wonder when the mill was built',
  ])
    assert.match(withoutPoliteness(text), /^when the mill was built\??$/, text)
  assert.is(withoutPoliteness('please'), 'please')
  assert.is(withoutPoliteness('Thanks'), 'Thanks')
})

test('several questions are parts, each with what it is about', () => {
  assert.equal(asked('When was the viaduct built and who designed it?'), [
    'When was the viaduct built?',
    'who designed the viaduct?',
  ])
  assert.equal(asked('Who runs the bakery? When does it open?'), [
    'Who runs the bakery?',
    'When does the bakery open?',
  ])
  assert.equal(asked('What are salt and pepper made of?'), ['What are salt and pepper made of?'])
  assert.equal(asked('Tell the story of the mill and what it was.'), [
    'Tell the story of the mill and what it was.',
  ])
  assert.is(asked('What is a? What is b? What is c? What is d? What is e? What is f?').length, 4)
})

test('both sides of a comparison, and quoted phrases, are searched as well', () => {
  const queries = (text: string) => planQuestion(text)[0]!.queries
  assert.equal(queries('What is the difference between the ferry and the railway?'), [
    'the ferry',
    'the railway',
  ])
  assert.equal(queries('Compare int4 with seedlm'), ['int4', 'seedlm'])
  assert.equal(queries('Is the lighthouse older than the hospital?'), ['the lighthouse', 'the hospital'])
  assert.equal(queries('Which is longer, the Linnet or the Orwell?'), ['the Linnet', 'the Orwell'])
  assert.equal(queries('Who said "the stairs have 164 steps" first?'), ['the stairs have 164 steps'])
  assert.equal(queries('When was the mill built?'), [])
})

test('a follow-up is asked as it would be alone', () => {
  const former = ['When was the lighthouse at Carrow Point built?']
  assert.is(topicOf(former[0]!), 'lighthouse at Carrow Point')
  assert.is(resolveFollowUp('How high is it?', former), 'How high is the lighthouse at Carrow Point?')
  assert.is(resolveFollowUp('What is its range?', former), "What is the lighthouse at Carrow Point's range?")
  assert.is(resolveFollowUp('What about the viaduct at Pell?', former), 'When was the viaduct at Pell built?')
  assert.is(
    resolveFollowUp('And in winter?', former),
    'When was the lighthouse at Carrow Point built in winter?',
  )
  assert.is(
    resolveFollowUp('Is it possible to swim in the river?', former),
    'Is it possible to swim in the river?',
  )
  assert.is(resolveFollowUp('Who runs the bakery?', former), 'Who runs the bakery?')
  assert.is(resolveFollowUp('How high is it?', []), 'How high is it?')
  assert.equal(
    asked('How many steps does it have?', ['Tell me about the lighthouse', 'Who was its first keeper?']),
    ['How many steps does the lighthouse have?'],
  )
})

test('whatever is asked, after whatever: bounded, at least one part, in little time', () => {
  const pieces = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        ' and when ',
        '? ',
        '; ',
        ' it ',
        '"',
        ' or ',
        ', ',
        ' between ',
        'please ',
        'tell me ',
        ' than ',
      ),
    ),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(pieces, fc.array(pieces, { maxLength: 4 }), (parts, former) => {
      const text = parts.join('')
      const plan = planQuestion(
        text,
        former.map((one) => one.join('')),
      )
      assert.ok(plan.length >= 1 && plan.length <= 4)
      for (const { queries } of plan)
        assert.ok(queries.length <= 3 && queries.every((query) => query.length <= 200))
    }),
    { numRuns: 200 },
  )
  // An expression that backtracks without end would never come to the last of these.
  for (const long of [
    'a'.repeat(2_000),
    ' or '.repeat(500),
    'it '.repeat(700),
    '"'.repeat(2_000),
    'x, '.repeat(600),
    'is a er '.repeat(250),
  ])
    assert.ok(planQuestion(long, [long, long]).length >= 1)
})

test.run()
