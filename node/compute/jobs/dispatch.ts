/**
 * Chooses which worker gets which task. Jobs go by priority, then by age. Within a job a worker gets a task whose inputs
 * it holds before others, and a task that another idle worker holds the inputs of is left to that one, but a task is
 * passed over a bounded number of times and no worker is left idle for the sake of locality. Idle workers hedge
 * stragglers: a task that took hedgeFactor times the median pace is given to a second worker as well.
 */
import { medianPace, type ScheduledJob, type ScheduledTask, settle } from './job-tasks.ts'
import type { Effect, SchedulerState, WorkerState } from './scheduler-state.ts'

/** Tasks looked at for locality before the first that fits is taken. */
const LOCALITY_SCAN = 32
const MAX_PASSED_OVER = 8

function mayWork(state: SchedulerState, worker: WorkerState, task: ScheduledTask, nowMs: number): boolean {
  if (!worker.kinds.has(task.kind) || (task.ownerOnly === true && !worker.own)) return false
  if (task.failedOn.has(worker.peer)) return false
  if (!worker.own && task.failedOn.size >= state.limits.maxPeerFailures) return false
  if ((task.declinedUntilMs.get(worker.peer) ?? 0) > nowMs) return false
  if (task.candidates.some((candidate) => candidate.peer === worker.peer)) return false
  for (const id of task.leases) if (state.leases.get(id)?.peer === worker.peer) return false
  return true
}

const holdsInputs = (worker: WorkerState, task: ScheduledTask) =>
  task.inputs.every((input) => worker.own || worker.holds.has(input))

/** A result that is on its way or waits to be looked at keeps its lease, but not the worker: up to a window of them. */
function isFree(state: SchedulerState, worker: WorkerState): boolean {
  let arriving = 0
  for (const id of worker.leases) if (state.leases.get(id)?.arriving === true) arriving += 1
  return worker.leases.size - Math.min(arriving, worker.window) < worker.window
}

function* inOrder(job: ScheduledJob): Generator<ScheduledTask> {
  for (const index of job.urgent) yield job.tasks[index]!
  for (const index of job.ready) yield job.tasks[index]!
}

function chooseTask(
  state: SchedulerState,
  job: ScheduledJob,
  worker: WorkerState,
  free: readonly WorkerState[],
  nowMs: number,
): ScheduledTask | null {
  let first: ScheduledTask | null = null
  let unclaimed: ScheduledTask | null = null
  let looked = 0
  for (const task of inOrder(job)) {
    if (!mayWork(state, worker, task, nowMs)) continue
    if (task.inputs.length === 0 || holdsInputs(worker, task) || task.passedOver >= MAX_PASSED_OVER) {
      if (first !== null) first.passedOver += 1
      return task
    }
    first ??= task
    if (unclaimed === null && !free.some((other) => other !== worker && holdsInputs(other, task)))
      unclaimed = task
    looked += 1
    if (looked >= LOCALITY_SCAN) break
  }
  return unclaimed ?? first
}

/** Tasks that take too long in the hands of one worker: the same for whoever might be the second, so looked for once. */
function stragglers(state: SchedulerState, job: ScheduledJob, nowMs: number): ScheduledTask[] {
  const pace = medianPace(job)
  if (pace === null) return []
  const late: ScheduledTask[] = []
  for (const index of job.leased) {
    const task = job.tasks[index]!
    if (task.leases.size !== 1 || task.checking) continue
    const [id] = task.leases
    const lateMs = Math.max(state.limits.minHedgeMs, state.limits.hedgeFactor * pace * task.cost)
    if (nowMs - state.leases.get(id!)!.leasedAtMs > lateMs) late.push(task)
  }
  return late
}

function give(
  state: SchedulerState,
  job: ScheduledJob,
  task: ScheduledTask,
  worker: WorkerState,
  nowMs: number,
  hedge: boolean,
): Effect {
  const lease = {
    id: state.nextLease,
    job: job.id,
    task: task.index,
    peer: worker.peer,
    leasedAtMs: nowMs,
    // What this node does itself cannot be lost without the node.
    expiresAtMs: worker.own ? Number.POSITIVE_INFINITY : nowMs + state.limits.leaseMs,
    progress: 0,
    arriving: false,
  }
  state.nextLease += 1
  state.leases.set(lease.id, lease)
  worker.leases.add(lease.id)
  task.leases.add(lease.id)
  task.attempts += 1
  task.passedOver = 0
  settle(job, task)
  return { type: 'lease', lease, hedge }
}

type Choose = (job: ScheduledJob, worker: WorkerState, free: readonly WorkerState[]) => ScheduledTask | null

/** Gives out all that can be given out now, one task a worker in turn, so that equal workers get equal shares. */
export function dispatch(state: SchedulerState, nowMs: number): Effect[] {
  const effects: Effect[] = []
  let free = [...state.workers.values()].filter(
    (worker) => isFree(state, worker) && !state.quarantined.has(worker.peer),
  )
  if (free.length === 0) return effects
  const jobs = [...state.jobs.values()].sort((a, b) => b.priority - a.priority || a.order - b.order)

  function giveOut(job: ScheduledJob, choose: Choose, hedge: boolean): void {
    for (let gave = true; gave && free.length > 0; free = free.filter((worker) => isFree(state, worker))) {
      gave = false
      free.sort((a, b) => a.leases.size / a.window - b.leases.size / b.window)
      for (const worker of free) {
        const task = choose(job, worker, free)
        if (task === null) continue
        effects.push(give(state, job, task, worker, nowMs, hedge))
        gave = true
      }
    }
  }

  for (const job of jobs)
    giveOut(job, (of, worker, others) => chooseTask(state, of, worker, others, nowMs), false)
  for (const job of jobs) {
    if (free.length === 0) break
    const late = stragglers(state, job, nowMs)
    const choose = (_: ScheduledJob, worker: WorkerState) =>
      late.find((task) => task.leases.size === 1 && mayWork(state, worker, task, nowMs)) ?? null
    if (late.length > 0) giveOut(job, choose, true)
  }
  return effects
}
