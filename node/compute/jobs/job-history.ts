/**
 * Why a job went as it did: what was given to a second peer, given back, taken back, caught or done again. For the person who looks
 * at a job, the newest notes of the latest jobs: in memory while a job runs, with its record (queue.ts) once it has ended. The results
 * themselves never depend on it.
 */
import { isErrorCode } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import type { Effect, Lease } from './scheduler-state.ts'

export type NoteKind =
  /** The first holder is slow: another peer has it as well. */
  | 'hedged'
  /** Its holder had no room for it, and is asked again. */
  | 'declined'
  /** Its holder could not do it; `code` says what it said. */
  | 'failed'
  /** Its holder gave no sign of life in time. */
  | 'late'
  /** Another peer's result came first. */
  | 'outrun'
  /** The result was wrong: whoever gave it is quarantined. */
  | 'lied'
  /** Its holder was quarantined. */
  | 'quarantined'
  /** The result rested on the word of a liar, and is computed again. */
  | 'reopened'

export const NOTE_KINDS: readonly NoteKind[] = [
  'hedged',
  'declined',
  'failed',
  'late',
  'outrun',
  'lied',
  'quarantined',
  'reopened',
]

export interface JobNote {
  readonly atMs: number
  readonly what: NoteKind
  readonly task: number
  readonly label: string
  readonly peer: string | null
  /** Of the error table; only of `failed`. */
  readonly code: string | null
}

export interface JobNotes {
  /** Oldest first. */
  readonly notes: readonly JobNote[]
  /** How many came before them. */
  readonly forgotten: number
}

export interface JobHistory {
  follow(effects: readonly Effect[]): void
  /** `code` may come from a peer. */
  failed(lease: Lease, failure: { readonly code: string; readonly declined: boolean }): void
  /** What is in memory. */
  of(job: string): JobNotes
}

const KEPT_NOTES = 200
const KEPT_JOBS = 100

/** What is said of a lease that was taken back; what follows from the end of the job itself is no news. */
const REVOKED: Readonly<Record<string, NoteKind>> = {
  TIMEOUT: 'late',
  LEASE_REVOKED: 'outrun',
  PEER_QUARANTINED: 'quarantined',
}

export function createJobHistory(init: {
  readonly now: () => number
  readonly label: (job: string, task: number) => string
}): JobHistory {
  const jobs = new Map<string, { notes: JobNote[]; forgotten: number }>()

  function note(job: string, task: number, what: NoteKind, peer: string | null, code: string | null = null) {
    const kept = jobs.get(job) ?? { notes: [], forgotten: 0 }
    jobs.set(job, kept)
    if (jobs.size > KEPT_JOBS) jobs.delete(jobs.keys().next().value!)
    // A peer without room gives a task back every second: that is said once.
    const isSaid = (one: JobNote) => one.what === 'declined' && one.task === task && one.peer === peer
    if (what === 'declined' && kept.notes.some(isSaid)) return
    kept.notes.push({ atMs: init.now(), what, task, label: init.label(job, task), peer, code })
    if (kept.notes.length <= KEPT_NOTES) return
    kept.notes.shift()
    kept.forgotten += 1
  }

  return {
    follow(effects) {
      for (const effect of effects)
        if (effect.type === 'lease' && effect.hedge)
          note(effect.lease.job, effect.lease.task, 'hedged', effect.lease.peer)
        else if (effect.type === 'revoke' && REVOKED[effect.code] !== undefined)
          note(effect.lease.job, effect.lease.task, REVOKED[effect.code]!, effect.lease.peer)
        else if (effect.type === 'lied') note(effect.job, effect.task, 'lied', effect.peer)
        else if (effect.type === 'reopened')
          for (const task of effect.tasks) note(effect.job, task, 'reopened', null)
    },
    failed({ job, task, peer }, { code, declined }) {
      note(job, task, declined ? 'declined' : 'failed', peer, isErrorCode(code) ? code : 'TASK_FAILED')
    },
    of: (job) => jobs.get(job) ?? { notes: [], forgotten: 0 },
  }
}

const isNote = (note: unknown): boolean =>
  isJsonObject(note) &&
  Number.isFinite(note.atMs) &&
  NOTE_KINDS.some((kind) => kind === note.what) &&
  Number.isSafeInteger(note.task) &&
  typeof note.label === 'string' &&
  (note.peer === null || typeof note.peer === 'string') &&
  (note.code === null || typeof note.code === 'string')

function isNotes(stored: unknown): stored is JobNotes {
  if (!isJsonObject(stored)) return false
  const { notes, forgotten } = stored
  return Array.isArray(notes) && notes.every(isNote) && Number.isSafeInteger(forgotten)
}

/** Those in memory, else those that were stored when the job ended; a record that is damaged counts as none. */
export async function keptNotes(
  from: { history: JobHistory; queue: { notes(job: string): Promise<unknown> } },
  job: string,
): Promise<JobNotes> {
  const present = from.history.of(job)
  if (present.notes.length > 0) return present
  const stored = await from.queue.notes(job)
  return isNotes(stored) ? stored : present
}
