/** Guests of an open village as workers: their work is used and always checked, and they read what it needs and no more. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { DEFAULT_CONFIG } from '../../node/config.ts'
import { type JobNode, type JobNodeInit, startJobNode } from '../helpers/job-nodes.ts'
import { joinWith, until } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { toyTask } from '../helpers/toy-kinds.ts'
import { assertRight, end, gate, stopAll, toyNode } from '../helpers/toy-village.ts'

test.after.each(stopAll)

/** An open village: its owner, who lets guests work where it does not say otherwise, and guests. */
async function openVillage(owner: JobNodeInit, guests: readonly JobNodeInit[]): Promise<JobNode[]> {
  const config = { 'jobs.guests': true, ...owner.config }
  const founder = await startJobNode({ name: 'owner', ...owner, config })
  await founder.mesh.villages.create({ name: 'open village', open: true })
  const nodes = [founder]
  for (const [index, init] of guests.entries()) {
    const node = await startJobNode({ name: `guest-${index}`, ...init })
    await joinWith(founder.mesh, node.mesh, { role: 'guest' })
    assert.is(founder.mesh.mesh.roleOf(node.peer), 'guest')
    nodes.push(node)
  }
  return nodes
}

const fetchFrom = (node: JobNode, cid: string) =>
  node.artifacts.fetch(cid, { signal: AbortSignal.timeout(10_000) })

test('a guest works, is never trusted, and reads the inputs of the job while it runs', async () => {
  const own = gate()
  const held = gate()
  const bytes = Buffer.from('what the tasks need')
  const inputs: string[] = []
  const kind = (init: Parameters<typeof toyTask>[0]) => ({
    ...toyTask(init),
    inputs: () => inputs,
  })
  let delivered = 0
  const [owner, guest] = (await openVillage(
    toyNode(
      {},
      {
        taskKinds: [kind({ run: (_index, honest) => own.opened.then(honest) })],
        config: { 'jobs.trustAfter': 2 },
        random: () => 0.999,
      },
    ),
    [
      toyNode(
        {},
        {
          taskKinds: [
            kind({
              run: async (_index, honest) => {
                delivered += 1
                if (delivered > 12) await held.opened
                return honest()
              },
            }),
          ],
        },
      ),
    ],
  )) as [JobNode, JobNode]
  const input = await owner.artifacts.addBytes(bytes, { pin: 'test' })
  const secret = await owner.artifacts.addBytes(Buffer.from('nobody else’s business'), { pin: 'test' })
  inputs.push(input.cid)
  await rejectsCode(fetchFrom(guest, input.cid), 'ARTIFACT_UNAVAILABLE')

  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 20 } })
  await until('the guest has worked', () => (owner.jobs.get(id)?.done ?? 0) >= 12)
  assert.equal(Buffer.from(await guest.artifacts.read(input.cid)), bytes)
  await rejectsCode(fetchFrom(guest, secret.cid), 'ARTIFACT_UNAVAILABLE')
  own.open()
  held.open()
  const summary = await end(owner, id)
  await assertRight(owner, summary, 20)
  assert.ok(summary.shares[guest.peer]!.tasks >= 12)

  // Right twelve times, where a member is believed after two: no result rests on its word.
  const record = await owner.mesh.store.json<{ words: unknown[] }>('jobs').get(id)
  assert.equal(record!.words, [])
  await guest.artifacts.remove(input.cid, { force: true })
  await rejectsCode(fetchFrom(guest, input.cid), 'ARTIFACT_UNAVAILABLE')
})

test('a guest that lies is quarantined, and nothing of it is used', async () => {
  const own = gate()
  const [owner, liar] = (await openVillage(
    toyNode({ check: 'replicate', run: (_index, honest) => own.opened.then(honest) }),
    [
      toyNode({
        check: 'replicate',
        run(_index, honest) {
          const { bytes, stats } = honest()
          return { bytes: bytes.map((byte) => byte ^ 1), stats }
        },
      }),
    ],
  )) as [JobNode, JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 6 } })
  await until('the guest works', () => liar.jobs.work().some(({ owner: peer }) => peer === owner.peer))
  own.open()
  const summary = await end(owner, id)
  await assertRight(owner, summary, 6)
  assert.equal(Object.keys(summary.shares), [owner.peer])
})

test('guests that agree on a lie are found out without any member’s result', async () => {
  const own = gate()
  const lie = toyNode({
    check: 'replicate',
    run(_index, honest) {
      const { bytes } = honest()
      return { bytes: bytes.map(() => 7), stats: { sum: 7 * bytes.byteLength } }
    },
  })
  const [owner, ...liars] = (await openVillage(
    toyNode({ check: 'replicate', run: (_index, honest) => own.opened.then(honest) }),
    [lie, lie],
  )) as [JobNode, JobNode, JobNode]
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 8 } })
  const caught = () => owner.jobs.trust().filter(({ quarantinedUntilMs }) => quarantinedUntilMs !== null)
  await until('both are caught', () => caught().length === 2)
  own.open()
  await assertRight(owner, await end(owner, id), 8)
  assert.equal(
    caught()
      .map(({ peer }) => peer)
      .sort(),
    liars.map(({ peer }) => peer).sort(),
  )
})

test('a node does without guests unless it is told otherwise, and members do not work for guests', async () => {
  const [owner, guest] = (await openVillage(
    toyNode({}, { config: { 'jobs.guests': DEFAULT_CONFIG['jobs.guests'] } }),
    [toyNode()],
  )) as [JobNode, JobNode]
  const member = await startJobNode(toyNode())
  await joinWith(owner.mesh, member.mesh)
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 30 } })
  const summary = await end(owner, id)
  await assertRight(owner, summary, 30)
  assert.not.ok(guest.peer in summary.shares)

  const own = await guest.jobs.submit({ kind: 'toys', params: { tasks: 10 } })
  const alone = await end(guest, own.id)
  await assertRight(guest, alone, 10)
  assert.equal(Object.keys(alone.shares), [guest.peer])
})

test.run()
