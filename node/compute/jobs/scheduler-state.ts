/** What the scheduler knows, and what it asks its caller to do. The functions that change it are in scheduler.ts. */
import type { ErrorCode } from '../../errors.ts'
import type { Accepted, Candidate, ScheduledJob, ScheduledTask } from './job-tasks.ts'

export interface SchedulerLimits {
  /** A lease without a sign of life for this long has expired. */
  readonly leaseMs: number
  /** A lease is over after this many times leaseMs, however often its holder says that it lives. */
  readonly maxHoldFactor: number
  readonly hedgeFactor: number
  /** What takes less than this is never worth a second worker. */
  readonly minHedgeMs: number
  /** Agreeing results of different peers that stand for a check of replicated kinds. */
  readonly replication: number
  /** After failing on this many other peers a task is left to the owner, whose failure counts. */
  readonly maxPeerFailures: number
}

export interface WorkerState {
  readonly peer: string
  readonly own: boolean
  readonly kinds: ReadonlySet<string>
  /** Leases that it is willing to hold at once. */
  window: number
  readonly leases: Set<number>
  /** Inputs that it is known to hold. */
  readonly holds: Set<string>
  /** Leases that expired in its hands since its last result; one lost to a hedge counts half. */
  silences: number
}

export interface Lease {
  readonly id: number
  readonly job: string
  readonly task: number
  readonly peer: string
  readonly leasedAtMs: number
  expiresAtMs: number
  progress: number
  /** The result was handed in and is on its way here: the worker has room for other work. */
  arriving: boolean
}

export interface SchedulerState {
  readonly limits: SchedulerLimits
  readonly jobs: Map<string, ScheduledJob>
  readonly workers: Map<string, WorkerState>
  readonly leases: Map<number, Lease>
  readonly quarantined: Set<string>
  nextLease: number
}

export type Effect =
  | { readonly type: 'lease'; readonly lease: Lease; readonly hedge: boolean }
  | { readonly type: 'revoke'; readonly lease: Lease; readonly code: ErrorCode }
  /** Check these results and answer with onChecked(). `compare` sets several peers' results side by side. */
  | {
      readonly type: 'check'
      readonly job: string
      readonly task: number
      readonly candidates: readonly Candidate[]
      readonly depth: 'spot' | 'full' | 'compare'
    }
  | { readonly type: 'accepted'; readonly job: string; readonly task: number; readonly accepted: Accepted }
  /** Accepted results that do not count any more; their tasks are open again. */
  | { readonly type: 'reopened'; readonly job: string; readonly tasks: readonly number[] }
  | { readonly type: 'valid'; readonly peer: string; readonly kind: string }
  | {
      readonly type: 'lied'
      readonly job: string
      readonly task: number
      readonly peer: string
      readonly kind: string
    }
  /** A lease expired in the hands of a connected worker or was lost to a hedge; `silences` as in WorkerState. */
  | { readonly type: 'silent'; readonly peer: string; readonly kind: string; readonly silences: number }
  | { readonly type: 'dropped'; readonly lease: number }
  | { readonly type: 'finished'; readonly job: string }
  | { readonly type: 'failed'; readonly job: string; readonly task: number }

export interface Verdict {
  readonly lease: number
  /** `undecided`: nothing hangs on it, and it could not be told. `unchecked`: this node could not check. */
  readonly verdict: 'valid' | 'invalid' | 'undecided' | 'unchecked'
}

/** Share of a task that is done, 0 to 1, as the most advanced of its holders says. */
export function progressOf(state: SchedulerState, task: ScheduledTask): number {
  if (task.state === 'done') return 1
  return Math.max(0, ...[...task.leases].map((lease) => state.leases.get(lease)?.progress ?? 0))
}

export function createSchedulerState(limits: SchedulerLimits): SchedulerState {
  return {
    limits,
    jobs: new Map(),
    workers: new Map(),
    leases: new Map(),
    quarantined: new Set(),
    nextLease: 1,
  }
}
