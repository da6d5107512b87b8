/** The records of all goals: in memory, and on the disk before anything rests on them. */
import { VillageError } from '../../errors.ts'
import type { JsonTable, Store } from '../../store.ts'
import { applied, type GoalRecord, newRecord, trimmed } from './goal-record.ts'
import type { Goal } from './goals.ts'
import type { Targets } from './targets.ts'

export interface GoalRecords {
  readonly all: ReadonlyMap<string, GoalRecord>
  load(): Promise<void>
  get(goal: string): GoalRecord | undefined
  /** A new one where there is none; it is not stored. */
  of(goal: Goal): GoalRecord
  /** Versions beyond those that are kept are let go of. */
  put(record: GoalRecord): Promise<GoalRecord>
  /** The target is what was intended. */
  finished(record: GoalRecord): Promise<GoalRecord>
  /** Throws SELF_EVOLUTION_GOALS_INVALID for a goal whose versions are those of something else. */
  checkTarget(goal: Goal): void
}

export function createGoalRecords(
  components: { readonly store: Pick<Store, 'json'>; readonly targets: Pick<Targets, 'release'> },
  init: { readonly keep: number },
): GoalRecords {
  const table: JsonTable<GoalRecord> = components.store.json('self-evolution')
  const all = new Map<string, GoalRecord>()

  async function put(record: GoalRecord): Promise<GoalRecord> {
    const next = trimmed(record, init.keep)
    await table.put(next.goal, next, { sync: true })
    all.set(next.goal, next)
    for (const version of record.versions)
      if (!next.versions.includes(version))
        await components.targets.release(record.target, version.number, version.content)
    return next
  }

  return {
    all,
    async load() {
      for await (const [goal, record] of table.entries()) all.set(goal, record)
    },
    get: (goal) => all.get(goal),
    of: ({ name, target }) => all.get(name) ?? newRecord(name, target),
    put,
    finished: (record) => put(applied(record)),
    checkTarget({ name, target }) {
      const before = all.get(name)?.target
      if (before === undefined || (before.kind === target.kind && before.name === target.name)) return
      throw new VillageError(
        'SELF_EVOLUTION_GOALS_INVALID',
        `The goal "${name}" was about the ${before.kind} "${before.name}": give the new one another name`,
        { fields: { field: 'goals' } },
      )
    },
  }
}
