/** Work on results ahead of the step that needs it, on a real node: cancelled, failed, stopped in the middle, and taken back. */
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobKind } from '../../node/compute/jobs/job.ts'
import type { JsonObject } from '../../node/json.ts'
import { type JobNode, startJobNode, startJobVillage } from '../helpers/job-nodes.ts'
import { temporaryDirectory, until } from '../helpers/mesh.ts'
import { stagedToyJob, stagedToys, toyTask } from '../helpers/toy-kinds.ts'
import { aborted, end, gate, stopAll } from '../helpers/toy-village.ts'

const TASKS = 6
const params = { tasks: TASKS, sizeBytes: 32 }

test.after.each(stopAll)

/** Files and directories that were made ahead and are still there. */
async function left(node: JobNode): Promise<string[]> {
  const directory = path.join(node.mesh.directory, 'jobs', 'ahead')
  return readdir(directory, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
}

async function assertWhole(owner: JobNode, id: string): Promise<void> {
  const summary = await end(owner, id)
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  const expected = stagedToys(TASKS, params.sizeBytes)
  assert.is(summary.total, expected.total)
  const bytes = await owner.artifacts.read(String(summary.result!.cid))
  assert.is(Buffer.from(bytes).toString('hex'), expected.hash)
  assert.equal(await left(owner), [])
}

/** The kind under test, and what its steps found made ahead. */
function watched(ahead = stagedToyJob.ahead) {
  const found: { stage: string; ahead: (JsonObject | null)[] }[] = []
  const made = new Set<string>()
  const kind: JobKind = {
    ...stagedToyJob,
    async ahead(given, result, context) {
      const value = await ahead(given, result, context)
      made.add(result.task.label)
      return value
    },
    async next(given, stages, context) {
      const last = stages.at(-1)
      if (last !== undefined) found.push({ stage: last.name, ahead: last.results.map((one) => one.ahead) })
      return stagedToyJob.next(given, stages, context)
    },
  }
  return { kind, found, made }
}

/** The last task of the first stage waits until `opened`. */
const heldBack = (opened: Promise<void>) =>
  toyTask({
    async run(index, honest, signal) {
      if (index === TASKS - 1) await Promise.race([opened, aborted(signal)])
      return honest()
    },
  })

const village = async (kind: JobKind, opened: Promise<void>): Promise<JobNode> =>
  (await startJobVillage([{ taskKinds: [heldBack(opened)], jobKinds: [kind] }]))[0]!

test('all but the last result are made ahead; the step has them, and afterwards their files are gone', async () => {
  const { kind, found, made } = watched()
  const last = gate()
  const owner = await village(kind, last.opened)
  const { id } = await owner.jobs.submit({ kind: 'staged-toys', params })
  await until('five are made', () => made.size === TASKS - 1)
  assert.is((await left(owner)).filter((name) => name.includes(path.sep)).length, TASKS - 1)
  last.open()
  await assertWhole(owner, id)
  const [first, ...others] = found
  assert.is(first!.stage, 'first')
  assert.is(first!.ahead.filter((one) => one !== null).length, TASKS - 1)
  assert.is(first!.ahead.at(-1), null)
  const second = others.find(({ stage }) => stage === 'number')
  assert.ok(second?.ahead.every((one) => one === null))
})

test('a step does not wait for what is not made yet, only for what is being made', async () => {
  const slow = gate()
  let begun = 0
  const { kind, found } = watched(async (given, result, context) => {
    begun += 1
    await slow.opened
    return stagedToyJob.ahead(given, result, context)
  })
  const last = gate()
  const owner = await village(kind, last.opened)
  const { id } = await owner.jobs.submit({ kind: 'staged-toys', params })
  await until('as many are being made as may', () => begun === 4)
  last.open()
  await until('all tasks are done', () => owner.jobs.get(id)!.done === TASKS)
  assert.equal(found, [])
  slow.open()
  await assertWhole(owner, id)
  assert.is(found[0]!.ahead.filter((one) => one !== null).length, 4)
})

test('a disk that is full for it does not fail the job', async () => {
  const { kind, found } = watched(() => {
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  })
  const last = gate()
  last.open()
  const owner = await village(kind, last.opened)
  const { id } = await owner.jobs.submit({ kind: 'staged-toys', params })
  await assertWhole(owner, id)
  assert.ok(found[0]!.ahead.every((one) => one === null))
})

test('a job that is cancelled while something is made ahead leaves nothing of it', async () => {
  let begun = 0
  const { kind } = watched(async (given, result, context) => {
    await stagedToyJob.ahead(given, result, context)
    begun += 1
    return aborted(context.signal)
  })
  const owner = await village(kind, gate().opened)
  const { id } = await owner.jobs.submit({ kind: 'staged-toys', params })
  await until('some are being made', () => begun === 4)
  assert.ok((await left(owner)).length > 4)
  await owner.jobs.cancel(id)
  assert.is((await end(owner, id)).state, 'cancelled')
  assert.equal(await left(owner), [])
})

test('an owner that stops in the middle begins anew from the results, and ends with the same output', async () => {
  const directory = await temporaryDirectory()
  const first = watched()
  const init = { directory, taskKinds: [heldBack(gate().opened)], jobKinds: [first.kind] }
  const before = await startJobNode(init)
  await before.mesh.villages.create({ name: 'test village', open: false })
  const { id } = await before.jobs.submit({ kind: 'staged-toys', params })
  await until('five are made', () => first.made.size === TASKS - 1)
  await before.stop()
  const again = watched()
  const last = gate()
  const owner = await startJobNode({ ...init, taskKinds: [heldBack(last.opened)], jobKinds: [again.kind] })
  await until('five are made again', () => again.made.size === TASKS - 1)
  last.open()
  await assertWhole(owner, id)
  assert.is(again.found[0]!.ahead.filter((one) => one !== null).length, TASKS - 1)
})

test.run()
