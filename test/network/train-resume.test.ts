/** What a pause, a cancellation, a divergence or a SIGKILL leaves of a training. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { JobSummary } from '../../node/compute/jobs/job.ts'
import { readCheckpoint } from '../../node/compute/training/checkpoint.ts'
import { type JobNode, startJobNode, stopJobNodes } from '../helpers/job-nodes.ts'
import { stopMeshNodes, until } from '../helpers/mesh.ts'
import { rejectsCode } from '../helpers/throws.ts'
import { directoryOf, QUICK, signal, trained, weightsOf, withModel } from '../helpers/train-nodes.ts'
import type { TrainCall } from '../helpers/train-process.ts'

const SCRIPT = fileURLToPath(new URL('../helpers/train-process.ts', import.meta.url))
const children = new Set<ChildProcess>()

/** Most tests share a node: what they look at is in a job of their own. */
let node: JobNode
let data = ''
let directory = ''

test.before(async () => {
  node = await startJobNode()
  const made = await withModel(node)
  data = made.data
  directory = made.directory
})

test.after(async () => {
  for (const child of children) child.kill('SIGKILL')
  await stopJobNodes()
  await stopMeshNodes()
})

test('a pause is over when work may go on, and the weights are those of an undisturbed run', async () => {
  // How many steps are made before a thread hears of a pause depends on the machine: longer until some are left.
  for (let steps = 250; ; steps *= 4) {
    const params = { model: 'tiny', data: [data], ...QUICK, steps, checkpointSeconds: 3600 }
    const { id } = await node.jobs.submit({ kind: 'train', params: { ...params, id: `parts-${steps}` } })
    const end = node.mesh.events.subscribe((event) => {
      if (event.type !== 'training:metrics' || event.data.job !== id || event.data.step < 1) return
      node.resources.set({ others: false, own: false })
      end()
    })
    const file = path.join(node.mesh.directory, 'job-files', id, 'checkpoint.bin')
    await until('the pause or the end', () => existsSync(file) || node.jobs.get(id)!.state !== 'running')
    const { state } = node.jobs.get(id)!
    const step = readCheckpoint(file)?.state.step ?? steps
    node.resources.set({ others: true, own: true })
    const parts = await node.jobs.wait(id, { signal: signal() })
    assert.is(parts.state, 'done', JSON.stringify(parts.error))
    if (step === steps) continue
    assert.ok(step >= 1)
    assert.is(state, 'running')
    const whole = await trained(node, { ...params, id: 'whole' })
    const made = [String(whole.result!.id), `parts-${steps}`].map((name) => directoryOf(node, name))
    const [a, b] = await Promise.all(made)
    assert.equal(weightsOf(b!), weightsOf(a!))
    return
  }
})

test('a cancelled training ends at once and leaves nothing', async () => {
  const params = { model: 'tiny', data: [data], ...QUICK, steps: 1_000_000 }
  const { id } = await node.jobs.submit({ kind: 'train', params })
  const running = Promise.withResolvers<void>()
  node.mesh.events.subscribe(({ type }) => void (type === 'training:metrics' && running.resolve()))
  await running.promise
  await node.jobs.cancel(id)
  assert.is(node.jobs.get(id)!.state, 'cancelled')
  await until('the thread is free again', () => node.longPool.stats().busy === 0)
  assert.is(await node.models.get('tiny-trained'), null)
})

test('a training that diverges keeps its best weights, and another may begin with them', async () => {
  const wild = {
    ...QUICK,
    model: 'tiny',
    data: [data],
    optimiser: 'sgd',
    clip: 0,
    schedule: 'constant',
    warmup: 0,
  }
  const good = { ...QUICK, model: 'tiny', data: [data] }
  const { id } = await node.jobs.submit({
    kind: 'train',
    params: { ...wild, learningRate: 10, steps: 4000, evaluateEvery: 1, checkpointSeconds: 0 },
  })
  const failed = await node.jobs.wait(id, { signal: signal() })
  assert.is(failed.error?.code, 'TRAIN_DIVERGED', JSON.stringify(failed))
  assert.ok(existsSync(path.join(node.mesh.directory, 'job-files', id, 'best.bin')))
  const job = await trained(node, { ...good, from: id, id: 'saved' })
  assert.is(job.params.from, id)
  await rejectsCode(node.jobs.submit({ kind: 'train', params: { ...good, from: 'abcdefgh23' } }), 'NOT_FOUND')
  await node.jobs.remove(id)
  assert.not.ok(existsSync(path.join(node.mesh.directory, 'job-files', id)))
})

class Remote {
  readonly child: ChildProcess

  constructor(directory: string) {
    this.child = fork(SCRIPT, [directory], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    children.add(this.child)
  }

  hear<T>(call: string): Promise<T> {
    return new Promise((resolve, reject) => {
      this.child.on('message', (message: { call: string; value?: T; error?: string }) => {
        if (message.call !== call) return
        if (message.error === undefined) resolve(message.value as T)
        else reject(new Error(message.error))
      })
      this.child.once('exit', (code) => reject(new Error(`the process ended with ${code}`)))
    })
  }

  ask<T>(message: TrainCall): Promise<T> {
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

test('SIGKILL in the middle: the training goes on from its checkpoint to the same bits', async () => {
  const source = path.join(directory, 'tiny')
  const home = path.join(directory, 'home')
  const params = {
    model: 'tiny',
    data: [data],
    ...QUICK,
    method: 'lora',
    accumulation: 2,
    steps: 60,
    checkpointSeconds: 0.02,
    id: 'result',
  }
  let remote = new Remote(home)
  await remote.hear('ready')
  await remote.ask({ call: 'add', path: source, id: 'tiny' })
  let killed = ''
  // How soon it is done depends on the machine: longer until it dies in the middle.
  for (; ; params.steps *= 4, params.id = `result-${params.steps}`) {
    killed = (await remote.ask<JobSummary>({ call: 'submit', params })).id
    let done = false
    remote.ask({ call: 'wait', id: killed }).then(
      () => {
        done = true
      },
      () => undefined, // it died before
    )
    const file = path.join(home, 'job-files', killed, 'checkpoint.bin')
    await until('there is a checkpoint, or the end', () => done || existsSync(file))
    await remote.kill()
    remote = new Remote(home)
    const step = readCheckpoint(file)?.state.step ?? params.steps
    await remote.hear('ready')
    if (step < params.steps) break
    await remote.ask({ call: 'wait', id: killed })
  }
  const resumed = await remote.ask<JobSummary>({ call: 'wait', id: killed })
  assert.is(resumed.state, 'done', JSON.stringify(resumed.error))
  // The same id, for it is written in the model's files.
  const cid = await remote.ask<string>({ call: 'take', id: params.id })
  const again = await remote.ask<JobSummary>({ call: 'submit', params })
  const whole = await remote.ask<JobSummary>({ call: 'wait', id: again.id })
  assert.is(whole.state, 'done', JSON.stringify(whole.error))
  assert.is(await remote.ask<string>({ call: 'take', id: params.id }), cid)
  await remote.kill()
})

test.run()
