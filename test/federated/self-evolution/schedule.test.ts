/** Which goal runs when: intervals, pauses, failures, the budget of a day. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { parseRunSpec } from '../../../node/federated/rounds/spec-check.ts'
import { isSpent, leftFor, withinBudget } from '../../../node/federated/self-evolution/day-budget.ts'
import {
  begun,
  charged,
  concluded,
  dayOf,
  type GoalRecord,
  newRecord,
  type RunningGoal,
} from '../../../node/federated/self-evolution/goal-record.ts'
import { type Goals, readGoals } from '../../../node/federated/self-evolution/goals.ts'
import { dueGoals, nextAtMs, retryAfterMs } from '../../../node/federated/self-evolution/schedule.ts'

const test = suite('schedule of self-evolution')

const HOUR_MS = 3_600_000
const NOON = Date.UTC(2026, 4, 3, 12)
const goalText = (name: string, every: string, budget = '{}') => `
  - name: ${name}
    every: ${every}
    target: {collection: of-${name}}
    budget: ${budget}
    evolve: {workload: {kind: agent, judged: judged}, population: 10, limits: {generations: 4}}
`
const GOALS: Goals = readGoals(
  `budget: {evaluations: 100, duration: 5h}\ngoals:${goalText('one', '6h')}${goalText('two', '1d', '{evaluations: 30}')}`,
)
const [ONE, TWO] = GOALS.goals as [Goals['goals'][number], Goals['goals'][number]]
const running = (startedAtMs: number): RunningGoal => ({
  ...{ name: 'x', run: 'ab', startedAtMs, version: 1, present: {}, alpha: 0.05 },
  atMost: { evaluations: 40, durationMs: 0, joules: 0 },
})
/** Begun and ended, with what it has spent. */
function ran(
  record: GoalRecord,
  init: { atMs: number; evaluations: number; outcome?: 'kept' | 'failed' },
): GoalRecord {
  const { atMs, evaluations, outcome = 'kept' } = init
  const spent = { day: dayOf(atMs), evaluations, durationMs: 60_000, joules: 1 }
  const verdict = { outcome, reason: 'x', look: null }
  return concluded(charged(begun(record, running(atMs)), spent), verdict, { atMs: atMs + 60_000, run: 'ab' })
}
const record = ({ name, target }: Goals['goals'][number]) => newRecord(name, target)
const mapOf = (...records: GoalRecord[]) => new Map(records.map((one) => [one.goal, one]))
const names = (records: ReadonlyMap<string, GoalRecord>, nowMs: number, isAccepting = true) =>
  dueGoals(GOALS, records, nowMs, isAccepting).map(({ name }) => name)

test('a goal that never ran is due, and then after its interval; the one that waits longest comes first', () => {
  assert.equal(names(new Map(), NOON), ['one', 'two'])
  const both = mapOf(
    ran(record(ONE), { atMs: NOON - 7 * HOUR_MS, evaluations: 1 }),
    ran(record(TWO), { atMs: NOON - 40 * HOUR_MS, evaluations: 1 }),
  )
  assert.equal(names(both, NOON), ['two', 'one'])
  assert.equal(names(mapOf(ran(record(ONE), { atMs: NOON, evaluations: 1 })), NOON + HOUR_MS), ['two'])
})

test('nothing is due where resources are not lent, or while a run goes on or a version is being put in place', () => {
  assert.equal(names(new Map(), NOON, false), [])
  assert.equal(names(mapOf(begun(record(ONE), running(NOON))), NOON), [])
  assert.equal(names(mapOf({ ...record(ONE), intent: 2 }), NOON), [])
})

test('a paused goal is never due', () => {
  const paused = { ...ran(record(ONE), { atMs: 0, evaluations: 0 }), isPaused: true }
  assert.is(nextAtMs(ONE, paused), null)
  assert.is(nextAtMs(ONE, { ...record(ONE), isPaused: true }), null)
  assert.equal(names(mapOf(paused), NOON), ['two'])
})

test('failures are tried again soon, then ever later, and a success ends that', () => {
  let failing = record(TWO)
  const waits: number[] = []
  for (let attempt = 0; attempt < 8; attempt++) {
    failing = ran(failing, { atMs: NOON, evaluations: 0, outcome: 'failed' })
    waits.push(nextAtMs(TWO, failing)! - failing.endedAtMs!)
  }
  assert.equal(waits.slice(0, 3), [5 * 60_000, 20 * 60_000, 80 * 60_000])
  assert.is(waits.at(-1), 8 * TWO.everyMs)
  const well = ran(failing, { atMs: NOON, evaluations: 0 })
  assert.is(nextAtMs(TWO, well), NOON + TWO.everyMs)
  fc.assert(
    fc.property(
      fc.integer({ min: 60_000, max: 1e10 }),
      fc.integer({ min: 1, max: 60 }),
      (everyMs, failures) => {
        const [wait, longer] = [retryAfterMs(everyMs, failures), retryAfterMs(everyMs, failures + 1)]
        assert.ok(wait > 0 && wait <= longer && longer <= 8 * everyMs)
      },
    ),
  )
})

test('the budget of a goal and that of all goals hold for a day in UTC, runs of removed goals counted', () => {
  const spent = mapOf(
    ran(record(ONE), { atMs: NOON, evaluations: 75 }),
    ran(newRecord('gone', ONE.target), { atMs: NOON, evaluations: 20 }),
  )
  const left = (goal: Goals['goals'][number], nowMs: number) =>
    leftFor(goal, GOALS, [...spent.values()], dayOf(nowMs))
  assert.is(left(TWO, NOON).evaluations, 5)
  assert.is(left(TWO, NOON).durationMs, 5 * HOUR_MS - 120_000)
  assert.equal(names(spent, NOON + HOUR_MS), [], 'less than one generation is left')
  assert.is(left(TWO, NOON + 12 * HOUR_MS).evaluations, 30)
  assert.equal(names(spent, NOON + 12 * HOUR_MS), ['two', 'one'])
})

test('a run is given no more than what is left', () => {
  const spec = parseRunSpec({ ...ONE.evolve.spec, seed: 1 })
  const all = { evaluations: null, durationMs: null, joules: null }
  assert.equal(withinBudget(spec, all), spec)
  const { limits } = withinBudget(spec, { evaluations: 25, durationMs: 90_000, joules: 7 })
  assert.is(limits.generations, 2)
  assert.is(limits.evaluations, 25)
  assert.is(limits.durationMs, 90_000)
  assert.is(limits.joules, 7)
  assert.ok(isSpent({ ...all, evaluations: 9 }, 10) && !isSpent({ ...all, evaluations: 10 }, 10))
  assert.ok(isSpent({ ...all, joules: 0 }, 10) && isSpent({ ...all, durationMs: 59_999 }, 10))
})

test.run()
