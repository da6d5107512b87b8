import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createRunFetches } from '../../../node/federated/rounds/run-fetches.ts'

const test = suite('who is asked for what is missing of a run')

interface Turn {
  readonly run: string
  readonly peer: string
  readonly signal: AbortSignal
  end(gain: boolean): void
}

/** Turns are ended by hand; a turn whose signal aborts ends by itself, with what it brought until then. */
function make(init: { gives?: (peer: string) => boolean; turnMs?: number } = {}) {
  const { gives = () => false, turnMs = 60_000 } = init
  const turns: Turn[] = []
  const clock = { nowMs: 0 }
  const banned = new Set<string>()
  const fetches = createRunFetches({
    now: () => clock.nowMs,
    turnMs,
    mayAsk: (_run, { peer }) => !banned.has(peer),
    fetch: (run, { peer }, signal) =>
      new Promise((resolve) => {
        turns.push({ run, peer, signal, end: resolve })
        signal.addEventListener('abort', () => {
          clock.nowMs += turnMs
          resolve(gives(peer))
        })
      }),
  })
  const peersOf = () => turns.map(({ peer }) => peer)
  return { fetches, turns, peersOf, clock, banned }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))
/** Ends when `holds` does; a test that waits for what never comes is ended by the runner. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1))
}

test('one peer at a time, each that has named the run in its order, none twice', async () => {
  const { fetches, turns, peersOf } = make()
  for (const peer of ['a', 'b', 'a', 'c', 'b', 'c']) fetches.soon('run', peer, 1)
  await settled()
  assert.equal(peersOf(), ['a'])
  turns[0]!.end(true)
  await settled()
  assert.equal(peersOf(), ['a', 'b'])
  turns[1]!.end(true)
  await settled()
  assert.equal(peersOf(), ['a', 'b', 'a'], 'a has named it again while it was asked')
  turns[2]!.end(false)
  await settled()
  assert.equal(peersOf(), ['a', 'b', 'a', 'c'])
  turns[3]!.end(true)
  await fetches.stop()
})

test('who holds the turn without giving anything loses it, and is set aside for a while', async () => {
  const { fetches, turns, peersOf, clock } = make({ turnMs: 1_000 })
  fetches.soon('run', 'liar', 9)
  fetches.soon('run', 'honest', 3)
  await until(() => turns.length === 2)
  assert.equal(peersOf(), ['liar', 'honest'])
  for (let times = 0; times < 10; times++) fetches.soon('run', 'liar', 9)
  turns[1]!.end(true)
  await settled()
  assert.equal(peersOf(), ['liar', 'honest'], 'it waits, however often it names the run')
  clock.nowMs += 20_000
  fetches.soon('run', 'liar', 9)
  assert.is(turns.length, 3)
  turns[2]!.end(true)
  await fetches.stop()
})

test('who gives something slowly goes on after the others', async () => {
  const { fetches, turns, peersOf } = make({ turnMs: 10, gives: (peer) => peer === 'slow' })
  fetches.soon('run', 'slow', 0)
  fetches.soon('run', 'other', 0)
  await until(() => turns.length === 2)
  turns[1]!.end(false)
  await until(() => turns.length >= 3)
  assert.equal(peersOf().slice(0, 3), ['slow', 'other', 'slow'])
  await fetches.stop()
})

test('few runs of one peer at a time and few that wait; others are not held up by it', async () => {
  const { fetches, turns, peersOf } = make()
  for (let run = 0; run < 2_000; run++) fetches.soon(`made up ${run}`, 'flood', 1)
  fetches.soon('real', 'honest', 1)
  await settled()
  assert.is(peersOf().filter((peer) => peer === 'flood').length, 2)
  assert.is(peersOf().filter((peer) => peer === 'honest').length, 1)
  for (let index = 0; index < turns.length; index++) {
    turns[index]!.end(false)
    await settled()
  }
  assert.is(peersOf().filter((peer) => peer === 'flood').length, 2 + 256)
  await fetches.stop()
})

test('who may not be asked any more is not, though it waits; after the stop nobody is', async () => {
  const { fetches, turns, peersOf, banned } = make()
  fetches.soon('run', 'a', 0)
  fetches.soon('run', 'b', 0)
  fetches.soon('run', 'c', 0)
  banned.add('b')
  turns[0]!.end(true)
  await settled()
  assert.equal(peersOf(), ['a', 'c'])
  await fetches.stop()
  assert.ok(turns[1]!.signal.aborted)
  fetches.soon('run', 'd', 0)
  assert.is(turns.length, 2)
})

test.run()
