/** Workers that go away, pause or never end, and owners that stop: the result is that of an undisturbed job. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { VillageError } from '../../node/errors.ts'
import { type JobNode, startJobNode, startJobVillage } from '../helpers/job-nodes.ts'
import { until } from '../helpers/mesh.ts'
import { rejectsCode, throwsCode } from '../helpers/throws.ts'
import type { ToyInit } from '../helpers/toy-kinds.ts'
import { aborted, assertRight, end, gate, stopAll, toyNode } from '../helpers/toy-village.ts'

test.after.each(stopAll)

test('honest workers share the work and earn trust; large outputs come as artifacts', async () => {
  const first = gate()
  const wait: ToyInit['run'] = async (_index, honest) => {
    await first.opened
    return honest()
  }
  const [owner, a, b] = (await startJobVillage([toyNode({ run: wait }), toyNode(), toyNode()])) as [
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

test('a worker that says that it lives and never ends a task is hedged, and quarantined in the end', async () => {
  const [owner, silent] = (await startJobVillage([
    toyNode(),
    toyNode({ run: (_index, _honest, signal) => aborted(signal) }),
  ])) as [JobNode, JobNode]
  const isQuarantined = () => owner.jobs.trust().some(({ quarantinedUntilMs }) => quarantinedUntilMs !== null)
  // Each job costs it the two leases that it holds; six lost ones are too many.
  for (let round = 0; round < 6 && !isQuarantined(); round++) {
    const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 12 } })
    const summary = await end(owner, id)
    await assertRight(owner, summary, 12)
    assert.equal(Object.keys(summary.shares), [owner.peer])
  }
  assert.equal(
    owner.jobs.trust().map(({ peer, reason }) => [peer, reason]),
    [[silent.peer, 'it took tasks and returned nothing']],
  )
})

test('a worker that stops in mid-task loses nothing but time', async () => {
  const started = gate()
  const stopped = gate()
  const [owner, leaver] = (await startJobVillage([
    toyNode({ run: (_index, honest) => stopped.opened.then(honest) }),
    toyNode({
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
    toyNode({
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
    ...toyNode({ started: (index) => void runs.push(index) }),
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
    toyNode({}, { accepts: { others: true, own: false } }),
    toyNode({
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
    toyNode({}, { accepts: { others: true, own: false } }),
    toyNode({
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
    toyNode({
      run() {
        throw Object.assign(new Error('the kernel does not like it'), { name: 'Error' })
      },
    }),
  ])) as [JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 3 } })
  const summary = await end(owner, id)
  assert.is(summary.state, 'failed')
  const { code, message, fix } = summary.error!
  assert.equal({ code, message }, { code: 'INTERNAL', message: 'the kernel does not like it' })
  assert.match(fix ?? '', /log/)
})

test('a job without tasks ends at once', async () => {
  const [owner] = (await startJobVillage([toyNode()])) as [JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 0 } })
  const summary = await end(owner, id)
  await assertRight(owner, summary, 0)
  assert.equal([summary.total, summary.done], [0, 0])
})

test('ids, kinds, priorities and states that do not fit are refused', async () => {
  const begin = gate()
  const [owner] = (await startJobVillage([
    toyNode({ run: (_index, honest) => begin.opened.then(honest) }),
  ])) as [JobNode]
  await rejectsCode(owner.jobs.submit({ kind: 'toy', params: {} }), 'JOB_KIND_UNKNOWN')
  await rejectsCode(
    owner.jobs.submit({ kind: 'toys', params: { tasks: 1 }, priority: 0.5 }),
    'INVALID_ARGUMENT',
  )
  await rejectsCode(owner.jobs.submit({ kind: 'toys', params: { tasks: 50_001 } }), 'JOB_TOO_LARGE')
  await rejectsCode(owner.jobs.cancel('nothing'), 'JOB_UNKNOWN')
  throwsCode(() => owner.jobs.tasks('nothing'), 'JOB_UNKNOWN')
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 1 }, priority: 3 })
  await rejectsCode(owner.jobs.remove(id), 'JOB_RUNNING')
  await owner.jobs.setPriority(id, -4)
  assert.is(owner.jobs.get(id)!.priority, -4)
  await rejectsCode(
    owner.jobs.wait(id, { signal: AbortSignal.abort(new VillageError('ABORTED')) }),
    'ABORTED',
  )
  begin.open()
  await end(owner, id)
  await rejectsCode(owner.jobs.cancel(id), 'JOB_FINISHED')
  await rejectsCode(owner.jobs.setPriority(id, 1), 'JOB_FINISHED')
  const { cid } = owner.jobs.get(id)!.result as { cid: string }
  await owner.jobs.remove(id)
  await rejectsCode(owner.jobs.remove(id), 'JOB_UNKNOWN')
  await owner.artifacts.collect()
  assert.not(await owner.artifacts.has(cid), 'the result of a removed job is kept')
})

test('one worker serves two owners in turn', async () => {
  const order: string[] = []
  const begin = gate()
  const [a, b, worker] = (await startJobVillage([
    toyNode({}, { accepts: { others: false, own: false } }),
    toyNode({}, { accepts: { others: false, own: false } }),
    toyNode({
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

test.run()
