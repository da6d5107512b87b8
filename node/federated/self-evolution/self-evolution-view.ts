/** What people and programs are shown of self-evolution. Pure. */
import { leftFor, spentOn } from './day-budget.ts'
import {
  dayOf,
  type GoalRecord,
  type HistoryEntry,
  type Spending,
  type TunedSettings,
} from './goal-record.ts'
import type { DayBudget, Goals, Target } from './goals.ts'
import { nextAtMs } from './schedule.ts'

export interface GoalView {
  readonly goal: string
  readonly target: Target
  /** `removed`: it is in the file no more, or self-evolution is off; its versions are kept. */
  readonly state: 'waiting' | 'running' | 'paused' | 'removed'
  readonly everyMs: number | null
  /** Where it waits: not before then. */
  readonly nextAtMs: number | null
  readonly run: string | null
  /** Of today, by the tighter of its own budget and that of all goals. */
  readonly left: DayBudget | null
  readonly present: number | null
  readonly versions: number
  readonly looks: number
  readonly adoptions: number
  readonly failures: number
  readonly last: HistoryEntry | null
}

export interface SelfEvolutionStatus {
  readonly enabled: boolean
  readonly goalsFile: string | null
  /** Whether this node's resources let a run begin. */
  readonly accepting: boolean
  readonly budget: DayBudget
  /** Today (UTC), by the runs that have ended. */
  readonly spent: Omit<Spending, 'day'>
  readonly goals: readonly GoalView[]
}

export interface VersionView {
  readonly version: number
  readonly atMs: number
  readonly by: 'found' | 'adopted'
  readonly run: string | null
  readonly isPresent: boolean
  /** Of a model. */
  readonly cid: string | null
  /** Of a collection. */
  readonly settings: TunedSettings | null
}

export interface GoalHistory {
  readonly goal: string
  readonly target: Target
  readonly paused: boolean
  /** Those that can be gone back to, the newest first. */
  readonly versions: readonly VersionView[]
  /** The newest first. */
  readonly history: readonly HistoryEntry[]
}

interface StatusInput {
  readonly isEnabled: boolean
  readonly file: string | null
  readonly goals: Goals
  readonly records: ReadonlyMap<string, GoalRecord>
  readonly nowMs: number
  readonly isAccepting: boolean
}

const stateOf = (record: GoalRecord | undefined): GoalView['state'] =>
  record?.isPaused === true ? 'paused' : (record?.running ?? null) !== null ? 'running' : 'waiting'

const countsOf = (record: GoalRecord | undefined) => ({
  run: record?.running?.run ?? null,
  present: record?.present ?? null,
  versions: record?.versions.length ?? 0,
  looks: record?.looks ?? 0,
  adoptions: record?.adoptions ?? 0,
  failures: record?.failures ?? 0,
  last: record?.history.at(-1) ?? null,
})

export function statusOf({
  isEnabled,
  file,
  goals,
  records,
  nowMs,
  isAccepting,
}: StatusInput): SelfEvolutionStatus {
  const all = [...records.values()]
  const day = dayOf(nowMs)
  const known = goals.goals.map((goal): GoalView => {
    const record = records.get(goal.name)
    const state = stateOf(record)
    return {
      goal: goal.name,
      target: goal.target,
      state,
      everyMs: goal.everyMs,
      nextAtMs: state === 'waiting' ? Math.max(nowMs, nextAtMs(goal, record) ?? nowMs) : null,
      left: leftFor(goal, goals, all, day),
      ...countsOf(record),
    }
  })
  const removed = all
    .filter((record) => !goals.goals.some(({ name }) => name === record.goal))
    .map((record): GoalView => {
      const { goal, target } = record
      return {
        goal,
        target,
        state: 'removed',
        everyMs: null,
        nextAtMs: null,
        left: null,
        ...countsOf(record),
      }
    })
  return {
    enabled: isEnabled,
    goalsFile: file,
    accepting: isAccepting,
    budget: goals.budget,
    spent: spentOn(day, all),
    goals: [...known, ...removed],
  }
}

export function historyOf({ goal, target, isPaused, versions, present, history }: GoalRecord): GoalHistory {
  return {
    goal,
    target,
    paused: isPaused,
    versions: versions
      .map(({ number, atMs, by, run, content }) => ({
        version: number,
        ...{ atMs, by, run, isPresent: number === present },
        cid: content.kind === 'model' ? content.entry.cid : null,
        settings: content.kind === 'collection' ? content.settings : null,
      }))
      .reverse(),
    history: [...history].reverse(),
  }
}
