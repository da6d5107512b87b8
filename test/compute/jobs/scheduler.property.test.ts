/** The scheduler under everything that workers can do to it. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dispatch } from '../../../node/compute/jobs/dispatch.ts'
import { type Check, createScheduledJob, isFinished } from '../../../node/compute/jobs/job-tasks.ts'
import {
  addJob,
  addWorker,
  expireLeases,
  onChecked,
  onFailure,
  onHeartbeat,
  onResult,
  quarantine,
  removeWorker,
} from '../../../node/compute/jobs/scheduler.ts'
import {
  createSchedulerState,
  type Effect,
  type Lease,
  type SchedulerLimits,
  type SchedulerState,
} from '../../../node/compute/jobs/scheduler-state.ts'

const LIMITS: SchedulerLimits = {
  leaseMs: 100,
  maxHoldFactor: 10,
  hedgeFactor: 3,
  minHedgeMs: 50,
  replication: 2,
  maxPeerFailures: 3,
}
const OWN = 'own'

function worker(state: SchedulerState, peer: string, window: number): void {
  addWorker(state, { peer, own: peer === OWN, kinds: ['toy'] })
  state.workers.get(peer)!.window = window
}

type Behaviour = 'honest' | 'liar' | 'silent' | 'failing' | 'fickle'
const BEHAVIOURS: readonly Behaviour[] = ['honest', 'liar', 'silent', 'failing', 'fickle']

/** Plays a village of workers against the scheduler and keeps the books that the invariants are about. */
class Village {
  readonly state: SchedulerState
  readonly lies = new Set<number>()
  readonly finished = new Set<string>()
  readonly failed = new Set<string>()
  /** Accepted less reopened, by task. */
  readonly counts = new Map<string, number>()
  nowMs = 0
  readonly behaviours: ReadonlyMap<string, Behaviour>
  readonly checks: readonly Check[]
  readonly random: () => number
  #queue: Effect[] = []

  constructor(behaviours: ReadonlyMap<string, Behaviour>, checks: readonly Check[], random: () => number) {
    this.state = createSchedulerState(LIMITS)
    this.behaviours = behaviours
    this.checks = checks
    this.random = random
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.random() * items.length)]!
  }

  take(effects: readonly Effect[] | null): void {
    this.#queue.push(...(effects ?? []))
    for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift())
      this.perform(effect)
  }

  perform(effect: Effect): void {
    if (effect.type === 'accepted') {
      for (const peer of effect.accepted.vouchers)
        assert.not(this.state.quarantined.has(peer), 'a result of a quarantined peer was accepted')
      this.count(effect.job, effect.task, 1)
    } else if (effect.type === 'reopened') for (const task of effect.tasks) this.reopen(effect.job, task)
    else if (effect.type === 'check') {
      const { job, task, depth } = effect
      const verdicts = effect.candidates.map(({ lease }) => ({
        lease,
        verdict: this.lies.has(lease) ? ('invalid' as const) : ('valid' as const),
      }))
      this.#queue.push(...onChecked(this.state, { job, task, verdicts, exact: depth === 'full' }))
    } else if (effect.type === 'lied' || (effect.type === 'silent' && effect.silences >= 3)) {
      this.#queue.push(...quarantine(this.state, effect.peer))
      removeWorker(this.state, effect.peer)
    } else if (effect.type === 'finished') this.finished.add(effect.job)
    else if (effect.type === 'failed') this.failed.add(effect.job)
  }

  count(job: string, task: number, change: number): void {
    const key = `${job}/${task}`
    const next = (this.counts.get(key) ?? 0) + change
    assert.ok(next === 0 || next === 1, `task ${key} was accepted ${next} times`)
    this.counts.set(key, next)
  }

  reopen(job: string, task: number): void {
    // A task that only waits again was not accepted before.
    if (this.counts.get(`${job}/${task}`) === 1) this.count(job, task, -1)
    this.finished.delete(job)
  }

  step(): void {
    this.nowMs += Math.floor(this.random() * 40)
    this.take(expireLeases(this.state, this.nowMs))
    this.take(dispatch(this.state, this.nowMs))
    for (const lease of [...this.state.leases.values()])
      if (this.state.leases.has(lease.id) && this.random() < 0.5) this.act(lease)
    for (const [peer] of this.behaviours) {
      if (peer === OWN || this.random() > 0.05) continue
      if (this.state.workers.has(peer)) removeWorker(this.state, peer)
      else if (!this.state.quarantined.has(peer)) worker(this.state, peer, 1 + Math.floor(this.random() * 4))
    }
  }

  act(lease: Lease): void {
    const { peer, id } = lease
    const behaviour = this.behaviours.get(peer)!
    if (behaviour === 'silent') return
    const roll = this.random()
    if (behaviour === 'failing' || (behaviour === 'fickle' && roll < 0.2)) {
      this.take(
        onFailure(this.state, { peer, lease: id, declined: roll < 0.1, retryAfterMs: 30 }, this.nowMs),
      )
      return
    }
    if (roll < 0.3) {
      onHeartbeat(this.state, { peer, lease: id, progress: roll }, this.nowMs)
      return
    }
    if (behaviour === 'liar' && this.random() < 0.5) this.lies.add(id)
    const check = peer === OWN ? 'none' : this.pick(this.checks)
    this.take(onResult(this.state, { peer, lease: id, check }, this.nowMs))
  }
}

function seeded(seed: number): () => number {
  let value = seed
  return () => {
    value = (value + 0x6d2b79f5) | 0
    let mixed = Math.imul(value ^ (value >>> 15), 1 | value)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

test('whatever happens, every task ends done once and nothing of a quarantined peer is used', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.array(fc.constantFrom(...BEHAVIOURS), { maxLength: 5 }),
      fc.constantFrom<Check[]>(['full'], ['replicate'], ['none', 'spot', 'full'], ['none', 'replicate']),
      fc.integer({ min: 1, max: 25 }),
      (seed, peers, checks, tasks) => {
        const random = seeded(seed)
        const behaviours = new Map<string, Behaviour>([
          [OWN, 'honest'],
          ...peers.map((behaviour, index) => [`peer-${index}`, behaviour] as const),
        ])
        const village = new Village(behaviours, checks, random)
        for (const peer of behaviours.keys()) worker(village.state, peer, 1 + Math.floor(random() * 4))
        const plan = Array.from({ length: tasks }, (_, index) => ({
          kind: 'toy',
          after: index > 0 && random() < 0.3 ? [Math.floor(random() * index)] : [],
          inputs: random() < 0.3 ? ['model'] : [],
          cost: 1 + random(),
        }))
        for (const [order, id] of ['one', 'two'].entries())
          village.take(
            addJob(
              village.state,
              createScheduledJob({ id, plan, priority: order, order, accepted: new Map() }),
            ),
          )
        for (let step = 0; step < 2_000 && village.finished.size < 2; step++) village.step()
        assert.equal([...village.failed], [])
        assert.is(village.finished.size, 2, 'a job did not end although the owner works')
        for (const job of village.state.jobs.values()) {
          assert.ok(isFinished(job))
          for (const task of job.tasks) {
            assert.is(village.counts.get(`${job.id}/${task.index}`), 1)
            const { vouchers, exact } = task.accepted!
            assert.ok(exact || vouchers.some((peer) => !village.state.quarantined.has(peer)))
            assert.is(task.leases.size, 0)
          }
        }
      },
    ),
    { numRuns: 300 },
  )
})

test.run()
