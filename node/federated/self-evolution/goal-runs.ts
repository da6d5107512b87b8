/**
 * The life of a run of a goal: begun against the present version, judged when it is over, adopted or not. One call at a time
 * (self-evolution.ts sees to it); each may be cut off anywhere and is made again by the next start.
 */
import path from 'node:path'
import { toVillageError } from '../../errors.ts'
import type { Rounds } from '../rounds/rounds.ts'
import { isOver } from '../rounds/run-state.ts'
import { beginRun } from './begin-run.ts'
import {
  begun,
  charged,
  concluded,
  dayOf,
  found,
  type GoalRecord,
  type Spending,
  type Verdict,
  type VersionContent,
  versionOf,
} from './goal-record.ts'
import type { GoalRecords } from './goal-records.ts'
import type { Goal, Goals } from './goals.ts'
import type { SelfEvolutionComponents, SelfEvolutionInit } from './self-evolution.ts'
import { isSameContent, type Targets } from './targets.ts'
import { verdictOf } from './verdict.ts'

export interface GoalRuns {
  /** Gives the id of the run. Throws what beginRun() and announcing throw; a failure is for the caller to note. */
  begin(goal: Goal, goals: Goals, signal: AbortSignal): Promise<string>
  /** A run that is over is judged; one that goes on is left alone, or stopped where it is not wanted any more. */
  attend(record: GoalRecord, isWanted: boolean): Promise<void>
  /** For what could not even be begun. */
  failed(record: GoalRecord, reason: string): Promise<void>
  /** What the target is now is its present version. Throws MODEL_UNKNOWN, COLLECTION_UNKNOWN. */
  look(record: GoalRecord): Promise<GoalRecord>
  /** Makes the target what the record says it is to be. */
  finish(record: GoalRecord): Promise<GoalRecord>
  /** Its end is seen by attend(). */
  stopRun(run: string): void
}

/** The target is not there any more: no later attempt would find it. */
const GONE = ['MODEL_UNKNOWN', 'COLLECTION_UNKNOWN']

type Details = ReturnType<Rounds['details']>

const unjudged = (outcome: Verdict['outcome'], reason: string): Verdict => ({ outcome, reason, look: null })

const chargedFor = (record: GoalRecord, spent: Omit<Spending, 'day'>): GoalRecord =>
  charged(record, { day: dayOf(record.running!.startedAtMs), ...spent })

export function createGoalRuns(
  components: SelfEvolutionComponents & { readonly targets: Targets; readonly records: GoalRecords },
  init: Pick<SelfEvolutionInit, 'tables'> & {
    readonly file: string | null
    readonly now: () => number
    readonly stopping: AbortSignal
  },
): GoalRuns {
  const { rounds, artifacts, pool, mesh, events, log, targets, records } = components
  const { now, stopping } = init

  async function finish(record: GoalRecord): Promise<GoalRecord> {
    const wanted = versionOf(record, record.intent)
    if (wanted === null) return record
    try {
      await targets.apply(record.target, wanted.content)
    } catch (error) {
      if (!GONE.includes(toVillageError(error).code)) throw error
      log.warn({ err: error, goal: record.goal }, 'the target of a goal is not there any more')
      return records.put({ ...record, intent: null })
    }
    return records.finished(record)
  }

  /** The target as it is now is the present version, whoever has put it there. */
  async function look(record: GoalRecord): Promise<GoalRecord> {
    const content = await targets.read(record.target)
    const present = versionOf(record, record.present)
    if (present !== null && isSameContent(present.content, content)) return record
    await targets.keep(record.target, record.nextVersion, content)
    return records.put(found(record, content, now()))
  }

  async function conclude(before: GoalRecord, verdict: Verdict, winner?: VersionContent): Promise<void> {
    const run = before.running?.run ?? null
    const { goal } = before
    const end = { atMs: now(), run, ...(winner === undefined ? {} : { winner }) }
    const record = await finish(await records.put(concluded(before, verdict, end)))
    const { outcome, reason } = verdict
    log.info({ goal, run, outcome, reason, version: record.present }, 'a run of self-evolution has ended')
    events.emit('self-evolution:ended', { goal, run, outcome, reason, version: record.present })
  }

  function detailsOf(run: string): Details | null {
    try {
      return rounds.details(run)
    } catch (error) {
      if (toVillageError(error).code === 'RUN_UNKNOWN') return null
      throw error
    }
  }

  function stopRun(run: string): void {
    try {
      rounds.act(run, 'stop')
    } catch (error) {
      if (!['RUN_OVER', 'RUN_UNKNOWN'].includes(toVillageError(error).code)) throw error
    }
  }

  async function adopt(record: GoalRecord, verdict: Verdict, { state }: Details): Promise<void> {
    const { target, running, nextVersion } = record
    let winner: VersionContent
    try {
      const compared = versionOf(record, running!.version)
      if (compared === null || !isSameContent(compared.content, await targets.read(target)))
        return await conclude(record, { ...verdict, outcome: 'kept', reason: 'changed' })
      const won = { run: state.run, result: state.result!, number: nextVersion }
      winner = await targets.winner(target, won, stopping)
    } catch (error) {
      stopping.throwIfAborted()
      log.warn({ err: error, goal: record.goal }, 'the winner of a run could not be had')
      // The look was taken, and counts.
      return conclude(record, { ...verdict, outcome: 'failed', reason: toVillageError(error).code })
    }
    await conclude(record, verdict, winner)
  }

  /** A crash may have come before the id of the run was written down. */
  const runIdOf = ({ run, name }: NonNullable<GoalRecord['running']>): string | undefined =>
    run ?? rounds.list().find((view) => view.name === name && view.announcer === mesh.peerId)?.run

  return {
    look,
    finish,
    stopRun,
    failed: (record, reason) => conclude(record, unjudged('failed', reason)),
    async begin(goal, goals, signal) {
      const before = await look(records.of(goal))
      let run = ''
      await beginRun(
        { rounds, artifacts, tables: init.tables },
        {
          ...{ goal, goals, record: before, records: [...records.all.values()] },
          ...{ directory: path.dirname(path.resolve(init.file!)), nowMs: now() },
        },
        async ({ spec, running }) => {
          const record = await records.put(begun(before, running))
          try {
            run = (await rounds.announce(spec, signal)).run
          } catch (error) {
            await records.put({ ...record, running: null })
            throw error
          }
          await records.put({ ...record, running: { ...running, run } })
        },
        signal,
      )
      log.info({ goal: goal.name, run }, 'a run of self-evolution has begun')
      events.emit('self-evolution:started', { goal: goal.name, run })
      return run
    },
    async attend(before, isWanted) {
      const running = before.running!
      const run = runIdOf(running)
      if (run === undefined) return conclude(before, unjudged('failed', 'interrupted'))
      const record = { ...before, running: { ...running, run } }
      const details = detailsOf(run)
      if (details === null)
        return conclude(chargedFor(record, running.atMost), unjudged('failed', 'run-lost'))
      const { rules, state } = details
      if (!isOver(state) && isWanted) return
      if (!isOver(state)) stopRun(run)
      const { evaluations, joules, startedAtMs, timeMs } = state
      const durationMs = startedAtMs === null ? 0 : timeMs - startedAtMs
      const spent = chargedFor(record, { evaluations, joules, durationMs })
      if (!isWanted) return conclude(spent, unjudged('stopped', 'not-wanted'))
      const verdict = await verdictOf({ pool }, { rules, state, running, record }, stopping)
      if (verdict.outcome === 'adopted') await adopt(spent, verdict, details)
      else await conclude(spent, verdict)
    },
  }
}
