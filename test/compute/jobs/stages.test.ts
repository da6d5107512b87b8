/** Jobs that are planned stage by stage: as the scheduler sees them, as they are stored, and what goes when a result falls. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dispatch } from '../../../node/compute/jobs/dispatch.ts'
import type { PlannedTask } from '../../../node/compute/jobs/job.ts'
import { createScheduledJob, isFinished } from '../../../node/compute/jobs/job-tasks.ts'
import { createJobQueue, type JobRecord, type ResultRecord } from '../../../node/compute/jobs/queue.ts'
import { resumedJob } from '../../../node/compute/jobs/resumed-results.ts'
import {
  addJob,
  addWorker,
  onChecked,
  onResult,
  quarantine,
  removeWorker,
} from '../../../node/compute/jobs/scheduler.ts'
import { extendJob, truncateJob } from '../../../node/compute/jobs/scheduler-stages.ts'
import { createSchedulerState, type Effect } from '../../../node/compute/jobs/scheduler-state.ts'
import { endOfStage, type StageRecord, stagesWithin } from '../../../node/compute/jobs/stages.ts'
import { openStore } from '../../../node/store.ts'
import { stopMeshNodes, TEST_LOG, temporaryDirectory } from '../../helpers/mesh.ts'

const LIMITS = {
  leaseMs: 100,
  maxHoldFactor: 10,
  hedgeFactor: 3,
  minHedgeMs: 50,
  replication: 2,
  maxPeerFailures: 3,
}
const shapes = (count: number, after: number[] = []) =>
  Array.from({ length: count }, () => ({ kind: 'toy', after, inputs: [], cost: 1 }))
const leasesOf = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.type === 'lease' ? [effect.lease] : []))

function village(tasks: number) {
  const state = createSchedulerState(LIMITS)
  addJob(
    state,
    createScheduledJob({ id: 'job', plan: shapes(tasks), priority: 0, order: 0, accepted: new Map() }),
  )
  for (const peer of ['own', 'a', 'b']) {
    addWorker(state, { peer, own: peer === 'own', kinds: ['toy'] })
    state.workers.get(peer)!.window = 10
  }
  return { state, job: state.jobs.get('job')! }
}

test('a job grows by a stage and shrinks again, and its leases end with the tasks', () => {
  const { state, job } = village(2)
  for (const { peer, id } of leasesOf(dispatch(state, 0)))
    onResult(state, { peer, lease: id, check: 'none' }, 1)
  assert.ok(isFinished(job))
  extendJob(state, 'job', shapes(3, [0]))
  assert.not(isFinished(job))
  assert.equal(job.tasks[0]!.dependents, [2, 3, 4])
  const leases = leasesOf(dispatch(state, 2))
  assert.equal(leases.map(({ task }) => task).sort(), [2, 3, 4])
  const [done, held, other] = leases as [(typeof leases)[0], (typeof leases)[0], (typeof leases)[0]]
  onResult(state, { peer: done.peer, lease: done.id, check: 'none' }, 3)
  onResult(state, { peer: held.peer, lease: held.id, check: 'replicate' }, 3)
  const effects = truncateJob(state, 'job', 2, 'LEASE_REVOKED')
  assert.equal(
    effects.map((effect) => effect.type).sort(),
    ['dropped', 'revoke'],
    'one candidate is dropped and one lease is revoked',
  )
  assert.ok(isFinished(job))
  assert.equal(job.tasks[0]!.dependents, [])
  assert.is(state.leases.has(other.id), false)
  assert.is(onResult(state, { peer: other.peer, lease: other.id, check: 'none' }, 4), null)
  assert.equal(dispatch(state, 5), [])
})

test('verdicts on a task that was planned anew meanwhile are not taken for it', () => {
  const { state, job } = village(1)
  const [first] = leasesOf(dispatch(state, 0))
  onResult(state, { peer: first!.peer, lease: first!.id, check: 'none' }, 1)
  extendJob(state, 'job', shapes(1))
  const [old] = leasesOf(dispatch(state, 2))
  const checking = onResult(state, { peer: old!.peer, lease: old!.id, check: 'full' }, 3)!
  assert.is(checking[0]!.type, 'check')
  truncateJob(state, 'job', 1, 'LEASE_REVOKED')
  extendJob(state, 'job', shapes(1))
  const [anew] = leasesOf(dispatch(state, 4))
  onResult(state, { peer: anew!.peer, lease: anew!.id, check: 'full' }, 5)
  const stale = onChecked(state, {
    job: 'job',
    task: 1,
    verdicts: [{ lease: old!.id, verdict: 'valid' }],
    exact: true,
  })
  assert.equal(stale, [])
  assert.is(job.tasks[1]!.checking, true, 'its own check still runs')
  const own = onChecked(state, {
    job: 'job',
    task: 1,
    verdicts: [{ lease: anew!.id, verdict: 'valid' }],
    exact: true,
  })
  assert.ok(own.some((effect) => effect.type === 'finished'))
})

test('a quarantine that takes results back is counted, so that what was planned from them is known to be void', () => {
  const { state, job } = village(2)
  const leases = leasesOf(dispatch(state, 0))
  for (const { peer, id } of leases) onResult(state, { peer, lease: id, check: 'none' }, 1)
  const liar = leases.find(({ peer }) => peer !== 'own')!.peer
  assert.is(job.reopenings, 0)
  quarantine(state, liar)
  assert.is(job.reopenings, 1)
  assert.not(isFinished(job))
})

test('whatever is lost and taken back, all stages end done, and nothing of a stage outlives it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
      fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
      (sizes, numbers) => {
        const random = () => numbers.next().value as number
        const { state, job } = village(sizes[0]!)
        /** Where each stage ends; the last one runs. */
        let ends = [sizes[0]!]
        let isDone = false
        const queue: Effect[] = []
        const perform = (effects: readonly Effect[] | null) => {
          queue.push(...(effects ?? []))
          for (let effect = queue.shift(); effect !== undefined; effect = queue.shift()) {
            if (effect.type === 'check') {
              const verdicts = effect.candidates.map(({ lease }) => ({ lease, verdict: 'valid' as const }))
              queue.push(...onChecked(state, { job: 'job', task: effect.task, verdicts, exact: false }))
            } else if (effect.type === 'reopened') {
              const first = Math.min(...effect.tasks)
              ends = ends.slice(0, ends.findIndex((end) => end > first) + 1)
              queue.push(...truncateJob(state, 'job', ends.at(-1)!, 'LEASE_REVOKED'))
              isDone = false
            } else if (effect.type === 'finished' && isFinished(job)) {
              if (ends.length === sizes.length) isDone = true
              else {
                extendJob(state, 'job', shapes(sizes[ends.length]!))
                ends.push(job.tasks.length)
              }
            }
          }
        }
        for (let step = 0; step < 500 && !isDone; step++) {
          perform(dispatch(state, step * 10))
          for (const { id, peer } of [...state.leases.values()])
            if (state.leases.has(id) && random() < 0.7)
              perform(
                onResult(state, { peer, lease: id, check: random() < 0.5 ? 'none' : 'spot' }, step * 10),
              )
          for (const peer of ['a', 'b'])
            if (random() < 0.05 && !state.quarantined.has(peer)) {
              perform(quarantine(state, peer))
              removeWorker(state, peer)
            }
          assert.is(job.tasks.length, ends.at(-1))
          assert.is(job.done, job.tasks.filter((task) => task.state === 'done').length)
          for (const lease of state.leases.values())
            assert.ok(job.tasks[lease.task]?.leases.has(lease.id), 'a lease is of a task that is not there')
        }
        assert.ok(isDone, 'the job did not end although its owner works')
        assert.is(
          job.tasks.length,
          sizes.reduce((sum, size) => sum + size, 0),
        )
        assert.ok(job.tasks.every(({ accepted }) => accepted !== null))
      },
    ),
    { numRuns: 200 },
  )
})

const stages: StageRecord[] = [
  { name: 'survey', from: 0, facts: { n: 1 } },
  { name: 'first', from: 0, facts: {} },
  { name: 'number', from: 2, facts: {} },
  { name: 'second', from: 2, facts: {} },
  { name: 'third', from: 4, facts: {} },
]

test('what is planned from a task ends with its stage', () => {
  assert.is(endOfStage(stages, 6, 1), 2)
  assert.is(endOfStage(stages, 6, 3), 4)
  assert.is(endOfStage(stages, 6, 5), 6)
  assert.equal(
    stagesWithin(stages, 2).map(({ name }) => name),
    ['survey', 'first'],
    'a stage without tasks goes with the tasks that it was planned from',
  )
})

const record = (more: Partial<JobRecord> = {}): JobRecord => ({
  id: 'job',
  kind: 'toys',
  params: {},
  state: 'running',
  priority: 0,
  order: 0,
  createdAtMs: 1,
  finishedAtMs: null,
  total: 6,
  stages,
  result: null,
  error: null,
  shares: {},
  ...more,
})
const plan: PlannedTask[] = Array.from({ length: 6 }, (_, index) => ({
  kind: 'toy',
  params: { index },
  after: [],
  label: `toy ${index}`,
}))
const resultOf = (voucher: string): ResultRecord => ({
  inline: 'AA==',
  cid: null,
  sizeBytes: 1,
  stats: {},
  vouchers: [voucher],
  exact: false,
  busyMs: 1,
})

test('a job is taken up with the stages that rest on results which are there and count', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('honest', 'liar', null), { minLength: 6, maxLength: 6 }),
      (vouchers) => {
        const results = new Map(
          vouchers.flatMap((voucher, task) => (voucher === null ? [] : [[task, resultOf(voucher)] as const])),
        )
        const { job, fallen } = resumedJob({ record: record(), plan, results }, (peer) => peer === 'liar')
        const counts = (task: number) => vouchers[task] === 'honest'
        const expected = !(counts(0) && counts(1)) ? 2 : !(counts(2) && counts(3)) ? 4 : 6
        assert.is(job.record.total, expected)
        assert.is(job.plan.length, expected)
        assert.equal(job.record.stages, expected === 6 ? stages : stagesWithin(stages, expected))
        assert.equal(
          [...job.results.keys()],
          [0, 1, 2, 3, 4, 5].filter((task) => task < expected && counts(task)),
        )
        assert.equal(
          fallen,
          [0, 1, 2, 3, 4, 5].filter((task) => vouchers[task] === 'liar'),
        )
      },
    ),
  )
})

test('a stage counts when its record is written, and is gone when the record says so', async () => {
  const directory = await temporaryDirectory()
  const store = await openStore({ directory })
  const queue = createJobQueue({ store, log: TEST_LOG })
  const first = record({ total: 2, stages: stages.slice(0, 2) })
  await queue.add(first, plan.slice(0, 2))
  // The plan of the next stage was written, then the daemon was killed.
  await store.json<PlannedTask>('job-plans').put('job/000002', plan[2]!)
  assert.equal((await queue.load())[0]!.plan, plan.slice(0, 2))
  assert.is(await store.json('job-plans').get('job/000002'), undefined)

  await queue.extend(record({ total: 4, stages: stages.slice(0, 4) }), plan.slice(2, 4))
  await queue.putResult('job', 3, resultOf('a'))
  const [extended] = await queue.load()
  assert.equal(extended!.plan, plan.slice(0, 4))
  assert.equal(extended!.record.stages, stages.slice(0, 4))
  assert.equal([...extended!.results.keys()], [3])

  await queue.truncate(first)
  const [truncated] = await queue.load()
  assert.equal(truncated!.plan, plan.slice(0, 2))
  assert.is(truncated!.results.size, 0)
  await store.close()
})

test('a job stored by a daemon that knew no stages is one stage', async () => {
  const store = await openStore({ directory: await temporaryDirectory() })
  const { stages: _, ...old } = record({ total: 2 })
  await store.json('jobs').put('job', old)
  await store.json('job-plans').put('job/000000', plan[0]!)
  await store.json('job-plans').put('job/000001', plan[1]!)
  const [job] = await createJobQueue({ store, log: TEST_LOG }).load()
  assert.equal(job!.record.stages, [{ name: 'toys', from: 0, facts: {} }])
  assert.is(job!.plan.length, 2)
  await store.close()
})

test.after(stopMeshNodes)
test.run()
