/** Staged jobs on real nodes: planned step by step, killed in the middle, and planned anew when a result was a lie. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../node/compute/jobs/job.ts'
import { createJobQueue } from '../../node/compute/jobs/queue.ts'
import { VillageError } from '../../node/errors.ts'
import { openStore } from '../../node/store.ts'
import { type JobNode, startJobVillage } from '../helpers/job-nodes.ts'
import type { Call } from '../helpers/job-process.ts'
import { TEST_LOG, temporaryDirectory, until } from '../helpers/mesh.ts'
import { stagedToyJob, stagedToys, toyTask } from '../helpers/toy-kinds.ts'
import { end, stopAll } from '../helpers/toy-village.ts'

const SCRIPT = fileURLToPath(new URL('../helpers/job-process.ts', import.meta.url))
const TASKS = 12
const SIZE_BYTES = 32
const children = new Set<ChildProcess>()

test.after.each(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await stopAll()
})

const params = { tasks: TASKS, sizeBytes: SIZE_BYTES }

async function assertWhole(owner: JobNode, summary: JobSummary): Promise<void> {
  const expected = stagedToys(TASKS, SIZE_BYTES)
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  assert.is(summary.stage, null)
  assert.is(summary.total, expected.total)
  assert.is(summary.done, expected.total)
  const bytes = await owner.artifacts.read(String(summary.result!.cid))
  assert.is(Buffer.from(bytes).toString('hex'), expected.hash)
  assert.equal(summary.result!.stages, [`first ${TASKS}`, 'number 0', `second ${expected.total - TASKS}`])
}

test('the answer to a submission does not wait for the plan, and the job says what it is at', async () => {
  const [owner, helper] = (await startJobVillage([
    { taskKinds: [toyTask()], jobKinds: [stagedToyJob] },
    { taskKinds: [toyTask()], jobKinds: [stagedToyJob] },
  ])) as [JobNode, JobNode]
  const seen: string[] = []
  owner.mesh.events.subscribe((event) => {
    if (event.type === 'job:changed' && event.data.stage !== null && seen.at(-1) !== event.data.stage)
      seen.push(event.data.stage)
  })
  const submitted = await owner.jobs.submit({ kind: 'staged-toys', params })
  assert.is(submitted.total, 0)
  assert.is(submitted.state, 'running')
  await assertWhole(owner, await end(owner, submitted.id))
  for (const stage of ['plan', 'first', 'second', 'assemble']) assert.ok(seen.includes(stage), seen.join())
  assert.ok(seen.indexOf('first') < seen.indexOf('second'))
  assert.ok(helper.jobs.list().length === 0)
})

test('a stage that cannot be planned fails the job with its reason', async () => {
  const broken = {
    ...stagedToyJob,
    next: async () => {
      throw new VillageError('MODEL_NOTHING_TO_COMPRESS')
    },
  }
  const [owner] = (await startJobVillage([{ taskKinds: [toyTask()], jobKinds: [broken] }])) as [JobNode]
  const { id } = await owner.jobs.submit({ kind: 'staged-toys', params })
  const summary = await end(owner, id)
  assert.is(summary.state, 'failed')
  assert.is(summary.error!.code, 'MODEL_NOTHING_TO_COMPRESS')
})

test('a job can be cancelled while its next stage is planned', async () => {
  let planning = false
  const slow: typeof stagedToyJob = {
    ...stagedToyJob,
    next: (_params, _stages, { signal }) =>
      new Promise((_, reject) => {
        planning = true
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      }),
  }
  const [owner] = (await startJobVillage([{ taskKinds: [toyTask()], jobKinds: [slow] }])) as [JobNode]
  const { id } = await owner.jobs.submit({ kind: 'staged-toys', params })
  await until('it is being planned', () => planning)
  assert.is(owner.jobs.get(id)!.stage, 'plan')
  await owner.jobs.cancel(id)
  assert.is((await end(owner, id)).state, 'cancelled')
})

test('a job that is cancelled while its next stage is written stays cancelled', async () => {
  const toy = toyTask()
  const cancelling: { done: Promise<void> | null } = { done: null }
  let id = ''
  const node: JobNode[] = []
  const kind: typeof toy = {
    ...toy,
    parseParams(input) {
      // The plan of the second stage is checked just before it is written.
      const parsed = toy.parseParams(input)
      if (id !== '' && (parsed.index as number) >= TASKS && cancelling.done === null)
        cancelling.done = node[0]!.jobs.cancel(id)
      return parsed
    },
  }
  node.push(...(await startJobVillage([{ taskKinds: [kind], jobKinds: [stagedToyJob] }])))
  const [owner] = node as [JobNode]
  id = (await owner.jobs.submit({ kind: 'staged-toys', params })).id
  assert.is((await end(owner, id)).state, 'cancelled')
  await cancelling.done
  await owner.stop()
  const store = await openStore({ directory: owner.mesh.directory })
  try {
    const [stored] = await createJobQueue({ store, log: TEST_LOG }).load()
    assert.is(stored!.record.state, 'cancelled')
    assert.equal(stored!.plan, [])
  } finally {
    await store.close()
  }
})

test('a lie in an earlier stage takes the later ones with it, and they are planned anew', async () => {
  let isChecked = false
  let lies = 0
  const [owner, turncoat] = (await startJobVillage([
    // random() = 0: every result of a trusted peer is looked at; at first none is.
    {
      taskKinds: [toyTask()],
      jobKinds: [stagedToyJob],
      config: { 'jobs.trustAfter': 3 },
      random: () => (isChecked ? 0 : 0.999),
      accepts: { others: true, own: false },
    },
    {
      taskKinds: [
        toyTask({
          run(index, honest) {
            const { bytes, stats } = honest()
            if (owner?.jobs.trust().every(({ consecutiveValid }) => consecutiveValid < 3) !== false)
              return { bytes, stats }
            lies += 1
            // The sum, and with it the size of the second stage, is another one.
            const lie = bytes.map((byte) => byte ^ (index % 2 === 0 ? 255 : 7))
            return { bytes: lie, stats: { sum: lie.reduce((sum, byte) => sum + byte, 0) } }
          },
        }),
      ],
      jobKinds: [stagedToyJob],
    },
  ])) as [JobNode, JobNode]
  const totals: number[] = []
  owner.mesh.events.subscribe((event) => {
    if (event.type === 'job:changed') {
      if (totals.at(-1) !== event.data.total) totals.push(event.data.total)
      if (event.data.stage === 'second') isChecked = true
    }
    if (event.type === 'peer:quarantined') owner.resources.set({ others: true, own: true })
  })
  const { id } = await owner.jobs.submit({ kind: 'staged-toys', params })
  await assertWhole(owner, await end(owner, id))
  assert.ok(lies > 0, 'it never lied')
  assert.ok(owner.jobs.trust().some(({ peer, reason }) => peer === turncoat.peer && reason !== null))
  assert.ok(
    totals.some((total, index) => index > 0 && total === TASKS && totals[index - 1]! > TASKS),
    `the second stage was not taken back: ${totals}`,
  )
})

/** A node in a process of its own (helpers/job-process.ts). */
async function remote(directory: string, taskMs: number) {
  const child = fork(SCRIPT, [directory, String(taskMs)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  children.add(child)
  const hear = <T>(call: string) =>
    new Promise<T>((resolve, reject) => {
      const listen = (message: { call: string; value?: T; error?: string }) => {
        if (message.call !== call) return
        child.off('message', listen)
        if (message.error === undefined) resolve(message.value as T)
        else reject(new Error(message.error))
      }
      child.on('message', listen)
    })
  await hear('ready')
  return {
    ask<T>(message: Call): Promise<T> {
      const answer = hear<T>(message.call)
      child.send(message)
      return answer
    },
    async kill(): Promise<void> {
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
      children.delete(child)
    },
  }
}

test('SIGKILL of the owner again and again, wherever the job is: it ends with the same output', async () => {
  const directory = await temporaryDirectory()
  const expected = stagedToys(TASKS, SIZE_BYTES)
  let owner = await remote(directory, 5)
  await owner.ask({ call: 'create' })
  const submit = { call: 'submit', kind: 'staged-toys', ...params } as const
  const { id } = await owner.ask<JobSummary>(submit)
  let summary: JobSummary | null = null
  // In the first stage, near its end, and in the second one.
  for (const done of [2, TASKS - 1, TASKS + 1]) {
    do summary = await owner.ask<JobSummary | null>({ call: 'get', id })
    while (summary !== null && summary.state === 'running' && summary.done < done)
    await owner.kill()
    owner = await remote(directory, 5)
  }
  do summary = await owner.ask<JobSummary | null>({ call: 'get', id })
  while (summary?.state === 'running')
  assert.is(summary?.state, 'done', JSON.stringify(summary?.error))
  assert.is(summary!.total, expected.total)
  assert.equal(summary!.result!.stages, [`first ${TASKS}`, 'number 0', `second ${expected.total - TASKS}`])
  await owner.kill()
})

test.run()
