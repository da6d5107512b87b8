import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dispatch } from '../../../node/compute/jobs/dispatch.ts'
import { createScheduledJob } from '../../../node/compute/jobs/job-tasks.ts'
import { addJob, addWorker } from '../../../node/compute/jobs/scheduler.ts'
import { createSchedulerState } from '../../../node/compute/jobs/scheduler-state.ts'

test('a result that is on its way leaves room for other work, up to a window of them', () => {
  const state = createSchedulerState({
    leaseMs: 100,
    maxHoldFactor: 10,
    hedgeFactor: 3,
    minHedgeMs: 50,
    replication: 2,
    maxPeerFailures: 3,
  })
  addWorker(state, { peer: 'a', own: false, kinds: ['toy'] })
  state.workers.get('a')!.window = 1
  const plan = Array.from({ length: 30 }, () => ({ kind: 'toy', after: [], inputs: [], cost: 1 }))
  addJob(state, createScheduledJob({ id: 'job', plan, priority: 0, order: 0, accepted: new Map() }))
  const given = () => dispatch(state, 0).filter(({ type }) => type === 'lease').length
  const arrive = () => {
    for (const lease of state.leases.values()) lease.arriving = true
  }
  assert.equal([given(), given()], [1, 0])
  arrive()
  assert.equal([given(), given()], [1, 0])
  arrive()
  assert.is(given(), 0, 'two wait to be looked at')
})

test.run()
