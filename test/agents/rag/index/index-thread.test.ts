/** Whose call an index thread works on: this node's first, peers' by turns, and none that nobody waits for. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createCallQueue } from '../../../../node/agents/rag/index/call-queue.ts'
import { createIndexThread, type IndexThread } from '../../../../node/agents/rag/index/index-thread.ts'
import { createLog } from '../../../../node/log.ts'
import type { SteppingOperations } from '../../../helpers/stepping-thread.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

interface Place {
  thread: IndexThread<SteppingOperations>
}

const test = suite<Place>('index-thread')
test.before.each((place) => {
  place.thread = createIndexThread<SteppingOperations>(
    { log: createLog({ level: 'silent' }) },
    {
      url: new URL('../../../helpers/stepping-thread.ts', import.meta.url),
      name: 'stepping',
      niceness: 0,
      owner: 'test',
      onChanged: () => undefined,
      onCrash: () => assert.unreachable('the thread ended'),
    },
  )
})
// Where a call that was called off went on, this would wait for it without end.
test.after.each(({ thread }) => thread.close())

/** Of a call that nothing but this ends. */
function forever({ thread }: Place, name: string, peer?: string) {
  const over = new AbortController()
  const { signal } = over
  const call = thread.call('forever', [name], { signal, ...(peer !== undefined && { peer }) })
  return {
    async end() {
      over.abort()
      await rejectsCode(call, 'ABORTED')
    },
  }
}

test('calls of this node pass those of peers, also one that has begun', async (place) => {
  const { thread } = place
  const endless = ['a', 'a', 'b'].map((peer, at) => forever(place, `${peer}${at}`, peer))
  assert.is(await thread.call('steps', [5]), 5)
  assert.is(await thread.call('steps', [100_000]), 100_000)
  // The fourth peer gets its turn beside the three.
  assert.is(await thread.call('steps', [20_000], { peer: 'c' }), 20_000)
  for (const call of endless) await call.end()
  const log = await thread.call('log', [])
  assert.equal([...log].sort(), ['a0', 'a0 was ended', 'a1', 'a1 was ended', 'b2', 'b2 was ended'])
})

test('an abort ends what runs, and what waits behind it goes on', async (place) => {
  const { thread } = place
  const first = forever(place, 'first')
  const waiting = thread.call('steps', [3])
  const taken = new AbortController()
  const takenBack = thread.call('steps', [3], { signal: taken.signal })
  taken.abort()
  await rejectsCode(takenBack, 'ABORTED')
  await first.end()
  assert.is(await waiting, 3)
  assert.equal(await thread.call('log', []), ['first', 'first was ended'])
})

test('what fails after a pause fails as ever', async ({ thread }) => {
  await rejectsCode(thread.call('fails', []), 'INTERNAL')
  await rejectsCode(thread.call('fails', [], { peer: 'a' }), 'INTERNAL')
})

test('own calls first, then the peer that has the least and waited the longest', () => {
  const queue = createCallQueue<{ peer: string | null; name: string }>()
  const call = (name: string, peer: string | null) => {
    const made = { peer, name }
    queue.add(made)
    return made
  }
  const busy = ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'].map((name) => call(name, 'a'))
  const others = [call('b1', 'b'), call('c1', 'c')]
  const own = ['o1', 'o2', 'o3'].map((name) => call(name, null))
  assert.equal([queue.next(), queue.next(), queue.next()], [own[0], own[1], null])
  queue.end(own[0]!)
  assert.is(queue.next(), own[2])
  queue.end(own[1]!)
  queue.end(own[2]!)
  assert.equal(
    [1, 2, 3, 4, 5].map(() => queue.next()?.name),
    ['a1', 'b1', 'c1', 'a2', undefined],
  )
  call('b2', 'b')
  assert.ok(queue.remove(busy[2]!))
  assert.not.ok(queue.remove(busy[0]!))
  queue.end(busy[0]!)
  queue.end(busy[1]!)
  assert.equal(
    [1, 2].map(() => queue.next()?.name),
    ['a4', 'b2'],
  )
  for (const other of others) queue.end(other)
  // Two places are free, but not for a third call of one peer.
  assert.is(queue.next()?.name, 'a5')
  assert.is(queue.next(), null)
  assert.equal(
    queue.takeAll().map(({ name }) => name),
    ['a6'],
  )
  assert.is(queue.size, 0)
})

test.run()
