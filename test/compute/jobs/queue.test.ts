import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { PlannedTask } from '../../../node/compute/jobs/job.ts'
import { createJobQueue, type JobRecord, type ResultRecord } from '../../../node/compute/jobs/queue.ts'
import { openStore, type Store } from '../../../node/store.ts'
import { stopMeshNodes, TEST_LOG, temporaryDirectory } from '../../helpers/mesh.ts'

const record = (id: string, more: Partial<JobRecord> = {}): JobRecord => ({
  id,
  kind: 'toys',
  params: {},
  state: 'running',
  priority: 0,
  order: 0,
  createdAtMs: 1,
  finishedAtMs: null,
  total: 3,
  stages: [{ name: 'toys', from: 0, facts: {} }],
  result: null,
  error: null,
  shares: {},
  ...more,
})
const plan: PlannedTask[] = [0, 1, 2].map((index) => ({
  kind: 'toy',
  params: { index },
  after: index === 0 ? [] : [index - 1],
  label: `toy ${index}`,
}))
const result: ResultRecord = {
  inline: 'AA==',
  cid: null,
  sizeBytes: 1,
  stats: { sum: 0 },
  vouchers: ['a'],
  exact: false,
  busyMs: 5,
}
const queueOf = (store: Store) => createJobQueue({ store, log: TEST_LOG })

test('running jobs come back with plan and results in the order of submission, finished ones without', async () => {
  const directory = await temporaryDirectory()
  const store = await openStore({ directory })
  const queue = queueOf(store)
  await queue.add(record('later', { order: 2 }), plan)
  await queue.add(record('first', { order: 1 }), plan)
  await queue.add(record('done', { order: 0 }), plan)
  for (const task of [0, 2]) await queue.putResult('first', task, result)
  await queue.putResult('later', 1, result)
  await queue.deleteResults('later', [1])
  await queue.finish(record('done', { state: 'done', result: { cid: 'x' } }))
  await queue.update(record('later', { order: 2, priority: 7 }))
  await store.close()

  const again = await openStore({ directory })
  const stored = await queueOf(again).load()
  assert.equal(
    stored.map((job) => [job.record.id, job.plan.length, [...job.results.keys()]]),
    [
      ['done', 0, []],
      ['first', 3, [0, 2]],
      ['later', 3, []],
    ],
  )
  assert.equal(stored[1]!.plan, plan)
  assert.equal(stored[1]!.results.get(2), result)
  assert.is(stored[2]!.record.priority, 7)
  assert.equal(await queueOf(again).getResult('first', 0), result)
  await again.close()
})

test('what a crash left half-written goes at the next start', async () => {
  const store = await openStore({ directory: await temporaryDirectory() })
  const queue = queueOf(store)
  const plans = store.json<PlannedTask>('job-plans')
  const results = store.json<ResultRecord>('job-results')
  await plans.put('lost/000000', plan[0]!) // the plan was written, the record was not
  await results.put('gone/000003', result) // the record said done, the results were still there
  await queue.add(record('kept'), plan)
  await queue.putResult('kept', 0, result)
  assert.equal(
    (await queue.load()).map((job) => job.record.id),
    ['kept'],
  )
  const keys: string[] = []
  for (const table of [plans, results]) for await (const [key] of table.entries()) keys.push(key)
  assert.equal(keys, ['kept/000000', 'kept/000001', 'kept/000002', 'kept/000000'])
  await queue.remove('kept')
  assert.equal(await queue.load(), [])
  for await (const [key] of plans.entries()) assert.unreachable(`${key} is left`)
  await store.close()
})

test.after(stopMeshNodes)
test.run()
