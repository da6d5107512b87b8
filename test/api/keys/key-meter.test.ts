import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DAY_MS, MINUTE_MS, NO_USAGE } from '../../../node/api/keys/key.ts'
import { createKeyMeter, waitText } from '../../../node/api/keys/key-meter.ts'

const test = suite('key meter')
const NOON = 20_000 * DAY_MS + DAY_MS / 2
const FRESH = { day: 20_000, today: NO_USAGE, total: NO_USAGE }
const NONE = { requestsByMinute: null, requestsByDay: null, tokensByDay: null }

test('without limits everything passes, is counted, and has no headers', () => {
  const meter = createKeyMeter(NONE, FRESH)
  for (let n = 0; n < 1000; n += 1)
    assert.equal(meter.take(NOON), { refused: null, retryAfterMs: 0, headers: {} })
  assert.is(meter.state(NOON).today.requests, 1000)
})

test('a minute’s requests at once, then one whenever one has been refilled', () => {
  const meter = createKeyMeter({ ...NONE, requestsByMinute: 6 }, FRESH)
  for (let left = 5; left >= 0; left -= 1) {
    const { refused, headers } = meter.take(NOON)
    assert.is(refused, null)
    assert.is(headers['x-ratelimit-remaining-requests'], String(left))
    assert.is(headers['x-ratelimit-limit-requests'], '6')
  }
  const { refused, retryAfterMs, headers } = meter.take(NOON)
  assert.equal([refused, retryAfterMs], ['requestsByMinute', 10_000])
  assert.is(headers['x-ratelimit-reset-requests'], '1m0s')
  assert.is(meter.take(NOON + 9_999).refused, 'requestsByMinute')
  assert.is(meter.take(NOON + 10_000).refused, null)
  assert.is(meter.take(NOON + 10_000).refused, 'requestsByMinute')
  assert.is(meter.state(NOON + 10_000).today.requests, 7)
})

test('a day’s requests and tokens: refused until midnight UTC, then counted anew; the total goes on', () => {
  const meter = createKeyMeter({ ...NONE, requestsByDay: 3, tokensByDay: 100 }, FRESH)
  meter.take(NOON)
  meter.addTokens({ promptTokens: 60, completionTokens: 39 }, NOON)
  const { refused, headers } = meter.take(NOON)
  assert.is(refused, null)
  assert.equal(headers, {
    'x-ratelimit-limit-requests': '3',
    'x-ratelimit-remaining-requests': '1',
    'x-ratelimit-reset-requests': '12h0m0s',
    'x-ratelimit-limit-tokens': '100',
    'x-ratelimit-remaining-tokens': '1',
    'x-ratelimit-reset-tokens': '12h0m0s',
  })
  meter.addTokens({ promptTokens: 0, completionTokens: 5 }, NOON)
  const spent = meter.take(NOON + 1)
  assert.equal([spent.refused, spent.retryAfterMs], ['tokensByDay', DAY_MS / 2 - 1])
  assert.is(spent.headers['x-ratelimit-remaining-tokens'], '0')
  assert.is(meter.take(NOON + DAY_MS / 2).refused, null)
  assert.equal(meter.state(NOON + DAY_MS / 2), {
    day: 20_001,
    today: { requests: 1, promptTokens: 0, completionTokens: 0 },
    total: { requests: 3, promptTokens: 60, completionTokens: 44 },
  })
})

test('what running requests may use is held: a quota is passed by one request at most', () => {
  const meter = createKeyMeter({ ...NONE, tokensByDay: 100 }, FRESH)
  const first = meter.reserve(60, NOON)
  const second = meter.reserve(60, NOON)
  assert.ok(first !== null && second !== null)
  assert.is(meter.reserve(1, NOON), null)
  second.release()
  second.release()
  assert.ok(meter.reserve(40, NOON) !== null)
  assert.is(meter.reserve(1, NOON), null)
  first.release()
  meter.addTokens({ promptTokens: 30, completionTokens: 20 }, NOON)
  assert.ok(meter.reserve(10, NOON) !== null)
  assert.is(meter.reserve(1, NOON), null)
})

test('a clock that is set back gives nothing anew', () => {
  const meter = createKeyMeter({ ...NONE, requestsByDay: 1, requestsByMinute: 60 }, FRESH)
  meter.take(NOON)
  assert.is(meter.take(NOON - 3 * DAY_MS).refused, 'requestsByDay')
  assert.is(meter.state(NOON - 3 * DAY_MS).day, 20_000)
})

test('no window of a minute ever lets more than two minutes’ worth through, and whoever waits as told gets in', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.array(fc.nat(20_000), { maxLength: 200 }),
      (rate, pauses) => {
        const meter = createKeyMeter({ ...NONE, requestsByMinute: rate }, FRESH)
        const passed: number[] = []
        let at = NOON
        for (const pause of pauses) {
          at += pause
          const { refused, retryAfterMs } = meter.take(at)
          if (refused === null) passed.push(at)
          else {
            at += retryAfterMs
            assert.is(meter.take(at).refused, null)
            passed.push(at)
          }
        }
        for (const from of passed)
          assert.ok(passed.filter((time) => time >= from && time < from + MINUTE_MS).length <= 2 * rate)
      },
    ),
    { numRuns: 50 },
  )
})

test('how long to wait is written as OpenAI writes it', () => {
  assert.equal([0.2, 20, 1_000, 1_234, 60_000, 360_000, 3_600_000, 43_200_001].map(waitText), [
    '1ms',
    '20ms',
    '1s',
    '1.3s',
    '1m0s',
    '6m0s',
    '1h0m0s',
    '12h0m1s',
  ])
})
test.run()
