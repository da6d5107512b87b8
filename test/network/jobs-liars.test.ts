/** Workers that lie, on real meshes: nothing of them is used, and they are quarantined. */
import { createHash } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { TaskOutput } from '../../node/compute/tasks/task.ts'
import type { JsonObject } from '../../node/json.ts'
import { type JobNode, startJobNode, startJobVillage } from '../helpers/job-nodes.ts'
import { until } from '../helpers/mesh.ts'
import type { ToyInit } from '../helpers/toy-kinds.ts'
import { assertRight, end, FAST, gate, stopAll, toyNode } from '../helpers/toy-village.ts'

test.after.each(stopAll)

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
          toyNode({ check, run: check === 'verify' ? own : slow }, FAST),
          toyNode({ check, run: lies }, FAST),
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

test('what a trusted peer alone vouched for is computed again when it is caught', async () => {
  let lying = false
  const own = gate()
  const [owner, turncoat] = (await startJobVillage([
    // random() = 0: every result of a trusted peer is looked at; set to 1 while it is believed.
    toyNode(
      { run: (_index, honest) => own.opened.then(honest) },
      { config: { 'jobs.trustAfter': 3 }, random: () => (lying ? 0 : 0.999) },
    ),
    toyNode({
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

test('a trusted peer whose result cannot be right is quarantined, and the job does not fail', async () => {
  let lying = false
  const own = gate()
  const [owner, turncoat] = (await startJobVillage([
    // No result of a trusted peer is checked: what is left is the look that every result gets.
    toyNode(
      { run: (_index, honest) => own.opened.then(honest) },
      { config: { 'jobs.trustAfter': 3 }, random: () => 0.999 },
    ),
    toyNode({ run: (_index, honest) => (lying ? { bytes: new Uint8Array(3), stats: {} } : honest()) }),
  ])) as [JobNode, JobNode]
  owner.mesh.events.subscribe((event) => {
    if (event.type === 'peer:quarantined') own.open()
  })
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 60 } })
  await until('it is believed', () => (owner.jobs.get(id)?.done ?? 0) >= 8)
  lying = true
  const summary = await end(owner, id)
  await assertRight(owner, summary, 60)
  assert.ok(owner.jobs.trust().some(({ peer, reason }) => peer === turncoat.peer && reason !== null))
})

test('trust and quarantine outlive a restart; a pardon ends it', async () => {
  const caught = gate()
  const [owner, liar] = (await startJobVillage([
    toyNode({ run: (_index, honest) => caught.opened.then(honest) }),
    toyNode({ run: () => ({ bytes: createHash('sha256').digest(), stats: { sum: 0 } as JsonObject }) }),
  ])) as [JobNode, JobNode]
  owner.mesh.events.subscribe((event) => {
    if (event.type === 'peer:quarantined') caught.open()
  })
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: 3 } })
  await end(owner, id)
  await owner.stop()
  const again = await startJobNode({ ...toyNode(), directory: owner.mesh.directory })
  assert.ok(again.jobs.trust().find(({ peer }) => peer === liar.peer)!.quarantinedUntilMs! > Date.now())
  assert.is(again.jobs.get(id)!.state, 'done')
  await again.jobs.pardon(liar.peer)
  assert.is(again.jobs.trust().find(({ peer }) => peer === liar.peer)?.quarantinedUntilMs ?? null, null)
})

test.run()
