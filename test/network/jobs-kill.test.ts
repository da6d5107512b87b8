/** SIGKILL of a worker and of an owner in mid-job: real processes, and the output of an undisturbed job. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../node/compute/jobs/job.ts'
import type { JobNotes } from '../../node/compute/jobs/job-history.ts'
import { type JobNode, startJobNode, startJobVillage, stopJobNodes } from '../helpers/job-nodes.ts'
import type { Call } from '../helpers/job-process.ts'
import { stopMeshNodes, temporaryDirectory, until } from '../helpers/mesh.ts'
import { toyHash, toyJob, toyTask } from '../helpers/toy-kinds.ts'

const SCRIPT = fileURLToPath(new URL('../helpers/job-process.ts', import.meta.url))
const TASKS = 30
const SIZE_BYTES = 70_000
const children = new Set<ChildProcess>()

class Remote {
  readonly child: ChildProcess
  peer = ''

  constructor(directory: string, taskMs: number, more: readonly string[] = []) {
    this.child = fork(SCRIPT, [directory, String(taskMs), ...more], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    children.add(this.child)
  }

  async ready(): Promise<this> {
    this.peer = await this.hear<string>('ready')
    return this
  }

  hear<T>(call: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        this.child.off('message', listen)
        this.child.off('exit', gone)
        settle()
      }
      const listen = (message: { call: string; value?: T; error?: string }) => {
        if (message.call !== call) return
        if (message.error === undefined) done(() => resolve(message.value as T))
        else done(() => reject(new Error(message.error)))
      }
      const gone = (code: number | null) => done(() => reject(new Error(`the process ended with ${code}`)))
      this.child.on('message', listen)
      this.child.on('exit', gone)
    })
  }

  ask<T>(message: Call): Promise<T> {
    const answer = this.hear<T>(message.call)
    this.child.send(message)
    return answer
  }

  async kill(): Promise<void> {
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
    children.delete(this.child)
  }
}

test.after.each(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await stopJobNodes()
  await stopMeshNodes()
})

async function outputOf(owner: JobNode, summary: JobSummary): Promise<string> {
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  return Buffer.from(await owner.artifacts.read(String(summary.result!.cid))).toString('hex')
}

test('SIGKILL of a worker in mid-job: the job finishes with the same output', async () => {
  const remote = await new Remote(await temporaryDirectory(), 60_000).ready()
  const [owner] = (await startJobVillage([
    { taskKinds: [toyTask()], jobKinds: [toyJob], accepts: { others: true, own: false } },
  ])) as [JobNode]
  const { invite } = await owner.mesh.villages.invite({ role: 'member', expiresInMs: 600_000, uses: 1 })
  await remote.ask({ call: 'join', invite })
  const { id } = await owner.jobs.submit({ kind: 'toys', params: { tasks: TASKS, sizeBytes: SIZE_BYTES } })
  await until('the worker holds leases', () =>
    owner.jobs.tasks(id).some((task) => task.peers.includes(remote.peer)),
  )
  await remote.kill()
  owner.resources.set({ others: true, own: true })
  const summary = await owner.jobs.wait(id, { signal: AbortSignal.timeout(40_000) })
  assert.is(await outputOf(owner, summary), toyHash(TASKS, SIZE_BYTES))
  assert.equal(owner.jobs.trust(), [], 'a worker that is gone is not blamed')
})

test('SIGKILL of the owner in mid-job and a restart: it goes on, with the same output', async () => {
  const directory = await temporaryDirectory()
  const owner = await new Remote(directory, 50).ready()
  await owner.ask({ call: 'create' })
  const [undisturbed] = (await startJobVillage([{ taskKinds: [toyTask()], jobKinds: [toyJob] }])) as [JobNode]
  const alone = await undisturbed.jobs.submit({
    kind: 'toys',
    params: { tasks: TASKS, sizeBytes: SIZE_BYTES },
  })
  const expected = await undisturbed.jobs.wait(alone.id, { signal: AbortSignal.timeout(40_000) })
  await undisturbed.stop()

  const { id } = await owner.ask<JobSummary>({ call: 'submit', tasks: TASKS, sizeBytes: SIZE_BYTES })
  let done = 0
  while (done < 5) ({ done } = (await owner.ask<JobSummary>({ call: 'get', id }))!)
  assert.ok(done < TASKS, 'it was killed too late')
  await owner.kill()

  const again = await new Remote(directory, 1).ready()
  let summary = (await again.ask<JobSummary | null>({ call: 'get', id }))!
  assert.ok(summary !== null, 'the job was acknowledged and is gone')
  while (summary.state === 'running') summary = (await again.ask<JobSummary | null>({ call: 'get', id }))!
  assert.is(summary.state, 'done', JSON.stringify(summary.error))
  assert.is(summary.result!.cid, expected.result!.cid)
  await again.kill()
})

test('a job that has ended is known after SIGKILL as it was before: result, times, and why it went so', async () => {
  const directory = await temporaryDirectory()
  const owner = await new Remote(directory, 300, ['faulty']).ready()
  await owner.ask({ call: 'create' })
  const { id } = await owner.ask<JobSummary>({ call: 'submit', tasks: 3, sizeBytes: SIZE_BYTES })
  const before = await owner.ask<JobSummary>({ call: 'wait', id })
  assert.is(before.state, 'done', JSON.stringify(before.error))
  const notes = await owner.ask<JobNotes>({ call: 'history', id })
  assert.is(notes.notes.filter(({ what, code }) => what === 'failed' && code === 'TASK_FAILED').length, 3)
  await owner.kill()

  const again = await new Remote(directory, 1).ready()
  assert.equal(await again.ask<JobSummary>({ call: 'get', id }), before)
  assert.equal(await again.ask<JobNotes>({ call: 'history', id }), notes)
  await again.kill()
})

test('an owner that was killed is served again by the workers of its village', async () => {
  const directory = await temporaryDirectory()
  const owner = await new Remote(directory, 60_000).ready()
  await owner.ask({ call: 'create' })
  const { invite } = await owner.ask<{ invite: string }>({ call: 'invite' })
  const worker = await startJobNode({ taskKinds: [toyTask()], jobKinds: [toyJob] })
  await worker.mesh.villages.join(invite, { signal: AbortSignal.timeout(30_000) })
  const { id } = await owner.ask<JobSummary>({ call: 'submit', tasks: TASKS, sizeBytes: SIZE_BYTES })
  await owner.kill()

  // It takes a minute for each task itself: what is done in this test is the worker's.
  const again = await new Remote(directory, 60_000).ready()
  let shares: JobSummary['shares'] = {}
  while (shares[worker.peer] === undefined)
    ({ shares } = (await again.ask<JobSummary | null>({ call: 'get', id }))!)
  assert.ok(shares[worker.peer]!.tasks > 0)
  await again.kill()
})

test.run()
