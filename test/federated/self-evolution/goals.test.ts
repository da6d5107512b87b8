/** The file of goals: what is read of it, and what is refused by name. */
import { readFileSync } from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readGoals } from '../../../node/federated/self-evolution/goals.ts'
import { throwsCode } from '../../helpers/throws.ts'

const test = suite('goals of self-evolution')

const GOAL = `
  - name: notes
    every: 1d12h
    target: {collection: notes}
    budget: {evaluations: 200, duration: 30m}
    alpha: 0.01
    evolve:
      workload: {kind: agent, judged: judged}
      strategy: cma-es
      population: 8
      limits: {generations: 5}
`
const file = (goals: string, budget = '{evaluations: 500, energy: 50 Wh}') =>
  `budget: ${budget}\ngoals:${goals}`

test('every key, with its unit', () => {
  const { budget, goals } = readGoals(file(GOAL))
  assert.equal(budget, { evaluations: 500, durationMs: null, joules: 180_000 })
  const [goal] = goals
  assert.is(goal!.everyMs, 36 * 3_600_000)
  assert.equal(goal!.target, { kind: 'collection', name: 'notes' })
  assert.equal(goal!.budget, { evaluations: 200, durationMs: 1_800_000, joules: null })
  assert.is(goal!.alpha, 0.01)
  assert.is(goal!.evolve.spec.population, 8)
  assert.equal(goal!.evolve.files, [{ at: ['judged'], path: 'judged' }])
})

test('the example of the documentation is read', () => {
  const example = new URL('../../../docs/examples/self-evolution.yaml', import.meta.url)
  const { goals } = readGoals(readFileSync(example, 'utf8'))
  assert.equal(
    goals.map(({ target }) => target.kind),
    ['collection', 'model'],
  )
})

const change = (from: string, to: string) => file(GOAL.replace(from, to))
const REFUSED: readonly (readonly [what: string, text: string, says: RegExp])[] = [
  ['an unknown key', change('every:', 'evry:'), /evry.*did you mean "every"/],
  ['an unknown key of a run', change('strategy:', 'stratgy:'), /stratgy.*did you mean "strategy"/],
  ['no limit of a day', file(GOAL, '{}'), /must limit a day/],
  ['a number without its unit', change('1d12h', '36'), /every.*unit/],
  ['an interval of no time', change('1d12h', '1s'), /every.*1m/],
  [
    'two targets',
    change('{collection: notes}', '{collection: notes, model: x}'),
    /one collection or one model/,
  ],
  [
    'a workload that is about something else',
    change('{collection: notes}', '{model: x}'),
    /merge or perturbation/,
  ],
  ['what would be published beside the target', change('population: 8', 'publish: x'), /publish.*left out/],
  ['an alpha of nothing', change('0.01', '0'), /alpha/],
  [
    'two goals of one name',
    file(GOAL + GOAL.replace('{collection: notes}', '{collection: b}')),
    /name "notes"/,
  ],
  ['two goals for one target', file(GOAL + GOAL.replace('name: notes', 'name: b')), /Two goals would change/],
  ['a name that is no name', change('name: notes', 'name: My Notes'), /small letters/],
  ['no goals', file(' []'), /list of 1/],
]

for (const [what, text, says] of REFUSED)
  test(`${what} is refused`, () => {
    const { message } = throwsCode(() => readGoals(text), 'SELF_EVOLUTION_GOALS_INVALID')
    assert.match(message, says)
  })

test.run()
