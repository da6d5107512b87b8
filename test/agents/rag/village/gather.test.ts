/** Asking many peers with hedges and a deadline, with a clock of the test's own. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Gathered, type GatherInit, gather } from '../../../../node/agents/rag/village/gather.ts'
import { type ErrorCode, VillageError } from '../../../../node/errors.ts'

type Answer = {
  value?: string
  absent?: string[]
  doubted?: Record<string, ErrorCode | null>
  fails?: string
  never?: boolean
}

/** Peers that answer at a given time, and timers, all in one line of events. */
function createStage() {
  const events: { atMs: number; work: () => void; isDead: boolean }[] = []
  const asked: string[] = []
  let nowMs = 0
  const after = (delayMs: number, work: () => void) => {
    const event = { atMs: nowMs + delayMs, work, isDead: false }
    events.push(event)
    return () => {
      event.isDead = true
    }
  }
  return {
    asked,
    after,
    ask:
      (peers: Record<string, { atMs: number } & Answer>): GatherInit<string>['ask'] =>
      ({ peer, parts }) => {
        asked.push(`${nowMs} ${peer}: ${parts.join(' ')}`)
        const { atMs, value = peer, absent = [], doubted = {}, fails, never } = peers[peer]!
        return new Promise((resolve, reject) => {
          if (never === true) return
          after(atMs, () =>
            fails === undefined
              ? resolve({ value, absent, doubted: new Map(Object.entries(doubted)) })
              : reject(new VillageError('PEER_DISCONNECTED')),
          )
        })
      },
    /** Plays everything up to a time; promises settle between two events. */
    async play(untilMs: number): Promise<void> {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve))
        const next = events
          .filter((event) => !event.isDead && event.atMs <= untilMs)
          .sort((a, b) => a.atMs - b.atMs)[0]
        if (next === undefined) break
        next.isDead = true
        nowMs = next.atMs
        next.work()
      }
      nowMs = untilMs
    },
  }
}

const found = ({ answers }: Gathered<string>) =>
  answers.map(({ value, parts }) => `${value}: ${[...parts].sort().join(' ')}`)

async function run(
  peers: Record<string, { atMs: number } & Answer>,
  plan: { assignments: Record<string, string[]>; standby?: Record<string, string[]> },
  { untilMs = 10_000, abortAtMs = null as number | null } = {},
) {
  const stage = createStage()
  const deadline = new AbortController()
  if (abortAtMs !== null) stage.after(abortAtMs, () => deadline.abort())
  const result = gather({
    assignments: Object.entries(plan.assignments).map(([peer, parts]) => ({ peer, parts })),
    standby: new Map(Object.entries(plan.standby ?? {})),
    ask: stage.ask(peers),
    hedgeMs: () => 100,
    signal: deadline.signal,
    after: stage.after,
  })
  await stage.play(untilMs)
  return { result: await result, asked: stage.asked }
}

test('nothing to ask is answered at once', async () => {
  const { result } = await run({}, { assignments: {} })
  assert.equal(result.answers, [])
  assert.is(result.missing.size, 0)
})

test('each part is asked of one peer while all goes well', async () => {
  const { result, asked } = await run(
    { a: { atMs: 10 }, b: { atMs: 20 } },
    { assignments: { a: ['1', '2'], b: ['3'] }, standby: { 1: ['b'], 3: ['a'] } },
  )
  assert.equal(found(result), ['a: 1 2', 'b: 3'])
  assert.equal(asked, ['0 a: 1 2', '0 b: 3'])
})

test('a peer that fails is replaced at once, by part', async () => {
  const { result, asked } = await run(
    { a: { atMs: 10, fails: 'gone' }, b: { atMs: 20 }, c: { atMs: 20 } },
    { assignments: { a: ['1', '2'] }, standby: { 1: ['b'], 2: ['c'] } },
  )
  assert.equal(found(result), ['b: 1', 'c: 2'])
  assert.equal(asked, ['0 a: 1 2', '10 b: 1', '10 c: 2'])
})

test('a slow peer is hedged, and the first answer counts', async () => {
  const { result, asked } = await run(
    { a: { atMs: 500 }, b: { atMs: 20 } },
    { assignments: { a: ['1'] }, standby: { 1: ['b'] } },
  )
  assert.equal(found(result), ['b: 1'])
  assert.equal(asked, ['0 a: 1', '100 b: 1'])
})

test('who was slow may still be first when the hedge is slower', async () => {
  const { result } = await run(
    { a: { atMs: 150 }, b: { atMs: 400 } },
    { assignments: { a: ['1'] }, standby: { 1: ['b'] } },
  )
  assert.equal(found(result), ['a: 1'])
})

test('a part that a peer does not have is asked of the next', async () => {
  const { result } = await run(
    { a: { atMs: 10, absent: ['2'] }, b: { atMs: 10 } },
    { assignments: { a: ['1', '2'] }, standby: { 2: ['b'] } },
  )
  assert.equal(found(result), ['a: 1', 'b: 2'])
})

test('a doubted answer counts, and another peer is asked as well', async () => {
  const { result, asked } = await run(
    { a: { atMs: 10, doubted: { 1: 'ANSWER_UNCONFIRMED' } }, b: { atMs: 20 } },
    { assignments: { a: ['1', '2'] }, standby: { 1: ['b'], 2: ['b'] } },
  )
  assert.equal(found(result), ['a: 1 2', 'b: 1'])
  assert.equal(asked, ['0 a: 1 2', '10 b: 1'])
  assert.is(result.missing.size, 0)
})

test('a doubt that nobody removes is named, whatever becomes of the others', async () => {
  const doubted = { 1: 'ANSWER_UNCONFIRMED' as const }
  for (const second of [{ fails: 'gone' }, { absent: ['1'] }, { doubted }, { never: true }]) {
    const { result } = await run(
      { a: { atMs: 10, doubted }, b: { atMs: 20, ...second } },
      { assignments: { a: ['1'] }, standby: { 1: ['b'] } },
      { abortAtMs: 500 },
    )
    assert.equal([...result.missing], [['1', 'ANSWER_UNCONFIRMED']])
    assert.is(result.answers[0]!.value, 'a')
  }
})

test('a second opinion that is only asked for now and then is not missed', async () => {
  for (const second of [{ fails: 'gone' }, { absent: ['1'] }, { never: true }]) {
    const { result } = await run(
      { a: { atMs: 10, doubted: { 1: null } }, b: { atMs: 20, ...second } },
      { assignments: { a: ['1'] }, standby: { 1: ['b'] } },
      { abortAtMs: 500 },
    )
    assert.is(result.missing.size, 0)
  }
})

test('what nobody has is missing, with the reason', async () => {
  const { result } = await run(
    { a: { atMs: 10, absent: ['1'] }, b: { atMs: 30, fails: 'gone' } },
    { assignments: { a: ['1'], b: ['2'] } },
  )
  assert.equal(
    [...result.missing],
    [
      ['1', 'SEGMENT_ABSENT'],
      ['2', 'PEER_DISCONNECTED'],
    ],
  )
})

test('the deadline ends it with what has come', async () => {
  const { result } = await run(
    { a: { atMs: 10 }, b: { atMs: 0, never: true }, c: { atMs: 0, never: true } },
    { assignments: { a: ['1'], b: ['2'] }, standby: { 2: ['c'] } },
    { abortAtMs: 250 },
  )
  assert.equal(found(result), ['a: 1'])
  assert.equal([...result.missing], [['2', 'TIMEOUT']])
})

test('every holder is asked, one after the other, and none twice', async () => {
  const dead = { atMs: 5, fails: 'gone' }
  const { result, asked } = await run(
    { a: dead, b: dead, c: dead, d: { atMs: 5 } },
    { assignments: { a: ['1'] }, standby: { 1: ['a', 'b', 'c', 'd'] } },
  )
  assert.equal(found(result), ['d: 1'])
  assert.equal(asked, ['0 a: 1', '5 b: 1', '10 c: 1', '15 d: 1'])
})

test('a failure while a hedge runs leaves the part to the hedge', async () => {
  const { result, asked } = await run(
    { a: { atMs: 150, fails: 'gone' }, b: { atMs: 100 } },
    { assignments: { a: ['1'] }, standby: { 1: ['b'] } },
  )
  assert.equal(found(result), ['b: 1'])
  assert.equal(asked, ['0 a: 1', '100 b: 1'])
})

test.run()
