/** Self-evolution in memory: one goal with two versions; runs begin and never end. */
import type { ApiComponents } from '../../node/api/components.ts'
import { VillageError } from '../../node/errors.ts'
import {
  applied,
  begun,
  formerVersion,
  found,
  type GoalRecord,
  intendRollback,
  newRecord,
  resumed,
  versionOf,
} from '../../node/federated/self-evolution/goal-record.ts'
import { readGoals, unknownGoal } from '../../node/federated/self-evolution/goals.ts'
import { historyOf, statusOf } from '../../node/federated/self-evolution/self-evolution-view.ts'

const GOALS = readGoals(`
budget: {evaluations: 500, energy: 50 Wh}
goals:
  - name: notes
    every: 1d
    target: {collection: town}
    evolve: {workload: {kind: agent, judged: judged}}
`)
const RUN = 'ab'.repeat(16)

export function memorySelfEvolution(init: { nowMs: number }): ApiComponents['selfEvolution'] {
  const { nowMs } = init
  const settings = { weight: 0.5, feedback: false, candidates: null }
  const [goal] = GOALS.goals
  let record: GoalRecord = newRecord(goal!.name, goal!.target)
  record = found(record, { kind: 'collection', settings }, nowMs)
  record = found(record, { kind: 'collection', settings: { ...settings, weight: 0.7 } }, nowMs)

  function need(name: string): GoalRecord {
    if (name !== record.goal) throw unknownGoal(name, [record.goal])
    return record
  }

  return {
    status: () =>
      statusOf({
        isEnabled: true,
        file: 'goals.yaml',
        goals: GOALS,
        records: new Map([[record.goal, record]]),
        nowMs,
        isAccepting: true,
      }),
    history: (name) => historyOf(need(name)),
    async run(name) {
      if (need(name).running !== null) throw new VillageError('SELF_EVOLUTION_BUSY')
      record = begun(record, {
        ...{ name: 'self-evolution notes 1', run: RUN, startedAtMs: nowMs, version: 2, alpha: 0.05 },
        ...{ present: { w: 70 }, atMost: { evaluations: 12, durationMs: 0, joules: 0 } },
      })
      return RUN
    },
    async rollback(name, to) {
      const version = to === null ? formerVersion(need(name)) : versionOf(need(name), to)
      if (version === null) throw new VillageError('SELF_EVOLUTION_NO_VERSION')
      record = applied(intendRollback(record, version.number, nowMs))
      return historyOf(record)
    },
    async resume(name) {
      record = resumed(need(name), nowMs)
      return historyOf(record)
    },
  }
}
