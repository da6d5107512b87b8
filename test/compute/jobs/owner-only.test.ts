/** Tasks on private data: no peer is given one, and no peer can have one done here. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dispatch } from '../../../node/compute/jobs/dispatch.ts'
import { isNeededByPeers } from '../../../node/compute/jobs/guests.ts'
import { createScheduledJob, openToPeers } from '../../../node/compute/jobs/job-tasks.ts'
import { dropKeptFiles, keptDirectory, sweepKeptFiles } from '../../../node/compute/jobs/kept-files.ts'
import type { OwnerConnection } from '../../../node/compute/jobs/links.ts'
import { addJob, addWorker } from '../../../node/compute/jobs/scheduler.ts'
import { createSchedulerState } from '../../../node/compute/jobs/scheduler-state.ts'
import { createWorker } from '../../../node/compute/jobs/worker.ts'
import { createKnownAnswers } from '../../../node/compute/tasks/known-answers.ts'
import { trainTask } from '../../../node/compute/tasks/train-task.ts'
import { testResources } from '../../helpers/job-nodes.ts'
import { TEST_LOG } from '../../helpers/mesh.ts'

const root = mkdtempSync(path.join(tmpdir(), 'village-owner-only-'))
test.after(() => rmSync(root, { recursive: true, force: true }))

test('peers are idle before a task of another node is theirs, and are not told of it', () => {
  const state = createSchedulerState({
    leaseMs: 1000,
    maxHoldFactor: 40,
    hedgeFactor: 3,
    minHedgeMs: 0,
    replication: 2,
    maxPeerFailures: 3,
  })
  const shape = { after: [], cost: 1 }
  const plan = [
    { ...shape, kind: 'train', inputs: ['base'], ownerOnly: true },
    { ...shape, kind: 'compress', inputs: ['model'] },
  ]
  const job = createScheduledJob({ id: 'a', priority: 0, order: 0, plan, accepted: new Map() })
  addJob(state, job)
  addWorker(state, { peer: 'peer', own: false, kinds: ['train', 'compress'] })
  state.workers.get('peer')!.window = 8
  const leased = () =>
    dispatch(state, 0).flatMap((effect) =>
      effect.type === 'lease' ? [[effect.lease.peer, effect.lease.task]] : [],
    )
  assert.equal(leased(), [['peer', 1]])
  assert.is(openToPeers(job), 1)
  assert.ok(isNeededByPeers(state, 'model'))
  assert.not(isNeededByPeers(state, 'base'), 'what only the owner needs is lent to nobody')
  job.tasks[1]!.state = 'done'
  assert.not(isNeededByPeers(state, 'model'), 'nor what is needed no more')
  job.tasks[1]!.state = 'leased'
  addWorker(state, { peer: 'me', own: true, kinds: ['train', 'compress'] })
  state.workers.get('me')!.window = 8
  assert.equal(leased(), [['me', 0]])
})

test('a lease of such a task from another owner is refused, whatever its parameters', async () => {
  const never = () => assert.unreachable('nothing is fetched, run or emitted') as never
  const artifacts = { fetch: never, materialize: never, read: never, has: never, info: never, unpin: never }
  const worker = createWorker(
    {
      artifacts,
      pool: { run: never },
      longPool: { run: never },
      resources: testResources({ cores: 1, accepts: { others: true, own: true } }),
      events: { emit: never },
      log: TEST_LOG,
    },
    {
      kinds: new Map([[trainTask.kind, trainTask]]),
      modelsDirectory: root,
      keptDirectory: root,
      known: createKnownAnswers({ random: () => 0.5 }),
      now: () => 0,
    },
  )
  const failed = Promise.withResolvers<string>()
  const connection: OwnerConnection = {
    owner: 'stranger',
    own: false,
    window: () => undefined,
    heartbeat: () => undefined,
    failure: ({ code }) => failed.resolve(code),
    deliver: never,
    release: () => undefined,
  }
  const link = worker.attach(connection)
  const params = {
    job: 'abcdefgh23',
    model: 'x',
    memoryBytes: 0,
    run: { data: ['/etc/hostname'], length: 16 },
  }
  trainTask.parseParams(params)
  link.lease({ lease: 1, kind: 'train', params, leaseMs: 1000 })
  assert.is(await failed.promise, 'TASK_KIND_UNKNOWN')
  link.end('')
  await worker.stop()
})

test('kept files go with their job, those of a failed one stay, and what a crash left is swept', async () => {
  const base = path.join(root, 'job-files')
  await sweepKeptFiles(base, [])
  for (const id of ['running', 'failed', 'done', 'gone'])
    mkdirSync(keptDirectory(base, id), { recursive: true })
  await sweepKeptFiles(base, [
    { id: 'running', state: 'running' },
    { id: 'failed', state: 'failed' },
    { id: 'done', state: 'done' },
  ])
  assert.equal(readdirSync(base).sort(), ['failed', 'running'])
  await dropKeptFiles(base, 'failed')
  await dropKeptFiles(base, 'failed')
  assert.equal(readdirSync(base), ['running'])
})

test.run()
