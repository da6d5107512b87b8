/**
 * The scheduler of a job owner: who holds which task until when, whose result counts, who lied. It knows no clock, no
 * network and no bytes: every function takes the time and changes the state that it is given, and says in effects what
 * the caller has to do. Choosing tasks for workers is in dispatch.ts.
 *
 * Invariants (held by property tests): a task is accepted once at a time; a result of a quarantined peer is never
 * accepted; while the owner works, every job ends.
 */
import type { ErrorCode } from '../../errors.ts'
import {
  type Accepted,
  accept,
  type Candidate,
  type Check,
  invalidate,
  isFinished,
  notePace,
  type ScheduledJob,
  type ScheduledTask,
  settle,
} from './job-tasks.ts'
import type { Effect, Lease, SchedulerState, Verdict, WorkerState } from './scheduler-state.ts'

/** What a lease that was lost to a hedge counts, when one that expired counts 1. */
const LOST_HEDGE = 0.5

function noteSilence(worker: WorkerState, kind: string, weight: number): Effect {
  worker.silences += weight
  return { type: 'silent', peer: worker.peer, kind, silences: worker.silences }
}

function find(state: SchedulerState, job: string, task: number): [ScheduledJob, ScheduledTask] | null {
  const scheduled = state.jobs.get(job)
  const found = scheduled?.tasks[task]
  return scheduled === undefined || found === undefined ? null : [scheduled, found]
}

/** Forgets a lease; the task's state is brought in line by the caller. */
function endLease(state: SchedulerState, lease: Lease): void {
  state.leases.delete(lease.id)
  state.workers.get(lease.peer)?.leases.delete(lease.id)
  state.jobs.get(lease.job)?.tasks[lease.task]?.leases.delete(lease.id)
}

export function revokeAll(
  state: SchedulerState,
  task: ScheduledTask,
  code: ErrorCode,
  effects: Effect[],
): void {
  for (const id of [...task.leases]) {
    const lease = state.leases.get(id)!
    endLease(state, lease)
    effects.push({ type: 'revoke', lease, code })
  }
}

/** What a task with candidates needs next: a check, another opinion, or nothing because it can be accepted. */
function advance(state: SchedulerState, job: ScheduledJob, task: ScheduledTask, effects: Effect[]): void {
  if (task.checking || task.state === 'done') return
  const certain = task.candidates.find((candidate) => candidate.check === 'none')
  const checkable = task.candidates.find(
    (candidate) => candidate.check === 'spot' || candidate.check === 'full',
  )
  if (certain !== undefined && task.candidates.length === 1) {
    const own = state.workers.get(certain.peer)?.own === true
    acceptTask(state, job, task, { lease: certain.lease, vouchers: [certain.peer], exact: own }, effects)
    return
  }
  const enough = certain !== undefined || task.candidates.length >= Math.max(2, state.limits.replication)
  if (checkable !== undefined || enough) {
    const depth = checkable === undefined ? 'compare' : (checkable.check as 'spot' | 'full')
    const candidates = checkable === undefined ? [...task.candidates] : [checkable]
    task.checking = true
    task.checkedLeases = candidates.map(({ lease }) => lease)
    effects.push({ type: 'check', job: job.id, task: task.index, candidates, depth })
  }
  settle(job, task)
}

function acceptTask(
  state: SchedulerState,
  job: ScheduledJob,
  task: ScheduledTask,
  accepted: Accepted,
  effects: Effect[],
): void {
  for (const id of task.leases) {
    const lease = state.leases.get(id)!
    const worker = state.workers.get(lease.peer)
    if (worker === undefined || worker.own || id > accepted.lease) continue
    // It was hedged and lost: a peer that says that it lives, but never returns anything, is silent all the same.
    // One that still fetches its inputs (progress 0) is not to blame.
    if (lease.progress > 0 || task.inputs.every((input) => worker.holds.has(input)))
      effects.push(noteSilence(worker, task.kind, LOST_HEDGE))
  }
  revokeAll(state, task, 'LEASE_REVOKED', effects)
  for (const candidate of task.candidates)
    if (candidate.lease !== accepted.lease) effects.push({ type: 'dropped', lease: candidate.lease })
  accept(job, task, accepted)
  effects.push({ type: 'accepted', job: job.id, task: task.index, accepted })
  if (isFinished(job)) effects.push({ type: 'finished', job: job.id })
}

export function addJob(state: SchedulerState, job: ScheduledJob): Effect[] {
  state.jobs.set(job.id, job)
  return isFinished(job) ? [{ type: 'finished', job: job.id }] : []
}

/** Ends a job whatever its state: cancelled, failed, or assembled. */
export function removeJob(state: SchedulerState, id: string, code: ErrorCode): Effect[] {
  const job = state.jobs.get(id)
  if (job === undefined) return []
  const effects: Effect[] = []
  for (const task of job.tasks) {
    revokeAll(state, task, code, effects)
    for (const { lease } of task.candidates) effects.push({ type: 'dropped', lease })
  }
  state.jobs.delete(id)
  return effects
}

export function addWorker(
  state: SchedulerState,
  init: { peer: string; own: boolean; kinds: readonly string[] },
): void {
  state.workers.set(init.peer, {
    ...init,
    kinds: new Set(init.kinds),
    window: 0,
    leases: new Set(),
    holds: new Set(),
    silences: 0,
  })
}

/** The worker is gone, without blame: its leases go to others at once. */
export function removeWorker(state: SchedulerState, peer: string): void {
  const worker = state.workers.get(peer)
  if (worker === undefined) return
  state.workers.delete(peer)
  for (const id of worker.leases) {
    const lease = state.leases.get(id)!
    endLease(state, lease)
    const found = find(state, lease.job, lease.task)
    if (found !== null) settle(...found)
  }
}

/** A sign of life. False when the peer holds no such lease. */
export function onHeartbeat(
  state: SchedulerState,
  sign: { peer: string; lease: number; progress: number },
  nowMs: number,
): boolean {
  const lease = state.leases.get(sign.lease)
  if (lease === undefined || lease.peer !== sign.peer) return false
  const { leaseMs, maxHoldFactor } = state.limits
  if (Number.isFinite(lease.expiresAtMs))
    lease.expiresAtMs = Math.min(nowMs + leaseMs, lease.leasedAtMs + leaseMs * maxHoldFactor)
  // NaN is no share: the sign of life stands, the share does not.
  if (!Number.isNaN(sign.progress)) lease.progress = Math.min(1, Math.max(lease.progress, sign.progress))
  return true
}

/** Takes a result in; null when the peer holds no such lease. The caller keeps the bytes under the lease. */
export function onResult(
  state: SchedulerState,
  result: { peer: string; lease: number; check: Check },
  nowMs: number,
): Effect[] | null {
  const lease = state.leases.get(result.lease)
  if (lease === undefined || lease.peer !== result.peer) return null
  endLease(state, lease)
  const [job, task] = find(state, lease.job, lease.task)!
  const worker = state.workers.get(result.peer)
  if (worker !== undefined) {
    worker.silences = 0
    for (const input of task.inputs) worker.holds.add(input)
  }
  notePace(job, (nowMs - lease.leasedAtMs) / task.cost)
  task.candidates.push({ lease: lease.id, peer: result.peer, check: result.check })
  const effects: Effect[] = []
  advance(state, job, task, effects)
  return effects
}

/** The verdicts on candidates of a `check` effect. */
export function onChecked(
  state: SchedulerState,
  checked: { job: string; task: number; verdicts: readonly Verdict[]; exact: boolean },
): Effect[] {
  const found = find(state, checked.job, checked.task)
  if (found === null) return []
  const [job, task] = found
  // The task was planned anew meanwhile: the verdicts are of another one that had its number.
  if (!checked.verdicts.some(({ lease }) => task.checkedLeases.includes(lease))) return []
  task.checking = false
  task.checkedLeases = []
  const effects: Effect[] = []
  const valid: Candidate[] = []
  for (const { lease, verdict } of checked.verdicts) {
    // A candidate may be gone: its peer was quarantined while it was checked.
    const candidate = task.candidates.find((one) => one.lease === lease)
    if (candidate === undefined || verdict === 'undecided') continue
    if (verdict === 'valid') {
      valid.push(candidate)
      continue
    }
    task.candidates = task.candidates.filter((one) => one !== candidate)
    effects.push({ type: 'dropped', lease })
    if (verdict === 'invalid') {
      task.failedOn.add(candidate.peer)
      effects.push({ type: 'lied', job: job.id, task: task.index, peer: candidate.peer, kind: task.kind })
    } else if (ownFailure(task)) return [...effects, { type: 'failed', job: job.id, task: task.index }]
  }
  for (const { peer } of valid)
    if (state.workers.get(peer)?.own !== true) effects.push({ type: 'valid', peer, kind: task.kind })
  const first = valid[0]
  if (first !== undefined) {
    const vouchers = valid.map((candidate) => candidate.peer)
    const exact = checked.exact || vouchers.some((peer) => state.workers.get(peer)?.own === true)
    acceptTask(state, job, task, { lease: first.lease, vouchers, exact }, effects)
  } else {
    advance(state, job, task, effects)
    settle(job, task)
  }
  return effects
}

/** The owner's own failure counts double: nothing that another peer says can fail a job. */
function ownFailure(task: ScheduledTask): boolean {
  task.ownFailures += 1
  return task.ownFailures >= 2
}

/** `declined`: the worker gives the task back unharmed and is asked again after `retryAfterMs`. Null: no such lease. */
export function onFailure(
  state: SchedulerState,
  failure: { peer: string; lease: number; declined: boolean; retryAfterMs: number },
  nowMs: number,
): Effect[] | null {
  const lease = state.leases.get(failure.lease)
  if (lease === undefined || lease.peer !== failure.peer) return null
  endLease(state, lease)
  const [job, task] = find(state, lease.job, lease.task)!
  const worker = state.workers.get(failure.peer)
  if (worker !== undefined) worker.silences = 0
  let failed = false
  if (failure.declined) task.declinedUntilMs.set(failure.peer, nowMs + failure.retryAfterMs)
  else if (worker?.own === true) {
    failed = ownFailure(task)
    // Not at once: what was missing may be about to come.
    task.declinedUntilMs.set(failure.peer, nowMs + failure.retryAfterMs)
  } else task.failedOn.add(failure.peer)
  settle(job, task)
  return failed ? [{ type: 'failed', job: job.id, task: task.index }] : []
}

/** Ends the leases whose holders gave no sign of life in time. */
export function expireLeases(state: SchedulerState, nowMs: number): Effect[] {
  const effects: Effect[] = []
  const silent = new Set<string>()
  for (const lease of [...state.leases.values()]) {
    if (lease.expiresAtMs > nowMs) continue
    endLease(state, lease)
    const [job, task] = find(state, lease.job, lease.task)!
    settle(job, task)
    effects.push({ type: 'revoke', lease, code: 'TIMEOUT' })
    const worker = state.workers.get(lease.peer)
    if (worker === undefined || worker.own) continue
    task.declinedUntilMs.set(lease.peer, nowMs + state.limits.leaseMs)
    if (silent.has(lease.peer)) continue // all that expires at once is one silence
    silent.add(lease.peer)
    effects.push(noteSilence(worker, task.kind, 1))
  }
  return effects
}

/** Nothing of this peer is used from now on; what it alone vouched for is open again. */
export function quarantine(state: SchedulerState, peer: string): Effect[] {
  state.quarantined.add(peer)
  const effects: Effect[] = []
  for (const job of state.jobs.values()) {
    const reopened = new Set<number>()
    for (const task of job.tasks) {
      for (const id of [...task.leases]) {
        const lease = state.leases.get(id)!
        if (lease.peer !== peer) continue
        endLease(state, lease)
        effects.push({ type: 'revoke', lease, code: 'PEER_QUARANTINED' })
      }
      for (const { lease } of task.candidates.filter((one) => one.peer === peer))
        effects.push({ type: 'dropped', lease })
      task.candidates = task.candidates.filter((candidate) => candidate.peer !== peer)
      const { accepted } = task
      if (
        accepted !== null &&
        !accepted.exact &&
        accepted.vouchers.every((one) => state.quarantined.has(one))
      )
        for (const open of invalidate(job, task)) {
          revokeAll(state, open, 'LEASE_REVOKED', effects)
          reopened.add(open.index)
        }
      settle(job, task)
    }
    if (reopened.size === 0) continue
    job.reopenings += 1
    effects.push({ type: 'reopened', job: job.id, tasks: [...reopened] })
  }
  return effects
}
