/** Both ends of /village/jobs/1.0.0 against a peer that speaks the protocol by hand, rightly and wrongly. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { workerFrame } from '../../node/compute/jobs/worker-stream.ts'
import type { FramedStream } from '../../node/mesh/framed-stream.ts'
import { JOBS_PROTOCOL, OwnerFrame, WorkerFrame } from '../../node/mesh/protocols/jobs.ts'
import { type JobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import { joinWith, type MeshNode, startMeshNode, stopMeshNodes, until } from '../helpers/mesh.ts'
import { toyBytes, toyJob, toyTask } from '../helpers/toy-kinds.ts'

const KINDS = { taskKinds: [toyTask()], jobKinds: [toyJob] }
const PAUSED = { accepts: { others: true, own: false } }
const signal = AbortSignal.timeout(90_000)
const NO_FRAME: OwnerFrame = { lease: undefined, revoke: undefined, settled: undefined, end: undefined }

test.after.each(async () => {
  await stopJobNodes()
  await stopMeshNodes()
})

/** An owner that does nothing itself, and a member without a jobs service that talks to it by hand. */
async function ownerAndHand(config: Record<string, number> = {}): Promise<[JobNode, MeshNode, FramedStream]> {
  const [owner] = (await startJobVillage([{ ...KINDS, ...PAUSED, config }])) as [JobNode]
  const hand = await startMeshNode({ name: 'by hand' })
  await joinWith(owner.mesh, hand)
  return [owner, hand, await hand.mesh.open(owner.peer, JOBS_PROTOCOL, { signal })]
}

const hello = (stream: FramedStream, window: number) =>
  stream
    .send(WorkerFrame, workerFrame({ hello: { version: 'by hand', kinds: ['toy'] } }))
    .then(() => stream.send(WorkerFrame, workerFrame({ window: { leases: window } })))

const next = (stream: FramedStream) => stream.expect(OwnerFrame, { signal, timeoutMs: 30_000 })

function result(
  lease: number,
  index: number,
  more: Partial<NonNullable<WorkerFrame['result']>> = {},
): WorkerFrame {
  const inline = toyBytes(index, 32)
  const stats = Buffer.from(JSON.stringify({ sum: inline.reduce((sum, byte) => sum + byte, 0) }))
  return workerFrame({ result: { lease, stats, inline, cid: '', sizeBytes: 32, busyMs: 1, ...more } })
}

const codeOf = (error: unknown) => (error as { code?: string }).code

async function ends(stream: FramedStream): Promise<void> {
  try {
    while ((await stream.receive(OwnerFrame, { signal, timeoutMs: 20_000 })) !== null) {
      // What was on its way comes first.
    }
  } catch (error) {
    assert.is(codeOf(error), 'PEER_DISCONNECTED')
  }
}

test('a worker written from the specification does the job', async () => {
  const [owner, , stream] = await ownerAndHand()
  await hello(stream, 2)
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 5 } })
  let done = 0
  while (done < 5) {
    const frame = await next(stream)
    if (frame.lease === undefined) continue
    assert.is(frame.lease.kind, 'toy')
    const params = JSON.parse(Buffer.from(frame.lease.params).toString()) as { index: number }
    await stream.send(
      WorkerFrame,
      workerFrame({ heartbeat: { leases: [{ lease: frame.lease.lease, share: 0.5 }] } }),
    )
    await stream.send(WorkerFrame, result(frame.lease.lease, params.index))
    done += 1
  }
  const summary = await owner.jobs.wait(id, { signal })
  assert.is(summary.state, 'done')
  assert.is(Object.values(summary.shares)[0]!.tasks, 5)
})

test('no more leases than the window; a window of nought stops them', async () => {
  const [owner, , stream] = await ownerAndHand()
  await hello(stream, 3)
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 10 } })
  const leases = [await next(stream), await next(stream), await next(stream)].map((frame) => frame.lease!)
  assert.is(new Set(leases.map(({ lease }) => lease)).size, 3)
  await stream.send(WorkerFrame, workerFrame({ window: { leases: 0 } }))
  for (const { lease, params } of leases)
    await stream.send(WorkerFrame, result(lease, JSON.parse(Buffer.from(params).toString()).index))
  for (let settled = 0; settled < 3; settled++) assert.ok((await next(stream)).settled)
  assert.is(owner.jobs.tasks(id).filter((task) => task.state === 'leased').length, 0)
})

test('a result or failure without its lease is refused', async () => {
  const [owner, , stream] = await ownerAndHand()
  await hello(stream, 1)
  await owner.jobs.submit({ kind: 'toys', params: { tasks: 1 } })
  const { lease } = (await next(stream)).lease!
  await stream.send(WorkerFrame, result(lease + 7, 0))
  assert.equal((await next(stream)).revoke, { lease: lease + 7, code: 'LEASE_UNKNOWN' })
  const failure = { lease: lease + 8, code: 'INTERNAL', declined: false }
  await stream.send(WorkerFrame, workerFrame({ failure }))
  assert.equal((await next(stream)).revoke, { lease: lease + 8, code: 'LEASE_UNKNOWN' })
  await stream.send(WorkerFrame, workerFrame({ heartbeat: { leases: [{ lease: lease + 9, share: 2 }] } }))
  assert.equal((await next(stream)).revoke, { lease: lease + 9, code: 'LEASE_UNKNOWN' })
})

test('a worker that says nothing is quarantined, and refused when it comes back', async () => {
  const [owner, hand, stream] = await ownerAndHand({ 'jobs.leaseMs': 500 })
  await hello(stream, 4)
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 20 } })
  let code = ''
  while (code === '') code = (await next(stream)).end?.code ?? ''
  assert.is(code, 'PEER_QUARANTINED')
  const again = await hand.mesh.open(owner.peer, JOBS_PROTOCOL, { signal })
  await again.send(WorkerFrame, workerFrame({ hello: { version: '', kinds: ['toy'] } }))
  assert.equal((await next(again)).end, { code: 'PEER_QUARANTINED' })
  owner.resources.set({ others: true, own: true })
  assert.equal(Object.keys((await owner.jobs.wait(id, { signal })).shares), [owner.peer])
})

for (const [name, cid] of [
  ['an artifact that nobody has', 'bafkreiaukc7nna3yzuat6bnfjovqmxamgypu2t2bjvblgxhqxwlclqbquu'],
  ['something that is no CID', 'not a cid'],
])
  test(`a result that is ${name} is never used`, async () => {
    const [owner, , stream] = await ownerAndHand({ 'jobs.leaseMs': 2_000 })
    await hello(stream, 1)
    const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 1, sizeBytes: 100_000 } })
    const { lease } = (await next(stream)).lease!
    await stream.send(
      WorkerFrame,
      result(lease, 0, { cid: cid!, inline: new Uint8Array(0), sizeBytes: 100_000 }),
    )
    assert.equal((await next(stream)).revoke, { lease, code: 'TIMEOUT' })
    owner.resources.set({ others: true, own: true })
    assert.equal(Object.keys((await owner.jobs.wait(id, { signal })).shares), [owner.peer])
  })

for (const [name, frame] of [
  ['neither hello nor announce', workerFrame({ window: { leases: 1 } })],
  ['an empty frame', workerFrame({})],
] as const)
  test(`a stream that begins with ${name} is ended`, async () => {
    const [, , stream] = await ownerAndHand()
    await stream.send(WorkerFrame, frame)
    await ends(stream)
  })

for (const [name, more] of [
  ['statistics that are not JSON', { stats: Buffer.from('{') }],
  ['statistics that are a list', { stats: Buffer.from('[1]') }],
] as const)
  test(`a result with ${name} ends the stream, and its lease goes to another`, async () => {
    const [owner, , stream] = await ownerAndHand()
    await hello(stream, 1)
    const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 1 } })
    const { lease } = (await next(stream)).lease!
    await stream.send(WorkerFrame, result(lease, 0, more))
    await ends(stream)
    owner.resources.set({ others: true, own: true })
    assert.is((await owner.jobs.wait(id, { signal })).state, 'done')
  })

test('a worker takes only kinds and parameters that it knows, and no more than its window', async () => {
  const [worker] = (await startJobVillage([{ ...KINDS }])) as [JobNode]
  const frames: WorkerFrame[] = []
  let stream: FramedStream | undefined
  const hand = await startMeshNode({
    prepare: (mesh) =>
      mesh.handle(JOBS_PROTOCOL, async (opened, { signal: ending }) => {
        stream = opened
        for (;;) {
          const frame = await opened.receive(WorkerFrame, { signal: ending, timeoutMs: 60_000 })
          if (frame === null) return
          frames.push(frame)
        }
      }),
  })
  await joinWith(worker.mesh, hand)
  const tell = await hand.mesh.open(worker.peer, JOBS_PROTOCOL, { signal })
  await tell.send(WorkerFrame, workerFrame({ announce: { openTasks: 1, timeMs: Date.now() } }))
  await until('the worker asks for work', () => frames.some((frame) => (frame.window?.leases ?? 0) > 0))
  assert.equal(frames[0]!.hello!.kinds, ['toy'])
  const lease = (id: number, kind: string, params: string) =>
    stream!.send(OwnerFrame, {
      ...NO_FRAME,
      lease: { lease: id, kind, params: Buffer.from(params), leaseMs: 5_000, trace: new Uint8Array(0) },
    })
  await lease(1, 'rm -rf', '{}')
  await lease(2, 'toy', 'not json')
  await lease(3, 'toy', '{"index":-1,"sizeBytes":32}')
  await lease(4, 'toy', '{"index":1,"sizeBytes":32,"code":"process.exit()"}')
  await lease(5, 'toy', '{"index":5,"sizeBytes":32}')
  await until(
    'all are answered',
    () => frames.filter(({ failure, result: done }) => failure ?? done).length === 5,
  )
  const codes = Object.fromEntries(
    frames.flatMap(({ failure }) => (failure ? [[failure.lease, failure.code]] : [])),
  )
  assert.equal(codes, {
    1: 'TASK_KIND_UNKNOWN',
    2: 'INVALID_ARGUMENT',
    3: 'INVALID_ARGUMENT',
    4: 'INVALID_ARGUMENT',
  })
  const done = frames.find((frame) => frame.result !== undefined)!.result!
  assert.is(done.lease, 5)
  assert.equal(Buffer.from(done.inline), Buffer.from(toyBytes(5, 32)))
})

test.run()
