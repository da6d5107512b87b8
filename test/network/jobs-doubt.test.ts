/** A peer is caught lying after jobs have ended that rest on its word: they say so, and so do the models they made. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type JobNode, startJobNode, startJobVillage } from '../helpers/job-nodes.ts'
import { until } from '../helpers/mesh.ts'
import { assertRight, end, gate, stopAll, toyNode } from '../helpers/toy-village.ts'

test.after(stopAll)

test('finished jobs and their models are marked, over a restart, until the peer is pardoned', async () => {
  let lying = false
  let own = gate()
  // Trusted after three results, and then nothing of it is checked but the shape.
  const ownerInit = toyNode(
    { run: (_index, honest) => own.opened.then(honest) },
    { config: { 'jobs.trustAfter': 3 }, random: () => 0.999 },
  )
  const [owner, turncoat] = (await startJobVillage([
    ownerInit,
    toyNode({ run: (_index, honest) => (lying ? { bytes: new Uint8Array(3), stats: {} } : honest()) }),
  ])) as [JobNode, JobNode]
  const seen: string[] = []
  owner.mesh.events.subscribe(({ type, data }) => {
    if (type === 'peer:quarantined') own.open()
    if (type === 'job:doubted') seen.push(`job ${data.job} ${data.peers.join()}`)
    if (type === 'model:doubted') seen.push(`model ${data.id} ${data.job}`)
  })
  const submit = async (tasks: number) => (await owner.jobs.submit({ kind: 'toys', params: { tasks } })).id

  // Its own word alone: the owner holds its one task back until the others are done by the peer.
  const believed = await submit(20)
  await until('it is believed', () => (owner.jobs.get(believed)?.done ?? 0) >= 19)
  own.open()
  const before = await end(owner, believed)
  await assertRight(owner, before, 20)
  assert.is(before.doubt, null)
  const cid = String(before.result!.cid)
  const model = {
    id: 'made',
    cid,
    name: 'made',
    kind: 'onnx' as const,
    parameters: 1,
    sizeBytes: 32,
    source: 'a job',
    parent: null,
    report: null,
    keeps: [],
  }
  await owner.models.register(model)
  assert.is((await owner.models.need('made')).doubt, null)

  // What this node does alone rests on nobody's word.
  turncoat.resources.set({ others: false, own: true })
  const alone = await submit(5)
  await end(owner, alone)
  turncoat.resources.set({ others: true, own: true })

  lying = true
  own = gate()
  const caught = await submit(4)
  await assertRight(owner, await end(owner, caught), 4)
  await until('the job is marked', () => owner.jobs.get(believed)!.doubt !== null)
  const { doubt, state } = owner.jobs.get(believed)!
  assert.is(state, 'done')
  assert.equal(doubt!.peers, [turncoat.peer])
  // At least the first three were checked whole.
  const believedTasks = before.shares[turncoat.peer]!.tasks - 3
  assert.ok(doubt!.tasks > 0 && doubt!.tasks <= believedTasks, `${doubt!.tasks} of ${believedTasks}`)
  assert.is(owner.jobs.get(alone)!.doubt, null)
  assert.is(owner.jobs.get(caught)!.doubt, null, 'it ended after the lie')
  await until('the model is marked', () => seen.some((line) => line.startsWith('model')))
  const entry = await owner.models.need('made')
  assert.is(entry.doubt!.job, believed)
  assert.equal(entry.doubt!.peers, [turncoat.peer])
  assert.equal(seen.sort(), [`job ${believed} ${turncoat.peer}`, `model made ${believed}`])

  await owner.stop()
  const again = await startJobNode({ ...ownerInit, directory: owner.mesh.directory })
  assert.equal(again.jobs.get(believed)!.doubt, doubt)
  assert.equal((await again.models.list()).find(({ id }) => id === 'made')!.doubt, entry.doubt)

  await again.jobs.pardon(turncoat.peer)
  assert.is(again.jobs.get(believed)!.doubt, null)
  assert.is((await again.models.need('made')).doubt, null)
})

test('a crash between the lie and the marks is made good at the next start', async () => {
  const own = gate()
  const ownerInit = toyNode(
    { run: (_index, honest) => own.opened.then(honest) },
    { config: { 'jobs.trustAfter': 1 }, random: () => 0.999 },
  )
  const [owner, peer] = (await startJobVillage([ownerInit, toyNode()])) as [JobNode, JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 10 } })
  await until('it is believed', () => (owner.jobs.get(id)?.done ?? 0) >= 9)
  own.open()
  const summary = await end(owner, id)
  // As the disk is after a crash: the lie is on it, and nothing else.
  const table = owner.mesh.store.json<object>('jobs-quarantine')
  const lieAtMs = summary.finishedAtMs! + 1
  const lie = { peer: peer.peer, kind: 'toy', reason: 'test', count: 1, untilMs: lieAtMs, lieAtMs }
  await table.put(peer.peer, lie, { sync: true })
  await owner.stop()
  const again = await startJobNode({ ...ownerInit, directory: owner.mesh.directory })
  await until('the job is marked', () => again.jobs.get(id)!.doubt !== null)
  assert.equal(again.jobs.get(id)!.doubt!.peers, [peer.peer])
  assert.is(again.jobs.get(id)!.doubt!.sinceMs, lieAtMs)
})

test('who was proven a liar in other work of the village gets no tasks, and the owner itself is never one', async () => {
  const [owner, peer] = (await startJobVillage([toyNode(), toyNode()])) as [JobNode, JobNode]
  owner.jobs.distrust(owner.peer, { kind: 'round', reason: 'test' })
  owner.jobs.distrust(peer.peer, { kind: 'round', reason: 'test' })
  const entry = owner.jobs.trust().find((one) => one.peer === peer.peer && one.kind === 'round')!
  assert.ok(entry.quarantinedUntilMs !== null)
  assert.is(entry.reason, 'test')
  assert.not.ok(owner.jobs.trust().some((one) => one.peer === owner.peer))
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 4 } })
  const { shares } = await end(owner, id)
  assert.is(shares[peer.peer], undefined)
})

test.run()
