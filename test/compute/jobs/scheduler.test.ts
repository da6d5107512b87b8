import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dispatch } from '../../../node/compute/jobs/dispatch.ts'
import { createScheduledJob, medianPace } from '../../../node/compute/jobs/job-tasks.ts'
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
} from '../../../node/compute/jobs/scheduler.ts'
import {
  createSchedulerState,
  type Effect,
  type Lease,
  progressOf,
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

const plain = (count: number, init: { inputs?: string[]; kind?: string } = {}) =>
  Array.from({ length: count }, () => ({
    kind: init.kind ?? 'toy',
    after: [] as number[],
    inputs: init.inputs ?? [],
    cost: 1,
  }))

function add(
  state: SchedulerState,
  id: string,
  plan = plain(3),
  init: { priority?: number; order?: number } = {},
) {
  return addJob(
    state,
    createScheduledJob({
      id,
      plan,
      priority: init.priority ?? 0,
      order: init.order ?? 0,
      accepted: new Map(),
    }),
  )
}

function worker(state: SchedulerState, peer: string, window: number, kinds = ['toy']): void {
  addWorker(state, { peer, own: peer === OWN, kinds })
  state.workers.get(peer)!.window = window
}

const leasesOf = (effects: readonly Effect[]): Lease[] =>
  effects.flatMap((effect) => (effect.type === 'lease' ? [effect.lease] : []))
const types = (effects: readonly Effect[] | null) => effects?.map((effect) => effect.type) ?? null

test('equal workers get equal shares, and no more than their windows', () => {
  const state = createSchedulerState(LIMITS)
  for (const peer of [OWN, 'a', 'b']) worker(state, peer, 2)
  add(state, 'job', plain(30))
  const leases = leasesOf(dispatch(state, 0))
  assert.is(leases.length, 6)
  for (const peer of [OWN, 'a', 'b']) assert.is(leases.filter((lease) => lease.peer === peer).length, 2)
  assert.is(new Set(leases.map((lease) => lease.task)).size, 6)
})

test('a task waits for those before it and is leased as soon as they are done', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, OWN, 8)
  add(state, 'job', [...plain(2), { kind: 'toy', after: [0, 1], inputs: [], cost: 1 }])
  const first = leasesOf(dispatch(state, 0))
  assert.equal(
    first.map((lease) => lease.task),
    [0, 1],
  )
  assert.equal(types(onResult(state, { peer: OWN, lease: first[0]!.id, check: 'none' }, 1)), ['accepted'])
  assert.equal(leasesOf(dispatch(state, 1)), [])
  onResult(state, { peer: OWN, lease: first[1]!.id, check: 'none' }, 2)
  const last = leasesOf(dispatch(state, 2))
  assert.is(last[0]!.task, 2)
  assert.equal(types(onResult(state, { peer: OWN, lease: last[0]!.id, check: 'none' }, 3)), [
    'accepted',
    'finished',
  ])
})

test('jobs go by priority, then by age; a changed priority counts at once', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, OWN, 1)
  add(state, 'old', plain(5), { order: 1 })
  add(state, 'new', plain(5), { order: 2 })
  add(state, 'urgent', plain(1), { order: 3, priority: 5 })
  const served: string[] = []
  for (let turn = 0; turn < 4; turn++) {
    if (turn === 2) state.jobs.get('new')!.priority = 1
    const [lease] = leasesOf(dispatch(state, turn))
    served.push(lease!.job)
    onResult(state, { peer: OWN, lease: lease!.id, check: 'none' }, turn)
  }
  assert.equal(served, ['urgent', 'old', 'new', 'new'])
})

test('a worker that holds the inputs comes first, and nobody idles for it', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'holder', 1)
  worker(state, 'other', 1)
  state.workers.get('holder')!.holds.add('model')
  add(state, 'job', [...plain(1), ...plain(1, { inputs: ['model'] })])
  const byPeer = new Map(leasesOf(dispatch(state, 0)).map((lease) => [lease.peer, lease.task]))
  assert.is(byPeer.size, 2)
  const again = createSchedulerState(LIMITS)
  worker(again, 'other', 1)
  add(again, 'job', plain(1, { inputs: ['model'] }))
  assert.is(leasesOf(dispatch(again, 0)).length, 1)
})

test('a task whose inputs nobody holds is not passed over for ever', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'a', 1)
  state.workers.get('a')!.holds.add('held')
  add(state, 'job', [...plain(1, { inputs: ['rare'] }), ...plain(40, { inputs: ['held'] })])
  const order: number[] = []
  for (let turn = 0; turn < 12; turn++) {
    const [lease] = leasesOf(dispatch(state, turn))
    order.push(lease!.task)
    onResult(state, { peer: 'a', lease: lease!.id, check: 'none' }, turn)
  }
  assert.ok(order.indexOf(0) >= 1 && order.indexOf(0) <= 9, `task 0 came at ${order.indexOf(0)}`)
})

test('heartbeats keep a lease, but not beyond the longest hold', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'a', 1)
  add(state, 'job', plain(1))
  const [lease] = leasesOf(dispatch(state, 0))
  for (let nowMs = 90; nowMs < 1000; nowMs += 90) {
    assert.equal(expireLeases(state, nowMs), [])
    assert.ok(onHeartbeat(state, { peer: 'a', lease: lease!.id, progress: 0.5 }, nowMs))
  }
  assert.not(onHeartbeat(state, { peer: 'b', lease: lease!.id, progress: 0.5 }, 995))
  assert.equal(types(expireLeases(state, 1000)), ['revoke', 'silent'])
  assert.is(state.jobs.get('job')!.tasks[0]!.state, 'ready')
})

test('progress is between 0 and 1, never falls, and is no number only to a peer that says so', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'a', 1)
  add(state, 'job', plain(1))
  const [lease] = leasesOf(dispatch(state, 0))
  const task = state.jobs.get('job')!.tasks[0]!
  const seen = [0.25, Number.NaN, 0.1, -3, 0.5, 7].map((progress) => {
    assert.ok(onHeartbeat(state, { peer: 'a', lease: lease!.id, progress }, 1))
    return progressOf(state, task)
  })
  assert.equal(seen, [0.25, 0.25, 0.25, 0.25, 0.5, 1])
})

test('an expired lease goes to another, and a late result of it is refused', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'silent', 1)
  add(state, 'job', plain(1))
  const [lost] = leasesOf(dispatch(state, 0))
  const effects = expireLeases(state, 100)
  assert.equal(effects[1], { type: 'silent', peer: 'silent', kind: 'toy', silences: 1 })
  worker(state, 'b', 1)
  const [found] = leasesOf(dispatch(state, 100))
  assert.is(found!.peer, 'b')
  assert.is(onResult(state, { peer: 'silent', lease: lost!.id, check: 'none' }, 101), null)
  assert.is(onResult(state, { peer: 'silent', lease: found!.id, check: 'none' }, 101), null)
  assert.equal(types(onResult(state, { peer: 'b', lease: found!.id, check: 'none' }, 102)), [
    'accepted',
    'finished',
  ])
})

test('a straggler is hedged once, by an idle worker, and the loser’s lease is taken back', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'slow', 1)
  worker(state, 'fast', 1)
  add(state, 'job', plain(6))
  let nowMs = 0
  const [slow] = leasesOf(dispatch(state, nowMs)).filter((lease) => lease.peer === 'slow')
  for (let done = 0; done < 5; done++) {
    const lease = [...state.leases.values()].find(({ peer }) => peer === 'fast')!
    nowMs += 10
    onResult(state, { peer: 'fast', lease: lease.id, check: 'none' }, nowMs)
    dispatch(state, nowMs)
  }
  assert.is(medianPace(state.jobs.get('job')!), 10)
  assert.equal(dispatch(state, nowMs), [])
  const [hedge] = dispatch(state, 51)
  assert.ok(hedge?.type === 'lease' && hedge.hedge && hedge.lease.peer === 'fast')
  assert.equal(dispatch(state, 60), [])
  const effects = onResult(state, { peer: 'fast', lease: hedge.lease.id, check: 'none' }, 61)!
  assert.equal(types(effects), ['silent', 'revoke', 'accepted', 'finished'])
  assert.equal(effects[0], { type: 'silent', peer: 'slow', kind: 'toy', silences: 0.5 })
  assert.ok(effects[1]!.type === 'revoke' && effects[1].lease.id === slow!.id)
})

test('replicated results: two that agree stand, and a second peer is asked only after the first', () => {
  const state = createSchedulerState(LIMITS)
  for (const peer of ['a', 'b']) worker(state, peer, 4)
  add(state, 'job', plain(1))
  const [first] = leasesOf(dispatch(state, 0))
  assert.equal(onResult(state, { peer: first!.peer, lease: first!.id, check: 'replicate' }, 1), [])
  const [second] = leasesOf(dispatch(state, 2))
  assert.is.not(second!.peer, first!.peer)
  const [check] = onResult(state, { peer: second!.peer, lease: second!.id, check: 'replicate' }, 3)!
  assert.ok(check?.type === 'check' && check.depth === 'compare' && check.candidates.length === 2)
  const verdicts = [first!, second!].map(({ id }) => ({ lease: id, verdict: 'valid' as const }))
  const effects = onChecked(state, { job: 'job', task: 0, verdicts, exact: false })
  assert.equal(types(effects), ['valid', 'valid', 'dropped', 'accepted', 'finished'])
  assert.equal(state.jobs.get('job')!.tasks[0]!.accepted!.vouchers.toSorted(), ['a', 'b'])
})

test('what a liar alone vouched for is open again, with all that rests on it', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'liar', 1)
  add(state, 'job', [
    ...plain(1),
    { kind: 'toy', after: [0], inputs: [], cost: 1 },
    { kind: 'toy', after: [1], inputs: [], cost: 1 },
  ])
  for (const nowMs of [0, 1]) {
    const [lease] = leasesOf(dispatch(state, nowMs))
    onResult(state, { peer: 'liar', lease: lease!.id, check: 'none' }, nowMs)
  }
  const [third] = leasesOf(dispatch(state, 2))
  onResult(state, { peer: 'liar', lease: third!.id, check: 'full' }, 3)
  const verdicts = [{ lease: third!.id, verdict: 'invalid' as const }]
  assert.equal(types(onChecked(state, { job: 'job', task: 2, verdicts, exact: true })), ['dropped', 'lied'])
  const effects = quarantine(state, 'liar')
  const [reopened] = effects.filter((effect) => effect.type === 'reopened')
  assert.ok(reopened?.type === 'reopened')
  assert.equal(reopened.tasks.toSorted(), [0, 1, 2])
  assert.equal(
    state.jobs.get('job')!.tasks.map((task) => task.state),
    ['ready', 'waiting', 'waiting'],
  )
  assert.equal(dispatch(state, 4), [])
  worker(state, OWN, 1)
  assert.is(leasesOf(dispatch(state, 5))[0]!.task, 0)
})

test('peers that fail a task cannot fail the job; the owner’s second failure does', () => {
  const state = createSchedulerState(LIMITS)
  for (const peer of ['a', 'b', 'c', 'd']) worker(state, peer, 1)
  add(state, 'job', plain(1))
  for (let turn = 0; turn < 3; turn++) {
    const [lease] = leasesOf(dispatch(state, turn))
    const failure = { peer: lease!.peer, lease: lease!.id, declined: false, retryAfterMs: 0 }
    assert.equal(onFailure(state, failure, turn), [])
  }
  assert.equal(dispatch(state, 10), [])
  worker(state, OWN, 1)
  for (const [atMs, expected] of [
    [12, []],
    [62, ['failed']],
  ] as const) {
    const [lease] = leasesOf(dispatch(state, atMs))
    const failure = { peer: OWN, lease: lease!.id, declined: false, retryAfterMs: 50 }
    assert.equal(types(onFailure(state, failure, atMs)), expected)
    assert.equal(dispatch(state, atMs + 49), [], 'the second try is not at once')
  }
})

test('a task that was declined comes back to the same worker later', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'a', 1)
  add(state, 'job', plain(1))
  const [lease] = leasesOf(dispatch(state, 0))
  onFailure(state, { peer: 'a', lease: lease!.id, declined: true, retryAfterMs: 50 }, 0)
  assert.equal(dispatch(state, 49), [])
  assert.is(leasesOf(dispatch(state, 50)).length, 1)
})

test('a worker that goes leaves its tasks to others at once, and without blame', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'a', 2)
  add(state, 'job', plain(2))
  const [lost] = leasesOf(dispatch(state, 0))
  removeWorker(state, 'a')
  removeWorker(state, 'nobody')
  assert.is(state.leases.size, 0)
  assert.is(onFailure(state, { peer: 'a', lease: lost!.id, declined: false, retryAfterMs: 0 }, 1), null)
  worker(state, 'b', 2)
  assert.equal(
    leasesOf(dispatch(state, 1)).map(({ peer, task }) => [peer, task]),
    [
      ['b', 0],
      ['b', 1],
    ],
  )
  assert.equal(expireLeases(state, 101).filter(({ type }) => type === 'silent').length, 1)
})

test('a removed job takes its leases with it', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'a', 2)
  add(state, 'job', plain(2))
  dispatch(state, 0)
  assert.equal(types(removeJob(state, 'job', 'JOB_CANCELLED')), ['revoke', 'revoke'])
  assert.is(state.leases.size, 0)
  assert.is(state.workers.get('a')!.leases.size, 0)
})

test('workers get only kinds that they know', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, 'a', 2, ['other'])
  add(state, 'job', plain(2))
  assert.equal(dispatch(state, 0), [])
})

test('an accepted result of an earlier run is not computed again', () => {
  const state = createSchedulerState(LIMITS)
  worker(state, OWN, 9)
  const accepted = new Map([[0, { lease: 0, vouchers: [OWN], exact: true }]])
  const plan = [...plain(2), { kind: 'toy', after: [0], inputs: [], cost: 1 }]
  addJob(state, createScheduledJob({ id: 'job', plan, priority: 0, order: 0, accepted }))
  assert.equal(
    leasesOf(dispatch(state, 0)).map((lease) => lease.task),
    [1, 2],
  )
  assert.equal(
    types(addJob(state, createScheduledJob({ id: 'empty', plan: [], priority: 0, order: 1, accepted }))),
    ['finished'],
  )
})

test.run()
