import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createEvents, KEPT_BY_KIND, type VillageEvent } from '../node/events.ts'

const events = suite('events')

events('numbers, dates and hands out what happened', () => {
  let timeMs = 1000
  const stream = createEvents({ now: () => timeMs })
  const seen: VillageEvent[] = []
  const end = stream.subscribe((event) => seen.push(event))
  stream.emit('peer:connected', { peer: 'a' })
  timeMs = 2000
  stream.emit('peer:disconnected', { peer: 'a' })
  end()
  end()
  stream.emit('peer:connected', { peer: 'b' })
  assert.equal(seen, [
    { seq: 1, timeMs: 1000, type: 'peer:connected', data: { peer: 'a' } },
    { seq: 2, timeMs: 2000, type: 'peer:disconnected', data: { peer: 'a' } },
  ])
  assert.equal(
    stream.since(2).map(({ seq }) => seq),
    [3],
  )
})

events('keeps the last thousand for those who come back', () => {
  const stream = createEvents()
  assert.equal(stream.since(0), [])
  for (let peer = 1; peer <= 2500; peer++) stream.emit('peer:connected', { peer: String(peer) })
  const kept = stream.since(0)
  assert.is(kept.length, 1000)
  assert.is(kept[0]?.seq, 1501)
  assert.equal(
    stream.since(2499).map(({ seq }) => seq),
    [2500],
  )
  assert.equal(stream.since(2500), [])
  assert.is(stream.since(-5).length, 1000)
})

events('what comes often does not push out what comes seldom, and an ending not what went before it', () => {
  const stream = createEvents()
  const change = (state: string) =>
    stream.emit('job:changed', { job: 'j', kind: 'evaluate', state, done: 0, total: 1, stage: null })
  stream.emit('member:left', { peer: 'a' })
  change('failed')
  for (let task = 0; task < 3000; task++) {
    stream.emit('task:changed', { job: 'j', task, state: 'done', peer: null, progress: 1 })
    change('running')
  }
  const kept = stream.newest()
  assert.equal(
    kept.slice(0, 2).map(({ type }) => type),
    ['member:left', 'job:changed'],
  )
  assert.is(kept.length, 2 + 2 * KEPT_BY_KIND)
  assert.ok(kept.every(({ seq }, index) => index === 0 || seq > kept[index - 1]!.seq))
  assert.is(kept.at(-1)?.seq, 6002)
})

events('one function may listen twice, and each subscription ends alone', () => {
  const stream = createEvents()
  let calls = 0
  const listener = () => {
    calls += 1
  }
  const endFirst = stream.subscribe(listener)
  stream.subscribe(listener)
  stream.emit('model:removed', { id: 'x' })
  endFirst()
  stream.emit('model:removed', { id: 'x' })
  assert.is(calls, 3)
})

events('subscribing and ending while an event is handed out', () => {
  const stream = createEvents()
  const seen: string[] = []
  stream.subscribe(({ seq }) => {
    seen.push(`first ${seq}`)
    endSecond()
    stream.subscribe((event) => seen.push(`late ${event.seq}`))
  })
  const endSecond = stream.subscribe(({ seq }) => seen.push(`second ${seq}`))
  stream.emit('model:removed', { id: 'x' })
  assert.equal(seen, ['first 1'])
  stream.emit('model:removed', { id: 'x' })
  assert.equal(seen, ['first 1', 'first 2', 'late 2'])
})

events('an error of a listener reaches neither the emitter nor the other listeners', () => {
  const errors: unknown[] = []
  const stream = createEvents({ onError: (error) => errors.push(error) })
  const reason = new Error('bad listener')
  let reached = 0
  stream.subscribe(() => {
    throw reason
  })
  stream.subscribe(() => {
    reached += 1
  })
  stream.emit('model:removed', { id: 'x' })
  assert.is(reached, 1)
  assert.equal(errors, [reason])
})

events('without onError it is uncaught, after the event was handed out', async () => {
  const stream = createEvents()
  const reason = new Error('nobody cares')
  let reached = 0
  stream.subscribe(() => {
    throw reason
  })
  stream.subscribe(() => {
    reached += 1
  })
  const uncaught = new Promise((resolve) => process.once('uncaughtException', resolve))
  stream.emit('model:removed', { id: 'x' })
  assert.is(reached, 1)
  assert.is(await uncaught, reason)
})

events.run()
