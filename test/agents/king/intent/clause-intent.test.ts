/** The classifier of clauses: what it sees of one, what it learns, and how well it does on clauses that it was not trained on. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { featuresOf } from '../../../../node/agents/king/intent/clause-features.ts'
import { intentOf } from '../../../../node/agents/king/intent/clause-intent.ts'
import { sharesOf } from '../../../../node/agents/king/intent/linear-model.ts'
import { trainLinear } from '../../../../node/agents/king/intent/train-linear.ts'
import weights from '../../../../node/agents/king/intent/weights.json' with { type: 'json' }
import { planGoal } from '../../../../node/agents/king/plan-goal.ts'
import { GOALS_WORLD, KING_TOOLS, readWrittenGoals } from '../../../../scripts/bench/grade-plan.ts'
import { examplesIn, examplesOf, sha256Of, wholeClause } from '../../../../scripts/king/label-clauses.ts'

const lines = readFileSync(path.join(import.meta.dirname, '..', 'clauses.txt'), 'utf8')
const featuresIn = (text: string) => featuresOf(wholeClause(text))
const likeliest = (text: string): string => intentOf(wholeClause(text)).tool

test('names are taken out: what is learned of one holds for all', () => {
  assert.equal(featuresIn('shrink story-writer'), featuresIn('shrink town-llama'))
  assert.equal(featuresIn('open notes/a.md'), featuresIn('open notes/other-file.md'))
  assert.equal(featuresIn('stop job 7f3a'), featuresIn('stop job 90bd'))
  assert.not.equal(featuresIn('open notes/a.md'), featuresIn('open notes/a.csv'))
})

test('examples that can be told apart are, the same way each time; unknown features say nothing', () => {
  const examples = ['red rose', 'red poppy', 'blue sea', 'blue sky'].map((text) => ({
    label: text.startsWith('red') ? 'flower' : 'wide',
    features: text.split(' '),
  }))
  const init = { epochs: 10, rate: 0.3, penalty: 1e-4, minCount: 1 }
  const [one, other] = [trainLinear(examples, init), trainLinear(examples, init)]
  assert.equal([...one.rows.entries()], [...other.rows.entries()])
  const [flower, wide] = sharesOf(one, ['red', 'tulip'])
  assert.ok(flower! > 0.8)
  assert.ok(Math.abs(flower! + wide! - 1) < 1e-9)
  assert.equal([...sharesOf(one, ['never'])], [...sharesOf(one, [])])
})

test('written clauses: learned from four fifths, nearly all of the rest are right', () => {
  const examples = examplesIn(lines)
  const isLeftOut = (at: number) => at % 5 === 2
  const model = trainLinear(
    examples.filter((_, at) => !isLeftOut(at)),
    { epochs: 4, rate: 0.3, penalty: 2e-4, minCount: 2 },
  )
  const rest = examples.filter((_, at) => isLeftOut(at))
  const right = rest.filter(({ label, features }) => {
    const shares = sharesOf(model, features)
    return model.classes[shares.indexOf(Math.max(...shares))] === label
  })
  assert.ok(rest.length > 200)
  assert.ok(right.length >= rest.length * 0.7, `${right.length} of ${rest.length}`)
})

test('the weights that are shipped are those of the written clauses, and know every tool of King', () => {
  const written = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t') as [string, string])
  const right = written.filter(([tool, text]) => likeliest(text) === tool)
  assert.ok(right.length >= written.length * 0.97, `${right.length} of ${written.length}: npm run train-king`)
  assert.equal(
    [...new Set(written.map(([tool]) => tool))].filter((tool) => tool !== 'none').sort(),
    [...KING_TOOLS].sort(),
  )
})

test('the weights that are shipped were learned from the clauses and goals that are here', () => {
  const goals = readFileSync(path.join(import.meta.dirname, '..', 'goals.json'), 'utf8')
  assert.is(weights.dataSha256, sha256Of(lines, readWrittenGoals(goals)), 'npm run train-king')
})

test('steps are laid along the clauses of a goal; what is told has none', () => {
  const sequence = [['model_compress', 'model_compare'].map((tool) => ({ tool, arguments: {} }))]
  const goal = 'My phone is small. Shrink story-writer to 3 MB and see how much worse it got.'
  const model = trainLinear(examplesIn(lines), { epochs: 4, rate: 0.3, penalty: 2e-4, minCount: 2 })
  assert.equal(
    examplesOf([{ goal, sequences: sequence }], model).map(({ label }) => label),
    ['none', 'model_compress', 'model_compare'],
  )
  assert.equal(examplesOf([{ goal, sequences: sequence }], null), [])
})

test('a line without a tool is refused', () => {
  assert.throws(() => examplesIn('show me the jobs'), /a line is TOOL/)
})

test('what changes something by likeness alone waits for a yes, and a question never does', () => {
  const guessed = planGoal('Pop ~/club/rules into the handbook for me', KING_TOOLS, GOALS_WORLD)
  assert.equal(
    guessed.steps.map(({ tool, arguments: given }) => [tool, given.collection]),
    [['knowledge_index', 'handbook']],
  )
  assert.equal(guessed.unclear, ['Pop ~/club/rules into the handbook for me'])
  for (const question of ['Is it wise to shrink town-llama?', 'Would an index of ~/club help anybody?'])
    assert.equal(
      planGoal(question, KING_TOOLS, GOALS_WORLD).steps.map(({ tool }) => tool),
      ['knowledge_ask'],
      question,
    )
})

test('a question about a model of this node is not asked of the documents; one about others is', () => {
  const tools = (goal: string) => planGoal(goal, KING_TOOLS, GOALS_WORLD).steps.map(({ tool }) => tool)
  assert.equal(tools('Is encoder-int4 distinguishable from encoder?'), ['model_compare'])
  assert.equal(tools('Should I compress story-writer?'), ['knowledge_ask'])
})

test('one verb for things of several tools, and a question that the statement before it completes', () => {
  const calls = (goal: string) =>
    planGoal(goal, KING_TOOLS, GOALS_WORLD).steps.map(({ tool, arguments: given }) => [tool, given])
  assert.equal(calls('All evolution runs as a list please, plus the details of 0ab93f.'), [
    ['round_list', {}],
    ['round_show', { run: '0ab93f' }],
  ])
  assert.equal(calls('Only the encoders interest me. Which ones have we got?'), [
    ['model_list', { kind: 'encoder' }],
  ])
  assert.equal(calls('My son works in Lisbon. What time is it there?'), [
    ['time_now', { zone: 'Europe/Lisbon' }],
  ])
})

test('questions about other things stay with the documents', () => {
  for (const question of [
    'why is my node slow?',
    'what is a round?',
    'how many members does the beekeepers club have?',
    'should I merge a-lm and b-lm?',
    'who signed the lease of the mill?',
  ])
    assert.equal(
      planGoal(question, KING_TOOLS).steps.map(({ tool }) => tool),
      ['knowledge_ask'],
      question,
    )
})

test.run()
