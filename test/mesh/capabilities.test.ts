/** When a node says what it lends: by a clock that nobody sets, and never later than it has to be. */
import { mock } from 'node:test'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bareCapabilities } from '../../node/mesh/bare-capabilities.ts'
import { createCapabilityBoard, encodeCapabilities } from '../../node/mesh/capabilities.ts'
import { TEST_LOG } from '../helpers/mesh.ts'

const test = suite('when capabilities are announced')
const HOUR_MS = 3_600_000
const START_MS = 1_800_000_000_000

test.before.each(() => mock.timers.enable({ apis: ['setTimeout', 'setInterval'] }))
test.after.each(() => mock.timers.reset())

/** A board in a village of that size, with a clock of the day that can be set. */
function boardOf(members: number) {
  const clock = { elapsedMs: 0, offsetMs: 0 }
  let announced = 0
  const now = () => START_MS + clock.elapsedMs + clock.offsetMs
  const board = createCapabilityBoard(
    { log: TEST_LOG },
    { now, elapsedMs: () => clock.elapsedMs, members: () => members },
  )
  board.start({
    publish: async () => {
      announced += 1
      return 1
    },
    addresses: () => [],
    learned() {},
  })
  return {
    board,
    clock,
    now,
    /** How often it announces in so many seconds. */
    during(seconds: number): number {
      const before = announced
      for (let second = 0; second < seconds; second++) {
        clock.elapsedMs += 1_000
        mock.timers.tick(1_000)
      }
      return announced - before
    },
  }
}

test('a clock that is set back by an hour or a year silences nobody', () => {
  for (const offsetMs of [-HOUR_MS, -365 * 24 * HOUR_MS]) {
    const { board, clock, during } = boardOf(3)
    // Between two announcements, with none on its way.
    during(290)
    clock.offsetMs = offsetMs
    const later = during(300)
    assert.ok(later >= 9 && later <= 10, `${later} announcements in five minutes`)
    board.announce()
    assert.is(during(3), 1, 'and once more when something has changed')
    board.stop()
  }
})

test('what was heard before the clock was set back is forgotten in its time', () => {
  const { board, clock, now, during } = boardOf(3)
  const bytes = encodeCapabilities(bareCapabilities({ version: '1.0.0', config: { profile: 'laptop' } }), {
    timeMs: now(),
    addresses: [],
  })
  board.topicInit.handle(bytes, 'ann')
  clock.offsetMs = -HOUR_MS
  assert.ok(board.of('ann') !== null)
  during(91)
  assert.is(board.of('ann'), null)
  board.stop()
})

test('however many members there are, each announces every two minutes', () => {
  for (const members of [1_000, 9_900]) {
    const { board, during } = boardOf(members)
    during(150)
    const later = during(1_200)
    assert.ok(later >= 9 && later <= 11, `${later} announcements in twenty minutes, ${members} members`)
    board.stop()
  }
})

test.run()
