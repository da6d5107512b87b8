import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createWorkGate } from '../../../node/federated/rounds/work-gate.ts'
import { testResources } from '../../helpers/job-nodes.ts'

const test = suite('the gate of work')

function task() {
  let finish = () => {}
  let hasBegun = false
  const done = new Promise<void>((resolve) => {
    finish = resolve
  })
  const work = () => {
    hasBegun = true
    return done
  }
  return { work, finish: () => finish(), hasBegun: () => hasBegun }
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('so many at once, the next when one has ended', async () => {
  const gate = createWorkGate(testResources({ cores: 1, accepts: { others: true, own: true } }), {
    atOnce: 2,
  })
  const { signal } = new AbortController()
  const tasks = [task(), task(), task()]
  const all = tasks.map(({ work }) => gate.within({ own: true, signal }, work))
  await settled()
  assert.equal(
    tasks.map(({ hasBegun }) => hasBegun()),
    [true, true, false],
  )
  tasks[1]!.finish()
  await all[1]
  await settled()
  assert.ok(tasks[2]!.hasBegun())
  for (const { finish } of tasks) finish()
  await Promise.all(all)
  gate.stop()
})

test('work of others waits while the machine is not lent; own work goes on; an abort takes its place in the queue away', async () => {
  const resources = testResources({ cores: 1, accepts: { others: false, own: true } })
  const gate = createWorkGate(resources, { atOnce: 1 })
  const abort = new AbortController()
  const other = task()
  const own = task()
  const dropped = gate.within({ own: false, signal: abort.signal }, task().work)
  const waiting = gate.within({ own: false, signal: new AbortController().signal }, other.work)
  const running = gate.within({ own: true, signal: new AbortController().signal }, own.work)
  await settled()
  assert.equal([other.hasBegun(), own.hasBegun()], [false, true])
  abort.abort(new Error('no more'))
  await dropped.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'no more'),
  )
  own.finish()
  await running
  await settled()
  assert.not(other.hasBegun())
  resources.set({ others: true, own: true })
  await settled()
  assert.ok(other.hasBegun())
  other.finish()
  await waiting
  gate.stop()
})

test('work that fails makes room', async () => {
  const gate = createWorkGate(testResources({ cores: 1, accepts: { others: true, own: true } }), {
    atOnce: 1,
  })
  const { signal } = new AbortController()
  const failing = gate.within({ own: true, signal }, () => Promise.reject(new Error('it fails')))
  await failing.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'it fails'),
  )
  assert.is(await gate.within({ own: true, signal }, async () => 7), 7)
  gate.stop()
})

test.run()
