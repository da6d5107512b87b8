/** Workers that lie, keep silent or go away, on real meshes: the result is always that of an undisturbed job. */
import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../node/compute/jobs/job.ts'
import type { TaskOutput } from '../../node/compute/tasks/task.ts'
import type { JsonObject } from '../../node/json.ts'
import {
  type JobNode,
  type JobNodeInit,
  startJobNode,
  startJobVillage,
  stopJobNodes,
} from '../helpers/job-nodes.ts'
import { stopMeshNodes, until } from '../helpers/mesh.ts'
import { type ToyInit, toyHash, toyJob, toyTask } from '../helpers/toy-kinds.ts'

const FAST = { config: { 'jobs.leaseMs': 500 } } as const
const node = (toy: ToyInit = {}, more: JobNodeInit = {}): JobNodeInit => ({
  taskKinds: [toyTask(toy)],
  jobKinds: [toyJob],
  ...more,
})
const end = (owner: JobNode, id: string): Promise<JobSummary> =>
  owner.jobs.wait(id, { signal: AbortSignal.timeout(40_000) })

async function assertRight(
  owner: JobNode,
  summary: JobSummary,
  tasks: number,
  sizeBytes = 32,
): Promise<void> {
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  const bytes = await owner.artifacts.read(String(summary.result!.cid))
  assert.is(Buffer.from(bytes).toString('hex'), toyHash(tasks, sizeBytes))
}

/** A promise that somebody else resolves. */
function gate(): { open: () => void; opened: Promise<void> } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, opened }
}

const aborted = (signal: AbortSignal) =>
  new Promise<never>((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )

async function stopAll(): Promise<void> {
  await stopJobNodes()
  await stopMeshNodes()
}

test.after.each(stopAll)

test('honest workers share the work and earn trust; large outputs come as artifacts', async () => {
  const first = gate()
  const wait: ToyInit['run'] = async (_index, honest) => {
    await first.opened
    return honest()
  }
  const [owner, a, b] = (await startJobVillage([node({ run: wait }), node(), node()])) as [
    JobNode,
    JobNode,
    JobNode,
  ]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 40, sizeBytes: 200_000 } })
  const consecutive = () => owner.jobs.trust().reduce((sum, entry) => sum + entry.consecutiveValid, 0)
  await until('both peers have valid results', () => owner.jobs.trust().length === 2 && consecutive() >= 10)
  first.open()
  const summary = await end(owner, id)
  await assertRight(owner, summary, 40, 200_000)
  assert.ok(summary.shares[a.peer]!.tasks > 0 && summary.shares[b.peer]!.tasks > 0)
  assert.is(
    Object.values(summary.shares).reduce((sum, share) => sum + share.tasks, 0),
    40,
  )
  assert.is(
    Object.values(summary.shares).reduce((sum, share) => sum + share.bytes, 0),
    40 * 200_000,
  )
})

const LIES: Record<string, (honest: TaskOutput) => TaskOutput> = {
  'wrong bytes': ({ bytes, stats }) => ({ bytes: bytes.map((byte) => byte ^ 1), stats }),
  'false statistics': ({ bytes, stats }) => ({ bytes, stats: { sum: (stats.sum as number) + 1 } }),
  'an output that is too large': ({ bytes, stats }) => ({
    bytes: new Uint8Array(bytes.byteLength + 1),
    stats,
  }),
  'an empty output': ({ stats }) => ({ bytes: new Uint8Array(0), stats }),
}

for (const [name, lie] of Object.entries(LIES))
  for (const check of ['verify', 'replicate'] as const)
    for (const sizeBytes of [32, 100_000])
      test(`a worker that returns ${name} (${check}, ${sizeBytes} bytes) is quarantined and nothing of it is used`, async () => {
        const caught = gate()
        const own: ToyInit['run'] = async (_index, honest) => {
          // Where results are compared, this node's own is what convicts the liar.
          if (check === 'verify') await caught.opened
          return honest()
        }
        const lies: ToyInit['run'] = (_index, honest) => lie(honest())
        const slow: ToyInit['run'] = async (_index, honest) => {
          await new Promise((resolve) => setImmediate(resolve))
          return honest()
        }
        const [owner, liar] = (await startJobVillage([
          node({ check, run: check === 'verify' ? own : slow }, FAST),
          node({ check, run: lies }, FAST),
        ])) as [JobNode, JobNode]
        owner.resources.set({ others: true, own: check === 'verify' })
        owner.mesh.events.subscribe((event) => {
          if (event.type === 'peer:quarantined') caught.open()
        })
        const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 8, sizeBytes } })
        if (check === 'replicate') {
          // The liar hands its results in first, then this node computes.
          await until('the liar has worked', () => owner.jobs.tasks(id).some((task) => task.attempts > 0))
          await until('the liar holds nothing', () => liar.jobs.work().every(({ running }) => running === 0))
          owner.resources.set({ others: true, own: true })
        }
        await caught.opened
        const summary = await end(owner, id)
        await assertRight(owner, summary, 8, sizeBytes)
        assert.equal(Object.keys(summary.shares), [owner.peer])
        const [entry] = owner.jobs.trust().filter(({ peer }) => peer === liar.peer)
        assert.ok(entry!.quarantinedUntilMs! > Date.now())
        assert.is(entry!.consecutiveValid, 0)
      })

test('a worker that never ends its tasks, but says that it lives, is hedged; the job finishes', async () => {
  const caught = gate()
  const [owner, silent] = (await startJobVillage([
    node({ run: (_index, honest) => caught.opened.then(honest) }, FAST),
    node({ run: (_index, _honest, signal) => aborted(signal) }, { ...FAST }),
  ])) as [JobNode, JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 6 } })
  await until('the silent worker holds leases', () => silent.jobs.work().some(({ running }) => running > 0))
  caught.open()
  const summary = await end(owner, id)
  await assertRight(owner, summary, 6)
  assert.equal(Object.keys(summary.shares), [owner.peer])
})

test('what a trusted peer alone vouched for is computed again when it is caught', async () => {
  let lying = false
  const own = gate()
  const [owner, turncoat] = (await startJobVillage([
    // random() = 0: every result of a trusted peer is looked at; set to 1 while it is believed.
    node(
      { run: (_index, honest) => own.opened.then(honest) },
      { config: { 'jobs.trustAfter': 3 }, random: () => (lying ? 0 : 0.999) },
    ),
    node({
      run(_index, honest) {
        if (!lying) return honest()
        const { bytes, stats } = honest()
        return { bytes: bytes.map((byte) => byte ^ 255), stats }
      },
    }),
  ])) as [JobNode, JobNode]
  const reopened: number[] = []
  owner.mesh.events.subscribe((event) => {
    if (event.type === 'job:changed') reopened.push(event.data.done)
    if (event.type === 'peer:quarantined') own.open()
  })
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 60 } })
  await until('the peer is trusted', () =>
    owner.jobs.trust().some(({ consecutiveValid }) => consecutiveValid >= 3),
  )
  await until('it is believed', () => (owner.jobs.get(id)?.done ?? 0) >= 8)
  lying = true
  const summary = await end(owner, id)
  await assertRight(owner, summary, 60)
  assert.ok(
    reopened.some((done, index) => index > 0 && done < reopened[index - 1]!),
    'nothing was taken back',
  )
  // Only what was checked whole may stay of it.
  assert.ok((summary.shares[turncoat.peer]?.tasks ?? 0) < Math.max(...reopened))
})

test('a worker that stops in mid-task loses nothing but time', async () => {
  const started = gate()
  const stopped = gate()
  const [owner, leaver] = (await startJobVillage([
    node({ run: (_index, honest) => stopped.opened.then(honest) }),
    node({
      run: (_index, _honest, signal) => {
        started.open()
        return aborted(signal)
      },
    }),
  ])) as [JobNode, JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 5 } })
  await started.opened
  await leaver.stop()
  stopped.open()
  await assertRight(owner, await end(owner, id), 5)
  assert.equal(owner.jobs.trust(), [])
})

test('an owner that stops goes on after its restart, and computes no accepted result again', async () => {
  const half = gate()
  const runs: number[] = []
  const [owner] = (await startJobVillage([
    node({
      async run(index, honest, signal) {
        if (index >= 5) {
          half.open()
          await aborted(signal)
        }
        return honest()
      },
    }),
  ])) as [JobNode]
  const { id } = await owner.jobs.submit({
    kind: 'toys',
    params: { tasks: 10, sizeBytes: 70_000, chain: true },
  })
  await half.opened
  await owner.stop()
  const again = await startJobNode({
    ...node({ started: (index) => void runs.push(index) }),
    directory: owner.mesh.directory,
  })
  await assertRight(again, await end(again, id), 10, 70_000)
  assert.equal(runs, [5, 6, 7, 8, 9])
})

test('a paused node takes nothing and gives back what it has not started', async () => {
  const first = gate()
  const release = gate()
  let ran = 0
  const [owner, worker] = (await startJobVillage([
    node({}, { accepts: { others: true, own: false } }),
    node({
      async run(_index, honest) {
        ran += 1
        first.open()
        await release.opened
        return honest()
      },
    }),
  ])) as [JobNode, JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 12 } })
  await first.opened
  worker.resources.set({ others: false, own: true })
  release.open()
  await until('it has finished what ran', () => owner.jobs.get(id)!.done === 1)
  await until('it holds nothing', () => worker.jobs.work().every(({ leases }) => leases === 0))
  assert.is(ran, 1)
  owner.resources.set({ others: true, own: true })
  await assertRight(owner, await end(owner, id), 12)
})

test('a cancelled job stops its workers; a failed one says why', async () => {
  const started = gate()
  const [owner, worker] = (await startJobVillage([
    node({}, { accepts: { others: true, own: false } }),
    node({
      run: (_index, _honest, signal) => {
        started.open()
        return aborted(signal)
      },
    }),
  ])) as [JobNode, JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 3 } })
  await started.opened
  await owner.jobs.cancel(id)
  assert.is((await end(owner, id)).state, 'cancelled')
  await until('the worker is free', () => worker.jobs.work().every(({ leases }) => leases === 0))
  await owner.jobs.remove(id)
  assert.is(owner.jobs.get(id), null)
})

test('a job that this node cannot do fails with the reason', async () => {
  const [owner] = (await startJobVillage([
    node({
      run() {
        throw Object.assign(new Error('the kernel does not like it'), { name: 'Error' })
      },
    }),
  ])) as [JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 3 } })
  const summary = await end(owner, id)
  assert.is(summary.state, 'failed')
  assert.equal(summary.error, { code: 'INTERNAL', message: 'the kernel does not like it' })
})

test('priority decides between jobs, and one worker serves two owners in turn', async () => {
  const order: string[] = []
  const begin = gate()
  const [a, b, worker] = (await startJobVillage([
    node({}, { accepts: { others: false, own: false } }),
    node({}, { accepts: { others: false, own: false } }),
    node({
      async run(index, honest) {
        await begin.opened
        order.push(index >= 1_000 ? 'b' : 'a')
        return honest()
      },
    }),
  ])) as [JobNode, JobNode, JobNode]
  await a.mesh.mesh
    .dial(b.mesh.mesh.addresses()[0]!, { signal: AbortSignal.timeout(10_000) })
    .catch(() => undefined)
  const ids = [
    await a.jobs.submit({ kind: 'toys', params: { tasks: 6 } }),
    await b.jobs.submit({ kind: 'toys', params: { tasks: 6 } }),
  ]
  await until(
    'the worker has leases of both',
    () => worker.jobs.work().filter(({ leases }) => leases > 0).length === 2,
  )
  begin.open()
  const [first, second] = await Promise.all([end(a, ids[0]!.id), end(b, ids[1]!.id)])
  await assertRight(a, first, 6)
  await assertRight(b, second, 6)
  assert.is(first.shares[worker.peer]!.tasks, 6)
  assert.is(second.shares[worker.peer]!.tasks, 6)
  assert.is(order.length, 12)
})

test('trust and quarantine outlive a restart; a pardon ends it', async () => {
  const caught = gate()
  const [owner, liar] = (await startJobVillage([
    node({ run: (_index, honest) => caught.opened.then(honest) }),
    node({ run: () => ({ bytes: createHash('sha256').digest(), stats: { sum: 0 } as JsonObject }) }),
  ])) as [JobNode, JobNode]
  owner.mesh.events.subscribe((event) => {
    if (event.type === 'peer:quarantined') caught.open()
  })
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 3 } })
  await end(owner, id)
  await owner.stop()
  const again = await startJobNode({ ...node(), directory: owner.mesh.directory })
  assert.ok(again.jobs.trust().find(({ peer }) => peer === liar.peer)!.quarantinedUntilMs! > Date.now())
  assert.is(again.jobs.get(id)!.state, 'done')
  await again.jobs.pardon(liar.peer)
  assert.is(again.jobs.trust().find(({ peer }) => peer === liar.peer)?.quarantinedUntilMs ?? null, null)
})

test.run()
