/** Which goal is to run now. Pure. */
import { isSpent, leftFor } from './day-budget.ts'
import { dayOf, type GoalRecord } from './goal-record.ts'
import type { Goal, Goals } from './goals.ts'

const FIRST_RETRY_MS = 5 * 60_000
const RETRY_GROWTH = 4
/** In intervals of the goal: one that always fails runs far less often than one that works. */
const MOST_RETRY = 8

/** After so many failures in a row: soon at first, for what passes, then ever later. */
export const retryAfterMs = (everyMs: number, failures: number): number =>
  Math.min(FIRST_RETRY_MS * RETRY_GROWTH ** (failures - 1), MOST_RETRY * everyMs)

/** When it may run; what was missed while the node was off is not made up for. Null: paused. */
export function nextAtMs(goal: Goal, record: GoalRecord | undefined): number | null {
  if (record === undefined || record.startedAtMs === null) return record?.isPaused === true ? null : 0
  if (record.isPaused) return null
  if (record.failures === 0) return record.startedAtMs + goal.everyMs
  return (record.endedAtMs ?? record.startedAtMs) + retryAfterMs(goal.everyMs, record.failures)
}

const populationOf = (goal: Goal): number => Number(goal.evolve.spec.population)

/**
 * Goals that may run now, the one that has waited longest first. None while any runs: what is left of the day is known only when
 * that one has ended.
 */
export function dueGoals(
  goals: Goals,
  records: ReadonlyMap<string, GoalRecord>,
  nowMs: number,
  isAccepting: boolean,
): Goal[] {
  const all = [...records.values()]
  if (!isAccepting || all.some(({ running, intent }) => running !== null || intent !== null)) return []
  return goals.goals
    .map((goal) => ({ goal, atMs: nextAtMs(goal, records.get(goal.name)) }))
    .filter(
      ({ goal, atMs }) =>
        atMs !== null &&
        atMs <= nowMs &&
        !isSpent(leftFor(goal, goals, all, dayOf(nowMs)), populationOf(goal)),
    )
    .sort((a, b) => a.atMs! - b.atMs!)
    .map(({ goal }) => goal)
}
