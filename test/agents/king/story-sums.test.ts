/** Sums that are told as stories, numbers that later steps take from texts, and conditions on what a list has. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { planGoal } from '../../../node/agents/king/plan-goal.ts'
import {
  figureIn,
  resolveArguments,
  restsOn,
  type StepResult,
  whyNot,
} from '../../../node/agents/king/step-results.ts'
import { storySum } from '../../../node/agents/king/story-sums.ts'
import { calculates } from '../../../node/agents/magi/arithmetic-words.ts'
import { parseExpression } from '../../../node/agents/magi/calculate/parse.ts'
import { GOALS_WORLD, KING_TOOLS } from '../../../scripts/bench/grade-plan.ts'

const sums = suite('Sums that are told')

sums('every number of a story has its part in the sum', () => {
  const stories: readonly (readonly [story: string, sum: string])[] = [
    [
      'Six of us had dinner for 187.40 and want to leave 12% on top. What does each of us owe?',
      '187.40 * (1 + 12%) / 6',
    ],
    ['A coat costs 120 and is 25% off. What do I pay?', '120 * (1 - 25%)'],
    ['I have 500 euros and spend 130 and 45. How much is left?', '500 - 130 - 45'],
    ['My car uses 6.5 litres per 100 km. How much petrol do I need for 420 km?', '6.5 / 100 * 420'],
    ['The recipe is for 4 people and needs 300 g of flour. How much do I need for 10?', '300 / 4 * 10'],
    ['A 2.5 kg bag of flour makes 5 loaves. How many loaves do I get from 10 kg?', '5 / 2.5 * 10'],
    ['My bill went from 80 to 92. By how many percent did it rise?', '(92 - 80) / 80 * 100'],
    ['A room is 4.2 by 3.5 metres. How many square metres is that?', '4.2 * 3.5'],
    ['How long does it take to read 420 pages at 35 pages an hour?', '420 / 35'],
  ]
  for (const [story, sum] of stories) {
    assert.is(storySum(story), sum)
    parseExpression(sum)
  }
})

sums('what leaves a number over, or asks nothing, is no sum', () => {
  for (const text of [
    'How many members does the club have in 2024?',
    'What does the handbook say about 3 guests staying 14 nights?',
    'I have 500 euros and spend 130.',
    'Our house was built in 1987 for 4 people. Who built it?',
  ])
    assert.is(storySum(text), null, text)
  assert.is(calculates('What is 17% of 300?') === null, false)
})

sums.run()

const found = suite('Numbers that steps find')
const done = (content: StepResult['result'] & object): StepResult => ({
  state: 'done',
  summary: '',
  result: content,
})

found('the first number of a text is its figure; marks of sources, dates and names are none', () => {
  assert.is(figureIn('In 2 [1] loaves.'), '2')
  assert.is(figureIn('[1] The loaf of 2024-05-01 takes 1,250.5 g of flour.'), '1250.5')
  assert.is(figureIn('See village-4 at 10:30 [2].'), null)
})

found('a text of parts is put together from results, and rests on their steps', () => {
  const given = { expression: { $text: ['7 * ', { $from: 1, field: 'figure' }] } }
  const results = new Map([[1, done({ content: { text: 'It takes 500 g [1].' }, trust: 'untrusted' })]])
  assert.equal(resolveArguments(given, results), { arguments: { expression: '7 * 500' } })
  const [, step] = planGoal(
    'Look up in recipes how much flour the seeded loaf takes and tell me how much I need for seven of them.',
    KING_TOOLS,
    GOALS_WORLD,
  ).steps
  assert.equal(step?.arguments, given)
  assert.equal(restsOn(step!), [1])
  const none = new Map([[1, done({ content: { text: 'It does not say.' }, trust: 'untrusted' })]])
  assert.match(JSON.stringify(resolveArguments(given, none)), /gave no figure/)
})

found('a step waits for a name in a list', () => {
  const { steps } = planGoal(
    "If I don't have a model called tiny-poet yet, pull lakeside/tiny-poet",
    KING_TOOLS,
  )
  assert.equal(
    steps.map(({ tool }) => tool),
    ['model_list', 'model_pull'],
  )
  const has = (id: string) => new Map([[1, done({ content: { models: [{ id }] }, trust: 'own' })]])
  assert.is(whyNot(steps[1]!.when, has('other')), null)
  assert.match(whyNot(steps[1]!.when, has('tiny-poet')) ?? '', /is there/)
})

found('both cases of a condition rest on the same step, and `if not` alone on what was asked before', () => {
  const when = (goal: string) => planGoal(goal, KING_TOOLS).steps.map((step) => step.when)
  const [, kept, lost] = when('Compress a-lm, and if it keeps 95 % evaluate it; if not, use int8.')
  assert.equal([kept?.step, lost?.step], [1, 1])
  assert.not.equal(kept, lost)
  assert.equal(when('Is job 7e7e still going? If not, train a-lm on ~/a.txt.').at(-1), {
    kind: 'job',
    step: 1,
    is: 'ended',
  })
  assert.equal(when('If not, compress a-lm.'), [])
})

found('no need to do it is no order', () => {
  const { steps } = planGoal('No need to compress anything, just list my models.', KING_TOOLS)
  assert.equal(
    steps.map(({ tool }) => tool),
    ['model_list'],
  )
})

found.run()
