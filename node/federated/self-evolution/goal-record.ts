/**
 * What is remembered of a goal, and how it changes. Pure: each change is one record in the place of the one before, written at once, so
 * that a crash leaves either.
 *
 * A version takes the place of another in three steps: `intend` writes down which is to be present, the target is changed, `applied` writes
 * that it was. Between them the record says what is to be finished: the next start does (self-evolution.ts).
 */

import type { StoredModel } from '../../compute/models/model-entry.ts'
import type { JsonObject } from '../../json.ts'
import type { Genome } from '../evolve/strategy.ts'
import type { Target } from './goals.ts'
import type { Superiority } from './superiority.ts'

/** What a collection is searched with. */
export interface TunedSettings extends JsonObject {
  readonly weight: number
  readonly feedback: boolean
  /** Null: by the number of hits. */
  readonly candidates: number | null
}

export type VersionContent =
  | { readonly kind: 'collection'; readonly settings: TunedSettings }
  /** All that the registry knows of it: put back as it was. */
  | { readonly kind: 'model'; readonly entry: StoredModel }

export interface Version {
  /** Counts from 1. */
  readonly number: number
  readonly atMs: number
  /** `found`: it was there, or somebody else has put it there. `adopted`: it has won a run. */
  readonly by: 'found' | 'adopted'
  readonly run: string | null
  /** The one that was present before: what a rollback goes back to. */
  readonly replaced: number | null
  readonly content: VersionContent
}

export interface Spending {
  /** YYYY-MM-DD in UTC, on which the runs began. */
  readonly day: string
  readonly evaluations: number
  readonly durationMs: number
  readonly joules: number
}

export type Outcome = 'adopted' | 'kept' | 'stopped' | 'failed'

/** Why a run was adopted or not. */
export interface Verdict {
  readonly outcome: Outcome
  /**
   * `better`; `not-told-apart`; `no-gain`: the winner was there from the beginning; `changed`: the target is not what the run was compared with;
   * else what failed.
   */
  readonly reason: string
  /** Null: nothing was compared, and no look was taken at the final items. */
  readonly look: {
    readonly number: number
    /** What p had to be below. */
    readonly alpha: number
    readonly comparison: Superiority
  } | null
}

export interface HistoryEntry {
  readonly atMs: number
  readonly event: Outcome | 'rolled-back' | 'resumed' | 'found'
  readonly reason: string
  readonly run: string | null
  /** The one that is present from then on. */
  readonly version: number | null
  readonly look: Verdict['look']
}

export interface RunningGoal {
  /** Of the run: found again by it where a crash came before its id was known. */
  readonly name: string
  readonly run: string | null
  readonly startedAtMs: number
  /** Version that the winner has to beat. */
  readonly version: number
  /** The genome of that version, among the seeds of the run. */
  readonly present: Genome
  readonly alpha: number
  /** What the day is charged where the run cannot be asked any more. */
  readonly atMost: Omit<Spending, 'day'>
}

export interface GoalRecord {
  readonly format: 1
  readonly goal: string
  readonly target: Target
  readonly isPaused: boolean
  /** In a row. */
  readonly failures: number
  /** Runs ever begun. */
  readonly started: number
  readonly startedAtMs: number | null
  readonly endedAtMs: number | null
  readonly running: RunningGoal | null
  /** Runs whose winner was compared on the final items, and how many of them were adopted. */
  readonly looks: number
  readonly adoptions: number
  /** Oldest first. */
  readonly versions: readonly Version[]
  readonly present: number | null
  readonly nextVersion: number
  /** The version that the target is being changed to. */
  readonly intent: number | null
  /** The last two days. */
  readonly spending: readonly Spending[]
  /** The newest last. */
  readonly history: readonly HistoryEntry[]
}

const MAX_HISTORY = 200
const KEPT_DAYS = 2

export const newRecord = (goal: string, target: Target): GoalRecord => ({
  format: 1,
  goal,
  target,
  isPaused: false,
  failures: 0,
  started: 0,
  startedAtMs: null,
  endedAtMs: null,
  running: null,
  looks: 0,
  adoptions: 0,
  versions: [],
  present: null,
  nextVersion: 1,
  intent: null,
  spending: [],
  history: [],
})

export const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)

export const versionOf = (record: GoalRecord, number: number | null): Version | null =>
  record.versions.find((version) => version.number === number) ?? null

const noted = (record: GoalRecord, entry: HistoryEntry): GoalRecord => ({
  ...record,
  history: [...record.history, entry].slice(-MAX_HISTORY),
})

/** The last ones, and whatever is needed: the present one, what it is being changed to, what a run is compared with. */
export function trimmed(record: GoalRecord, keep: number): GoalRecord {
  const needed = [record.present, record.intent, record.running?.version]
  const others = record.versions.filter(({ number }) => !needed.includes(number))
  const room = Math.max(0, keep - (record.versions.length - others.length))
  const dropped = new Set(others.slice(0, Math.max(0, others.length - room)))
  return { ...record, versions: record.versions.filter((version) => !dropped.has(version)) }
}

/** What the target is now that was not made here: it becomes a version like any other. */
export function found(record: GoalRecord, content: VersionContent, atMs: number): GoalRecord {
  const number = record.nextVersion
  const version: Version = { number, atMs, by: 'found', run: null, replaced: record.present, content }
  const next = {
    ...record,
    versions: [...record.versions, version],
    present: number,
    nextVersion: number + 1,
  }
  const reason = record.present === null ? 'first' : 'changed'
  return noted(next, { atMs, event: 'found', reason, run: null, version: number, look: null })
}

export const begun = (record: GoalRecord, running: RunningGoal): GoalRecord => ({
  ...record,
  running,
  started: record.started + 1,
  startedAtMs: running.startedAtMs,
})

export function charged(record: GoalRecord, spent: Spending): GoalRecord {
  const before = record.spending.find(({ day }) => day === spent.day)
  const sum: Spending = {
    day: spent.day,
    evaluations: spent.evaluations + (before?.evaluations ?? 0),
    durationMs: spent.durationMs + (before?.durationMs ?? 0),
    joules: spent.joules + (before?.joules ?? 0),
  }
  const others = record.spending.filter(({ day }) => day !== spent.day)
  return { ...record, spending: [...others, sum].slice(-KEPT_DAYS) }
}

/**
 * The run is over. With `winner`, which the verdict `adopted` needs, the target is to become it. The look is counted in the same
 * record, so that a crash cannot lose one.
 */
export function concluded(
  record: GoalRecord,
  verdict: Verdict,
  init: { readonly atMs: number; readonly run: string | null; readonly winner?: VersionContent },
): GoalRecord {
  const { atMs, run, winner } = init
  const isAdopted = verdict.outcome === 'adopted' && winner !== undefined
  const number = record.nextVersion
  const next: GoalRecord = {
    ...record,
    running: null,
    endedAtMs: atMs,
    failures: verdict.outcome === 'failed' ? record.failures + 1 : 0,
    looks: record.looks + (verdict.look === null ? 0 : 1),
    ...(isAdopted && {
      adoptions: record.adoptions + 1,
      versions: [
        ...record.versions,
        { number, atMs, by: 'adopted' as const, run, replaced: record.present, content: winner },
      ],
      nextVersion: number + 1,
      intent: number,
    }),
  }
  return noted(next, {
    atMs,
    event: verdict.outcome,
    reason: verdict.reason,
    run,
    version: isAdopted ? number : record.present,
    look: verdict.look,
  })
}

/** The goal is paused, so that the next run does not undo what a person has decided. */
export const intendRollback = (record: GoalRecord, to: number, atMs: number): GoalRecord =>
  noted(
    { ...record, isPaused: true, intent: to },
    { atMs, event: 'rolled-back', reason: 'command', run: null, version: to, look: null },
  )

/** The target is what was intended. */
export const applied = (record: GoalRecord): GoalRecord => ({
  ...record,
  present: record.intent ?? record.present,
  intent: null,
})

export const resumed = (record: GoalRecord, atMs: number): GoalRecord =>
  noted(
    { ...record, isPaused: false, failures: 0 },
    { atMs, event: 'resumed', reason: 'command', run: null, version: record.present, look: null },
  )

/** What a rollback goes back to: the one that the present one took the place of, or, where it is kept no more, the last before it. */
export function formerVersion(record: GoalRecord): Version | null {
  const replaced = versionOf(record, versionOf(record, record.present)?.replaced ?? null)
  if (replaced !== null) return replaced
  const before = record.versions.filter(({ number }) => record.present !== null && number < record.present)
  return before.at(-1) ?? null
}
