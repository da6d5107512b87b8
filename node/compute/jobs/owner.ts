/**
 * The owning side: carries out what the scheduler decides. It hands leases to workers, keeps the results that wait for
 * a check, has them checked, and reports accepted ones. It knows tasks, not what a job is for (that is jobs.ts).
 */
import { type ErrorCode, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Pool } from '../pool.ts'
import type { KnownAnswers } from '../tasks/known-answers.ts'
import type { TaskKind, TaskOutput } from '../tasks/task.ts'
import { createChecker } from './checks.ts'
import { dispatch } from './dispatch.ts'
import { createInbox } from './inbox.ts'
import type { PlannedTask } from './job.ts'
import { type Accepted, createScheduledJob, openToPeers } from './job-tasks.ts'
import type { OutputRef, OwnerEvents, OwnerLink, WorkerLink } from './links.ts'
import { createPlans } from './plans.ts'
import {
  addJob,
  addWorker,
  expireLeases,
  onChecked,
  onFailure,
  onHeartbeat,
  onResult,
  quarantine,
  removeJob,
  removeWorker,
} from './scheduler.ts'
import { extendJob, truncateJob } from './scheduler-stages.ts'
import {
  createSchedulerState,
  type Effect,
  type SchedulerLimits,
  type SchedulerState,
} from './scheduler-state.ts'
import { MAX_SILENCES } from './trust.ts'
import type { TrustBook } from './trust-book.ts'

interface Components {
  readonly artifacts: Pick<Artifacts, 'addBytes' | 'fetch' | 'read' | 'pin' | 'unpin' | 'has' | 'materialize'>
  readonly pool: Pick<Pool, 'run'>
  readonly trust: TrustBook
  readonly log: Log
}

interface Init {
  readonly ownPeer: string
  readonly kinds: ReadonlyMap<string, TaskKind>
  readonly limits: SchedulerLimits
  readonly modelsDirectory: string
  readonly known: KnownAnswers
  readonly now: () => number
  readonly random: () => number
  readonly on: OwnerEvents
}

export interface Owner {
  readonly state: SchedulerState
  add(
    job: { id: string; priority: number; order: number; plan: readonly PlannedTask[] },
    accepted: ReadonlyMap<number, Accepted>,
  ): void
  /** The next stage of a job: more tasks behind those that it has. */
  extend(job: string, tasks: readonly PlannedTask[]): void
  /** Forgets the tasks from `length` on: they were planned from results that do not count any more. */
  truncate(job: string, length: number): void
  remove(job: string, code: ErrorCode): void
  setPriority(job: string, priority: number): void
  /** Connects a worker; `close` when it is gone. Throws PEER_QUARANTINED. */
  attach(init: { peer: string; kinds: readonly string[] }, link: WorkerLink): OwnerLink & { close(): void }
  /** A peer was proven a liar elsewhere: it is quarantined as if it had lied in a job. */
  distrust(peer: string, kind: string, reason: string): void
  /** Peers were pardoned or their time is over. */
  refreshTrust(): void
  openTasks(): number
  stop(): Promise<void>
}

/** A paused or busy worker is asked again after this long. */
const RETRY_DECLINED_MS = 1_000
const MAX_TICK_MS = 1_000
/** Progress never falls (scheduler.ts), so that a peer causes at most fifty events by a lease. */
const MIN_PROGRESS = 0.02

export function createOwner(components: Components, init: Init): Owner {
  const { trust, log } = components
  const { ownPeer, on, now } = init
  const state = createSchedulerState(init.limits)
  const plans = createPlans(init)
  const links = new Map<string, WorkerLink>()
  const inbox = createInbox(components)
  const working = new Set<Promise<void>>()
  const stopping = new AbortController()
  const checker = createChecker(components, { ...init, signal: stopping.signal })
  let timer: NodeJS.Timeout | undefined
  let dispatching = false

  function track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => log.error({ err: error }, 'job bookkeeping failed'))
      .finally(() => working.delete(tracked))
    working.add(tracked)
  }

  /**
   * Several results of one tick are followed by one dispatch. Not a microtask: tasks that take no time at all would then
   * follow one another without ever letting the network have its turn.
   */
  function dispatchSoon(): void {
    if (dispatching || stopping.signal.aborted) return
    dispatching = true
    setImmediate(() => {
      dispatching = false
      if (!stopping.signal.aborted) carryOut(dispatch(state, now()))
    })
  }

  function tick(): void {
    carryOut(expireLeases(state, now()))
    dispatchSoon()
  }

  function updateTimer(): void {
    if (state.jobs.size === 0 || stopping.signal.aborted) {
      clearInterval(timer)
      timer = undefined
    } else timer ??= setInterval(tick, Math.min(MAX_TICK_MS, init.limits.leaseMs / 4))
  }

  async function check(effect: Extract<Effect, { type: 'check' }>): Promise<void> {
    const { planned, kind } = plans.at(effect)
    const outcome = await checker.check({
      kind,
      params: planned.params,
      depth: effect.depth,
      candidates: effect.candidates,
      output: inbox.read,
    })
    if (stopping.signal.aborted) return
    if (outcome.problem !== null) plans.noteProblem(effect, outcome.problem)
    carryOut(onChecked(state, { job: effect.job, task: effect.task, ...outcome }))
    dispatchSoon()
  }

  function blame(peer: string, kind: string, reason: string, cause: 'lie' | 'silence'): void {
    track(trust.blame(peer, { kind, reason, cause }))
    log.warn({ peer, kind, cause }, 'peer quarantined')
    carryOut(quarantine(state, peer))
    if (cause === 'lie') on.lied(peer)
    const link = links.get(peer)
    detach(peer)
    link?.end('PEER_QUARANTINED')
  }

  function carryOut(effects: readonly Effect[]): void {
    on.decided(effects)
    for (const effect of effects) perform(effect)
    updateTimer()
  }

  function perform(effect: Effect): void {
    switch (effect.type) {
      case 'lease': {
        const { id, job, task, peer } = effect.lease
        const { kind, params } = plans.at(effect.lease).planned
        links.get(peer)!.lease({ lease: id, kind, params, leaseMs: init.limits.leaseMs })
        on.taskChanged(job, task, peer)
        break
      }
      case 'revoke':
        links.get(effect.lease.peer)?.revoke(effect.lease.id, effect.code)
        break
      case 'check':
        track(check(effect))
        break
      case 'accepted': {
        // Gone with its stage: an earlier effect of the same decision took back what it was planned from.
        const { accepted } = state.jobs.get(effect.job)?.tasks[effect.task] ?? { accepted: null }
        if (accepted !== effect.accepted) {
          inbox.take(effect.accepted.lease)
          break
        }
        on.accepted(effect.job, effect.task, inbox.take(effect.accepted.lease)!, effect.accepted)
        on.taskChanged(effect.job, effect.task, null)
        break
      }
      case 'reopened':
        on.reopened(effect.job, effect.tasks)
        break
      case 'valid':
        trust.valid(effect.peer, effect.kind)
        break
      case 'lied':
        blame(effect.peer, effect.kind, 'it returned a result that is not right', 'lie')
        break
      case 'silent':
        if (effect.silences >= MAX_SILENCES)
          blame(effect.peer, effect.kind, 'it took tasks and returned nothing', 'silence')
        break
      case 'dropped':
        inbox.take(effect.lease)
        break
      case 'finished':
        on.finished(effect.job)
        break
      case 'failed':
        on.failed(effect.job, effect.task, plans.problem(effect) ?? new VillageError('TASK_FAILED'))
        break
    }
  }

  async function takeResult(
    peer: string,
    result: { lease: number; stats: JsonObject; busyMs: number; output: OutputRef },
  ): Promise<void> {
    const lease = state.leases.get(result.lease)
    if (lease === undefined || lease.peer !== peer || inbox.isArriving(result.lease)) {
      links.get(peer)?.revoke(result.lease, 'LEASE_UNKNOWN')
      return
    }
    const { planned, kind } = plans.at(lease)
    // What this node computed itself needs no bound.
    const maxOutputBytes = peer === ownPeer ? Infinity : kind.estimate(planned.params).maxOutputBytes
    const busyMs = Math.min(result.busyMs, Math.max(0, now() - lease.leasedAtMs))
    const decided = trust.check(peer, kind)
    // A spot or full check looks at all of this again; what this node computed itself needs no look.
    const onItsWord = peer !== ownPeer && (decided === 'none' || decided === 'replicate')
    const output = { peer, stats: result.stats, ref: result.output, busyMs }
    const inspect = onItsWord ? (given: TaskOutput) => checker.inspect(kind, planned.params, given) : null
    const receiving = { job: lease.job, maxOutputBytes, inspect, signal: stopping.signal }
    lease.arriving = true
    dispatchSoon()
    const failure = await inbox.receive(lease.id, output, receiving)
    if (stopping.signal.aborted) return
    if (failure !== null) {
      log.debug({ err: failure, peer }, 'output not received')
      if (failure.code === 'RESULT_INVALID') blame(peer, planned.kind, failure.message, 'lie')
      // What is promised and not delivered is silence.
      else if (state.leases.has(lease.id)) lease.expiresAtMs = 0
      carryOut(expireLeases(state, now()))
      dispatchSoon()
      return
    }
    const effects = onResult(state, { peer, lease: result.lease, check: decided }, now())
    if (effects === null) {
      inbox.take(result.lease)
      links.get(peer)?.revoke(result.lease, 'LEASE_REVOKED')
    } else {
      links.get(peer)?.settled(result.lease)
      carryOut(effects)
    }
    dispatchSoon()
  }

  function detach(peer: string): void {
    links.delete(peer)
    removeWorker(state, peer)
    dispatchSoon()
  }

  return {
    state,
    add(job, accepted) {
      const plan = plans.append(job.id, job.plan)
      carryOut(addJob(state, createScheduledJob({ ...job, plan, accepted })))
      dispatchSoon()
    },
    extend(job, tasks) {
      extendJob(state, job, plans.append(job, tasks))
      dispatchSoon()
    },
    truncate(job, length) {
      carryOut(truncateJob(state, job, length, 'LEASE_REVOKED'))
      plans.truncate(job, length)
    },
    remove(job, code) {
      carryOut(removeJob(state, job, code))
      plans.truncate(job, 0)
      dispatchSoon()
    },
    setPriority(job, priority) {
      const scheduled = state.jobs.get(job)
      if (scheduled !== undefined) scheduled.priority = priority
    },
    attach({ peer, kinds: known }, link) {
      const own = peer === ownPeer
      if (!own && trust.quarantined(peer)) throw new VillageError('PEER_QUARANTINED')
      state.quarantined.delete(peer)
      const before = links.get(peer)
      if (before !== undefined) {
        detach(peer)
        before.end('')
      }
      links.set(peer, link)
      addWorker(state, { peer, own, kinds: known })
      const current = () => links.get(peer) === link
      return {
        window(leases) {
          const worker = state.workers.get(peer)
          if (!current() || worker === undefined) return
          worker.window = leases
          dispatchSoon()
        },
        heartbeat(leases) {
          if (!current()) return
          for (const { lease, share } of leases) {
            const held = state.leases.get(lease)
            const before = held?.progress ?? 0
            if (!onHeartbeat(state, { peer, lease, progress: share }, now()))
              link.revoke(lease, 'LEASE_UNKNOWN')
            else if (held!.progress - before >= MIN_PROGRESS) on.taskChanged(held!.job, held!.task, peer)
          }
        },
        result(result) {
          if (current()) track(takeResult(peer, result))
        },
        failure({ lease, code, declined, error }) {
          if (!current()) return
          const held = state.leases.get(lease)
          if (own && held !== undefined && !declined)
            plans.noteProblem(held, error ?? new VillageError('TASK_FAILED', `A task failed with ${code}`))
          if (held?.peer === peer) on.gaveBack(held, { code, declined })
          const effects = onFailure(state, { peer, lease, declined, retryAfterMs: RETRY_DECLINED_MS }, now())
          if (effects === null) link.revoke(lease, 'LEASE_UNKNOWN')
          else carryOut(effects)
          dispatchSoon()
        },
        close() {
          if (current()) detach(peer)
        },
      }
    },
    distrust: (peer, kind, reason) => blame(peer, kind, reason, 'lie'),
    refreshTrust() {
      for (const peer of state.quarantined) if (!trust.quarantined(peer)) state.quarantined.delete(peer)
    },
    openTasks: () => [...state.jobs.values()].reduce((open, job) => open + openToPeers(job), 0),
    async stop() {
      stopping.abort(new VillageError('SHUTTING_DOWN'))
      updateTimer()
      for (const [peer, link] of [...links]) {
        links.delete(peer)
        link.end('SHUTTING_DOWN')
      }
      while (working.size > 0) await Promise.allSettled(working)
    },
  }
}
