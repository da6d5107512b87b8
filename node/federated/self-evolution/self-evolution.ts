/**
 * Self-evolution: goals of this node's owner become runs of evolution of the village, on a schedule and within a day's budget; what a
 * run proves to be better takes the place of what there is, and what there was is kept and can be gone back to.
 *
 * Everything that counts is in the record of a goal (goal-record.ts) before it is done, and changes go one after the other.
 */
import type { Models } from '../../compute/models/registry.ts'
import type { Pool } from '../../compute/pool.ts'
import type { Resources } from '../../compute/resources.ts'
import type { Config } from '../../config.ts'
import { toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { Service } from '../../lifecycle.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Mesh } from '../../mesh/mesh.ts'
import { MAX_SMALL_TEXT_BYTES, readSmallText } from '../../small-text-file.ts'
import type { Store } from '../../store.ts'
import type { FederatedOperations } from '../operations.ts'
import type { Rounds } from '../rounds/rounds.ts'
import type { RunTables } from '../rounds/run-opening.ts'
import { formerVersion, type GoalRecord, intendRollback, resumed, versionOf } from './goal-record.ts'
import { createGoalRecords } from './goal-records.ts'
import { createGoalRuns } from './goal-runs.ts'
import { type Goal, type Goals, readGoals, unknownGoal } from './goals.ts'
import { dueGoals } from './schedule.ts'
import { type GoalHistory, historyOf, type SelfEvolutionStatus, statusOf } from './self-evolution-view.ts'
import { createTargets, type TunedCollections } from './targets.ts'

export interface SelfEvolution extends Service {
  status(): SelfEvolutionStatus
  /** Throws SELF_EVOLUTION_GOAL_UNKNOWN. */
  history(goal: string): GoalHistory
  /**
   * Begins a run of a goal before its time; gives the id of the run. Throws SELF_EVOLUTION_OFF, _GOAL_UNKNOWN, _BUSY, _BUDGET_SPENT,
   * _NO_PRESENT, and what announcing throws.
   */
  run(goal: string, signal: AbortSignal): Promise<string>
  /**
   * Puts an earlier version back, the one before the present one unless `to` names another, ends a run of the goal and pauses it. Works
   * with self-evolution off too. Throws SELF_EVOLUTION_GOAL_UNKNOWN, _NO_VERSION, and MODEL_UNKNOWN or COLLECTION_UNKNOWN for a target
   * that is not there any more.
   */
  rollback(goal: string, to: number | null): Promise<GoalHistory>
  /** Throws SELF_EVOLUTION_GOAL_UNKNOWN. */
  resume(goal: string): Promise<GoalHistory>
  /** Finishes what is to be finished, concludes runs that are over, begins the next one that is due. */
  check(): Promise<void>
}

export interface SelfEvolutionComponents {
  readonly rounds: Pick<Rounds, 'settle' | 'announce' | 'list' | 'details' | 'act' | 'rebuild'>
  readonly models: Pick<Models, 'stored' | 'replace'>
  readonly collections: TunedCollections
  readonly artifacts: Pick<Artifacts, 'addPath' | 'pin' | 'unpin' | 'info'>
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
  readonly resources: Pick<Resources, 'accepts'>
  readonly mesh: Pick<Mesh, 'village' | 'peerId'>
  readonly store: Pick<Store, 'json'>
  readonly events: Pick<Events, 'emit' | 'subscribe'>
  readonly log: Log
}

export interface SelfEvolutionInit {
  readonly config: Pick<Config, 'selfEvolution.enabled' | 'selfEvolution.goals' | 'selfEvolution.keep'>
  readonly tables: RunTables
  readonly now?: () => number
}

const CHECK_MS = 30_000
const NOTHING: Goals = { budget: { evaluations: null, durationMs: null, joules: null }, goals: [] }

/** The goals of a file. Throws SELF_EVOLUTION_GOALS_INVALID. */
export async function goalsIn(file: string | null): Promise<Goals> {
  if (file === null)
    throw new VillageError(
      'SELF_EVOLUTION_GOALS_INVALID',
      'selfEvolution.enabled needs selfEvolution.goals, a file with goals',
    )
  let text: string
  try {
    text = await readSmallText(file, MAX_SMALL_TEXT_BYTES)
  } catch (error) {
    throw new VillageError('SELF_EVOLUTION_GOALS_INVALID', toVillageError(error).message, { cause: error })
  }
  return readGoals(text)
}

export function createSelfEvolution(
  components: SelfEvolutionComponents,
  init: SelfEvolutionInit,
): SelfEvolution {
  const { resources, mesh, events } = components
  const log = components.log.child({ service: 'self-evolution' })
  const { config, tables, now = Date.now } = init
  const isEnabled = config['selfEvolution.enabled']
  const file = config['selfEvolution.goals']
  const stopping = new AbortController()
  const targets = createTargets(components, { now })
  const records = createGoalRecords(
    { store: components.store, targets },
    { keep: config['selfEvolution.keep'] },
  )
  const runs = createGoalRuns(
    { ...components, log, targets, records },
    { tables, file, now, stopping: stopping.signal },
  )
  let goals = NOTHING
  let timer: NodeJS.Timeout | undefined
  let endEvents: (() => void) | undefined
  let changing: Promise<unknown> = Promise.resolve()

  function exclusive<T>(change: () => Promise<T>): Promise<T> {
    const result = changing.then(() => {
      stopping.signal.throwIfAborted()
      return change()
    })
    changing = result.catch(() => {
      // The caller has the failure.
    })
    return result
  }

  const goalNamed = (name: string): Goal | undefined => goals.goals.find((goal) => goal.name === name)
  const isBusy = () => [...records.all.values()].some(({ running, intent }) => (running ?? intent) !== null)

  function needGoal(name: string): Goal {
    if (!isEnabled) throw new VillageError('SELF_EVOLUTION_OFF')
    const goal = goalNamed(name)
    if (goal !== undefined) return goal
    throw unknownGoal(
      name,
      goals.goals.map((one) => one.name),
    )
  }

  /** Also of a goal that is in the file no more: its versions are still there. */
  function needRecord(name: string): GoalRecord {
    const goal = goalNamed(name)
    const record = goal === undefined ? records.get(name) : records.of(goal)
    if (record !== undefined) return record
    throw unknownGoal(name, [...new Set([...records.all.keys(), ...goals.goals.map((one) => one.name)])])
  }

  async function beginDue(): Promise<void> {
    if (!isEnabled || mesh.village() === null) return
    const [goal] = dueGoals(goals, records.all, now(), resources.accepts(false))
    if (goal === undefined) return
    try {
      await runs.begin(goal, goals, stopping.signal)
    } catch (error) {
      stopping.signal.throwIfAborted()
      log.warn({ err: error, goal: goal.name }, 'a run of self-evolution could not be begun')
      await runs.failed({ ...records.of(goal), startedAtMs: now() }, toVillageError(error).code)
    }
  }

  const check = () =>
    exclusive(async () => {
      for (const record of records.all.values()) if (record.intent !== null) await runs.finish(record)
      for (const record of records.all.values())
        if (record.running !== null) {
          const isWanted = isEnabled && !record.isPaused && goalNamed(record.goal) !== undefined
          await runs.attend(record, isWanted)
        }
      await beginDue()
    })

  function checkSoon(): void {
    check().catch((error: unknown) => {
      if (!stopping.signal.aborted) log.error({ err: error }, 'self-evolution could not go on')
    })
  }

  return {
    name: 'self-evolution',
    async start() {
      await records.load()
      if (isEnabled) goals = await goalsIn(file)
      for (const goal of goals.goals) records.checkTarget(goal)
      endEvents = events.subscribe((event) => {
        if (event.type !== 'round:changed' || !['published', 'ended'].includes(event.data.phase)) return
        if ([...records.all.values()].some(({ running }) => running?.run === event.data.run)) checkSoon()
      })
      timer = setInterval(checkSoon, CHECK_MS).unref()
      checkSoon()
    },
    async stop() {
      clearInterval(timer)
      endEvents?.()
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      await changing
    },
    status: () =>
      statusOf({
        ...{ isEnabled, file, goals, records: records.all, nowMs: now() },
        isAccepting: resources.accepts(false),
      }),
    history: (name) => historyOf(needRecord(name)),
    run: (name, signal) =>
      exclusive(async () => {
        const goal = needGoal(name)
        if (isBusy() || records.of(goal).isPaused)
          throw new VillageError('SELF_EVOLUTION_BUSY', undefined, { fields: { goal: name } })
        return runs.begin(goal, goals, AbortSignal.any([signal, stopping.signal]))
      }),
    rollback: (name, to) =>
      exclusive(async () => {
        // What somebody has put there by hand can be come back to as well.
        const record = await runs.look(needRecord(name))
        const version = to === null ? formerVersion(record) : versionOf(record, to)
        if (version === null)
          throw new VillageError('SELF_EVOLUTION_NO_VERSION', undefined, {
            fields: { goal: name, version: to },
          })
        const run = record.running?.run ?? null
        if (run !== null) runs.stopRun(run)
        const after = await runs.finish(await records.put(intendRollback(record, version.number, now())))
        log.info({ goal: name, version: version.number }, 'an earlier version is back')
        events.emit('self-evolution:rolled-back', { goal: name, version: version.number })
        return historyOf(after)
      }),
    resume: (name) => exclusive(async () => historyOf(await records.put(resumed(needRecord(name), now())))),
    check,
  }
}
