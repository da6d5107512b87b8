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
  const all = tasks.map(({ work }) => gate.within({ own: true, memoryBytes: 1, signal }, work))
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
  const dropped = gate.within({ own: false, memoryBytes: 1, signal: abort.signal }, task().work)
  const waiting = gate.within(
    { own: false, memoryBytes: 1, signal: new AbortController().signal },
    other.work,
  )
  const running = gate.within({ own: true, memoryBytes: 1, signal: new AbortController().signal }, own.work)
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

test('no more at once than fits into the memory that is lent; what does not fit at all runs alone', async () => {
  const gate = createWorkGate(testResources({ cores: 8, accepts: { others: true, own: true } }), {
    atOnce: 8,
  })
  const { signal } = new AbortController()
  const sizes = [0.6, 0.5, 0.1, 3, 0.1].map((share) => share * gate.lentBytes())
  const tasks = sizes.map(() => task())
  const all = tasks.map(({ work }, index) =>
    gate.within({ own: true, memoryBytes: sizes[index]!, signal }, work),
  )
  const begun = () => tasks.map(({ hasBegun }) => hasBegun())
  await settled()
  assert.equal(begun(), [true, false, false, false, false], 'in their order')
  const end = async (index: number) => {
    tasks[index]!.finish()
    await all[index]
    await settled()
  }
  await end(0)
  assert.equal(begun(), [true, true, true, false, false])
  await end(1)
  await end(2)
  assert.equal(begun(), [true, true, true, true, false])
  await end(3)
  assert.equal(begun(), [true, true, true, true, true])
  await end(4)
  gate.stop()
})

test('work that fails makes room', async () => {
  const gate = createWorkGate(testResources({ cores: 1, accepts: { others: true, own: true } }), {
    atOnce: 1,
  })
  const { signal } = new AbortController()
  const failing = gate.within({ own: true, memoryBytes: 1, signal }, () =>
    Promise.reject(new Error('it fails')),
  )
  await failing.then(
    () => assert.unreachable(),
    (error: Error) => assert.is(error.message, 'it fails'),
  )
  assert.is(await gate.within({ own: true, memoryBytes: 1, signal }, async () => 7), 7)
  gate.stop()
})

test.run()
