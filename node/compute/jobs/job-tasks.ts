/**
 * The tasks of one job as a state machine without clock, network or disk: which may start, which wait for others,
 * which results wait for a check, and what falls when a result turns out to be a lie.
 */
import type { TaskState } from './job.ts'

/** How a result is treated: taken as it is, checked in part or whole, or compared with that of another peer. */
export type Check = 'none' | 'spot' | 'full' | 'replicate'

/** A result that was handed in and is not accepted yet; its bytes are kept by the caller under the lease. */
export interface Candidate {
  readonly lease: number
  readonly peer: string
  readonly check: Check
}

export interface Accepted {
  readonly lease: number
  /** Peers whose results agreed. */
  readonly vouchers: readonly string[]
  /** True when this node computed it or checked all of it, so that no peer's word is needed. */
  readonly exact: boolean
}

export interface ScheduledTask {
  readonly index: number
  readonly kind: string
  readonly after: readonly number[]
  readonly dependents: number[]
  readonly inputs: readonly string[]
  readonly cost: number
  readonly ownerOnly?: boolean
  state: TaskState
  missing: number
  readonly leases: Set<number>
  candidates: Candidate[]
  checking: boolean
  /** Leases of the candidates that are being checked. */
  checkedLeases: readonly number[]
  /** Peers on which it failed; it is not given to them again. */
  readonly failedOn: Set<string>
  /** Peers that gave it back unharmed, and until when they are not asked again. */
  readonly declinedUntilMs: Map<string, number>
  ownFailures: number
  attempts: number
  passedOver: number
  accepted: Accepted | null
}

export interface ScheduledJob {
  readonly id: string
  priority: number
  /** Jobs of one priority go in the order of this number. */
  readonly order: number
  /** Grows and shrinks by stages. */
  readonly tasks: ScheduledTask[]
  /** Ready again after a failure, an expiry or for a second opinion: goes before `ready`. */
  readonly urgent: Set<number>
  readonly ready: Set<number>
  readonly leased: Set<number>
  done: number
  /** How often results were taken back: what was planned from earlier ones is void when it changed. */
  reopenings: number
  /** Milliseconds from lease to result by unit of cost, the latest few. */
  readonly paces: number[]
}

export interface TaskShape {
  readonly kind: string
  readonly after: readonly number[]
  readonly inputs: readonly string[]
  readonly cost: number
  /** Never leased to a peer. */
  readonly ownerOnly?: boolean
}

const KEPT_PACES = 64

/** `accepted` are results of an earlier run of this daemon, by task index. */
export function createScheduledJob(init: {
  id: string
  priority: number
  order: number
  plan: readonly TaskShape[]
  accepted: ReadonlyMap<number, Accepted>
}): ScheduledJob {
  const job: ScheduledJob = {
    id: init.id,
    priority: init.priority,
    order: init.order,
    tasks: [],
    urgent: new Set(),
    ready: new Set(),
    leased: new Set(),
    done: 0,
    reopenings: 0,
    paces: [],
  }
  appendTasks(job, init.plan, init.accepted)
  return job
}

/** More tasks behind those that the job has. */
export function appendTasks(
  job: ScheduledJob,
  plan: readonly TaskShape[],
  accepted: ReadonlyMap<number, Accepted>,
): void {
  const { tasks } = job
  const first = tasks.length
  for (const shape of plan) {
    const index = tasks.length
    tasks.push({
      ...shape,
      index,
      dependents: [],
      state: 'waiting',
      missing: 0,
      leases: new Set(),
      candidates: [],
      checking: false,
      checkedLeases: [],
      failedOn: new Set(),
      declinedUntilMs: new Map(),
      ownFailures: 0,
      attempts: 0,
      passedOver: 0,
      accepted: accepted.get(index) ?? null,
    })
  }
  for (const task of tasks.slice(first)) {
    for (const before of task.after) {
      tasks[before]!.dependents.push(task.index)
      if (tasks[before]!.accepted === null) task.missing += 1
    }
    if (task.accepted !== null) {
      task.state = 'done'
      job.done += 1
    } else if (task.missing === 0) settle(job, task)
  }
}

/** Removes the tasks from `length` on, whose leases have been ended. */
export function removeTasks(job: ScheduledJob, length: number): void {
  for (const task of job.tasks.splice(length)) {
    if (task.state === 'done') job.done -= 1
    for (const queue of [job.urgent, job.ready, job.leased]) queue.delete(task.index)
  }
  for (const task of job.tasks) {
    const kept = task.dependents.filter((index) => index < length)
    if (kept.length < task.dependents.length) task.dependents.splice(0, task.dependents.length, ...kept)
  }
}

/** Brings the state and the queues in line with what the task has: leases, a running check, or nothing. */
export function settle(job: ScheduledJob, task: ScheduledTask): void {
  if (task.state === 'done' || task.state === 'failed' || task.state === 'cancelled') return
  job.urgent.delete(task.index)
  job.ready.delete(task.index)
  job.leased.delete(task.index)
  if (task.missing > 0) task.state = 'waiting'
  else if (task.leases.size > 0 || task.checking) {
    task.state = 'leased'
    job.leased.add(task.index)
  } else {
    task.state = 'ready'
    ;(task.attempts > 0 ? job.urgent : job.ready).add(task.index)
  }
}

export function accept(job: ScheduledJob, task: ScheduledTask, accepted: Accepted): void {
  task.state = 'done'
  task.accepted = accepted
  task.candidates = []
  task.leases.clear()
  for (const queue of [job.urgent, job.ready, job.leased]) queue.delete(task.index)
  job.done += 1
  for (const index of task.dependents) {
    const dependent = job.tasks[index]!
    dependent.missing -= 1
    settle(job, dependent)
  }
}

/** Takes back an accepted result and everything that was built on it; returns the tasks that are open again. */
export function invalidate(job: ScheduledJob, task: ScheduledTask): ScheduledTask[] {
  if (task.state !== 'done') return []
  task.state = 'ready'
  task.accepted = null
  task.attempts += 1
  job.done -= 1
  const reopened = [task]
  for (const index of task.dependents) {
    const dependent = job.tasks[index]!
    reopened.push(...invalidate(job, dependent))
    dependent.missing += 1
    dependent.candidates = []
    settle(job, dependent)
    if (!reopened.includes(dependent)) reopened.push(dependent)
  }
  settle(job, task)
  return reopened
}

export function notePace(job: ScheduledJob, msByCost: number): void {
  job.paces.push(msByCost)
  if (job.paces.length > KEPT_PACES) job.paces.shift()
}

/** The median pace of the job's latest results, or null before there are three. */
export function medianPace(job: ScheduledJob): number | null {
  if (job.paces.length < 3) return null
  const sorted = [...job.paces].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]!
}

/** Tasks that are not done and that peers may take. */
export function openToPeers(job: ScheduledJob): number {
  return job.tasks.filter(({ state, ownerOnly }) => state !== 'done' && ownerOnly !== true).length
}

export const isFinished = (job: ScheduledJob): boolean => job.done === job.tasks.length
