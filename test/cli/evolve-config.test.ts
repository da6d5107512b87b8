/** The configuration of `village evolve`: what it becomes, and what is refused with which hint. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readEvolveConfig, withValueAt } from '../../node/evolve-config.ts'
import { parseRunSpec } from '../../node/federated/rounds/spec-check.ts'
import { throwsCode } from '../helpers/throws.ts'

const test = suite('the configuration of village evolve')

const CID = `b${'a'.repeat(58)}`
const WHOLE = `
name: specialists
workload:
  kind: merge
  parents: [one, two, three]
  base: zero
  tasks:
    - data: sums.jsonl
      weight: 2
    - data: ../words.jsonl
    - data: ${CID}
strategy:
  name: cma-es
  step: 0.3
seed: 7
population: 16
limits:
  generations: 20
  evaluations: 200
  duration: 1h30m
  energy: 1.5 kWh
  plateau: 5
  minGain: 0.002
minimum: 3
scorers: 2
committee: 5
deadlines:
  propose: 5s
  commit: 250ms
publish: better-lm
`

test('every key, in the units that people write', () => {
  const { spec, files } = readEvolveConfig(WHOLE, 'file')
  const parsed = parseRunSpec(spec)
  assert.is(parsed.name, 'specialists')
  assert.is(parsed.workload.kind, 'merge')
  assert.equal(parsed.workload.options.parents, ['one', 'two', 'three'])
  assert.equal(parsed.strategy, { name: 'cma-es', options: { step: 0.3 } })
  assert.equal(
    [parsed.seed, parsed.population, parsed.minimum, parsed.scorers, parsed.committee],
    [7, 16, 3, 2, 5],
  )
  assert.equal(parsed.limits, {
    generations: 20,
    evaluations: 200,
    durationMs: 5_400_000,
    joules: 5_400_000,
    plateau: 5,
    minGain: 0.002,
  })
  assert.is(parsed.deadlines.proposeMs, 5_000)
  assert.is(parsed.deadlines.commitMs, 250)
  assert.equal(parsed.publish, { id: 'better-lm' })
  assert.equal(files, [
    { at: ['tasks', 0, 'data'], path: 'sums.jsonl' },
    { at: ['tasks', 1, 'data'], path: '../words.jsonl' },
  ])
})

test('only a winner that is better becomes a model, unless the configuration says otherwise', () => {
  const publishOf = (text: string) =>
    parseRunSpec(readEvolveConfig(`workload: {kind: agent}\n${text}`, 'x').spec).publish
  assert.equal(publishOf('publish: a'), { id: 'a' })
  assert.equal(publishOf('publish: a\npublishOnly: better'), { id: 'a' })
  assert.equal(publishOf('publish: a\npublishOnly: always'), { id: 'a', always: true })
})

test('a short one gets the defaults; JSON is YAML', () => {
  const short = readEvolveConfig('workload: {kind: merge, parents: [a, b]}', 'my-file')
  const parsed = parseRunSpec(short.spec)
  assert.is(parsed.name, 'my-file')
  assert.is(parsed.strategy.name, 'tournament')
  assert.is(parsed.publish, null)
  assert.is(parsed.limits.durationMs, null)
  assert.equal(readEvolveConfig('{"workload": {"kind": "merge", "parents": ["a", "b"]}}', 'my-file'), short)
  const named = readEvolveConfig('{workload: {kind: agent}, strategy: nsga2}', 'x')
  assert.equal(named.spec.strategy, { name: 'nsga2', options: {} })
})

const REFUSED: readonly [text: string, field: string, hint: RegExp][] = [
  ['workload: {kind: merge}\npopulaton: 3', 'populaton', /did you mean "population"/],
  ['workload: {kind: merge}\nlimits: {generation: 3}', 'limits.generation', /did you mean "generations"/],
  ['workload: {kind: merge}\nlimits: {duration: 90}', 'limits.duration', /a number with a unit \(ms, s/],
  ['workload: {kind: merge}\nlimits: {duration: 3 weeks}', 'limits.duration', /unit/],
  ['workload: {kind: merge}\nlimits: {energy: 3h}', 'limits.energy', /unit \(J, kJ/],
  ['workload: {kind: merge}\ndeadlines: {comit: 3s}', 'deadlines.comit', /did you mean "commit"/],
  ['workload: {kind: merge}\ndeadlines: [1]', 'deadlines', /keys of its own/],
  ['workload: {parents: [a]}', 'workload.kind', /must be named/],
  ['name: x', 'workload.kind', /must be named/],
  ['workload: {kind: merge}\npublish: [a]', 'publish', /the id that the winner gets/],
  ['workload: {kind: merge}\npublish: a\npublishOnly: worse', 'publishOnly', /one of better, always/],
  ['workload: {kind: merge}\npublishOnly: always', 'publishOnly', /which is not there/],
  ['workload: {kind: merge}\nworkload: {kind: agent}', '', /not YAML/],
  ['- a\n- b', '', /must have keys/],
  ['', '', /must have keys/],
  ['a: &x [1]\nb: *x', '', /aliases/],
  ['a: {b: [', '', /not YAML/],
  [`name: ${'x'.repeat(70_000)}`, '', /at most/],
]
for (const [text, field, hint] of REFUSED)
  test(`refused: ${text.slice(0, 60).replaceAll('\n', ' / ')}`, () => {
    const error = throwsCode(() => readEvolveConfig(text, 'x'), 'EVOLVE_CONFIG_INVALID')
    assert.match(error.message, hint)
    assert.is(error.fields.field, field)
  })

test('a value is replaced at its place, and nothing else is', () => {
  const before = { tasks: [{ data: 'a' }, { data: 'b', weight: 1 }], x: 1 }
  assert.equal(withValueAt(before, ['tasks', 1, 'data'], 'c'), {
    tasks: [{ data: 'a' }, { data: 'c', weight: 1 }],
    x: 1,
  })
  assert.is(before.tasks[1]!.data, 'b')
})

test.run()
