/** What of a day's budget is left, for one goal and for all together. Pure. */
import type { RunSpec } from '../rounds/run-spec.ts'
import type { GoalRecord, Spending } from './goal-record.ts'
import type { DayBudget, Goal, Goals } from './goals.ts'

type Amounts = Omit<Spending, 'day'>

const NOTHING: Amounts = { evaluations: 0, durationMs: 0, joules: 0 }

/** Runs count for the day on which they began. */
export function spentOn(day: string, records: readonly GoalRecord[]): Amounts {
  let sum = NOTHING
  for (const { spending } of records)
    for (const row of spending)
      if (row.day === day)
        sum = {
          evaluations: sum.evaluations + row.evaluations,
          durationMs: sum.durationMs + row.durationMs,
          joules: sum.joules + row.joules,
        }
  return sum
}

const left = (limit: number | null, spent: number): number | null =>
  limit === null ? null : Math.max(0, limit - spent)

const leftOf = (budget: DayBudget, spent: Amounts): DayBudget => ({
  evaluations: left(budget.evaluations, spent.evaluations),
  durationMs: left(budget.durationMs, spent.durationMs),
  joules: left(budget.joules, spent.joules),
})

const least = (a: number | null, b: number | null): number | null =>
  a === null ? b : b === null ? a : Math.min(a, b)

/** The tighter of the two budgets. Records of goals that are in the file no more have spent as well. */
export function leftFor(
  goal: Goal,
  goals: Pick<Goals, 'budget'>,
  records: readonly GoalRecord[],
  day: string,
): DayBudget {
  const own = leftOf(
    goal.budget,
    spentOn(
      day,
      records.filter((record) => record.goal === goal.name),
    ),
  )
  const all = leftOf(goals.budget, spentOn(day, records))
  return {
    evaluations: least(own.evaluations, all.evaluations),
    durationMs: least(own.durationMs, all.durationMs),
    joules: least(own.joules, all.joules),
  }
}

/** Less than one generation, a minute, or any energy: a run would only be begun to be ended. */
const MIN_DURATION_MS = 60_000

export const isSpent = (budget: DayBudget, population: number): boolean =>
  (budget.evaluations !== null && budget.evaluations < population) ||
  (budget.durationMs !== null && budget.durationMs < MIN_DURATION_MS) ||
  (budget.joules !== null && budget.joules <= 0)

/**
 * No more generations than the budget has room for. Limits are looked at between generations (evolve/budget.ts), and the finale comes
 * after them: generations are cut as well, so that candidates are never more than what is left.
 */
export function withinBudget(spec: RunSpec, budget: DayBudget): RunSpec {
  const { limits, population } = spec
  const { evaluations, durationMs, joules } = budget
  return {
    ...spec,
    limits: {
      ...limits,
      generations:
        evaluations === null
          ? limits.generations
          : Math.min(limits.generations, Math.max(1, Math.floor(evaluations / population))),
      evaluations: least(limits.evaluations, evaluations),
      durationMs: least(limits.durationMs, durationMs),
      joules: least(limits.joules, joules),
    },
  }
}
