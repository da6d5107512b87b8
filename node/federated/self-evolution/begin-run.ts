/** From a goal to a run that is announced: files, the present version, what is left of the day. */
import { createHash } from 'node:crypto'
import path from 'node:path'
import { VillageError } from '../../errors.ts'
import { withValueAt } from '../../evolve-config.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Rounds } from '../rounds/rounds.ts'
import { type RunTables, rulesOf } from '../rounds/run-opening.ts'
import type { RunSpec } from '../rounds/run-spec.ts'
import { isSpent, leftFor, withinBudget } from './day-budget.ts'
import { dayOf, type GoalRecord, type RunningGoal, versionOf } from './goal-record.ts'
import type { Goal, Goals } from './goals.ts'
import { optionsOf, presentSeed } from './present-seed.ts'

interface Components {
  readonly rounds: Pick<Rounds, 'settle'>
  readonly artifacts: Pick<Artifacts, 'addPath' | 'unpin'>
  readonly tables: RunTables
}

export interface PreparedRun {
  readonly spec: RunSpec
  readonly running: RunningGoal
}

/** Runs of a goal differ in what they try. */
const seedOf = (goal: string, attempt: number, given: JsonValue | undefined): number =>
  createHash('sha256')
    .update(`${goal}\n${attempt}\n${String(given ?? 1)}`)
    .digest()
    .readUIntBE(0, 6)

const mostOf = ({ limits, population }: RunSpec): RunningGoal['atMost'] => ({
  evaluations: limits.generations * population,
  durationMs: limits.durationMs ?? 0,
  joules: limits.joules ?? 0,
})

/**
 * `announce` is given what is to be announced; files are here until it resolves. Throws SELF_EVOLUTION_BUDGET_SPENT, SELF_EVOLUTION_NO_PRESENT, and what settling throws for files, models and
 * options that cannot be used.
 */
export async function beginRun(
  components: Components,
  init: {
    readonly goal: Goal
    readonly goals: Goals
    readonly record: GoalRecord
    readonly records: readonly GoalRecord[]
    /** Of the file of goals. */
    readonly directory: string
    readonly nowMs: number
  },
  announce: (prepared: PreparedRun) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { rounds, artifacts, tables } = components
  const { goal, goals, record, records, directory, nowMs } = init
  const present = versionOf(record, record.present)!
  const left = leftFor(goal, goals, records, dayOf(nowMs))
  const pin = `self-evolution:${goal.name}`
  const { spec, files } = goal.evolve
  const { kind, options } = spec.workload as { kind: string; options: JsonObject }
  const name = `self-evolution ${goal.name} ${record.started + 1}`
  const added: string[] = []
  try {
    let filled: JsonValue = options
    for (const { at, path: named } of files) {
      const file = path.resolve(directory, named)
      const { cid } = await artifacts.addPath(file, {
        ...{ name: path.basename(file), pin, signal },
        // Members read it for as long as the run needs it.
        private: true,
      })
      added.push(cid)
      filled = withValueAt(filled, at, cid)
    }
    const settled = await rounds.settle(
      {
        ...spec,
        name,
        seed: seedOf(goal.name, record.started, spec.seed),
        workload: { kind, options: { ...(filled as JsonObject), ...optionsOf(present.content) } },
      },
      signal,
    )
    if (isSpent(left, settled.population))
      throw new VillageError('SELF_EVOLUTION_BUDGET_SPENT', undefined, { fields: { goal: goal.name } })
    const seeds = rulesOf(tables, '', settled).rules.space.seeds
    const genome = presentSeed(present.content, settled.workload, seeds)
    const bounded = withinBudget(settled, left)
    await announce({
      spec: bounded,
      running: {
        name,
        run: null,
        startedAtMs: nowMs,
        version: present.number,
        present: genome,
        alpha: goal.alpha,
        atMost: mostOf(bounded),
      },
    })
  } finally {
    // What the run needs of them it has pinned by itself.
    for (const cid of added) await artifacts.unpin(cid, pin)
  }
}
