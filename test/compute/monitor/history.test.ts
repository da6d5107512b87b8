import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { COLUMNS, type Sample } from '../../../node/compute/monitor/columns.ts'
import { createHistory, mergeValues } from '../../../node/compute/monitor/history.ts'

const EMPTY = Object.fromEntries(COLUMNS.map(({ name }) => [name, null]))
/** The rows are those of the table. */
const sample = (more: Partial<Sample>): Sample => ({ ...EMPTY, ...more }) as Sample

test('what was sampled is read, and what is not known is null', () => {
  const history = createHistory()
  assert.is(history.latest(), null)
  history.push(1_000, sample({ cpuCores: 0.5 }))
  history.push(1_010, sample({ cpuCores: 0.7, temperatureCelsius: 60 }))
  const view = history.read(3_600, 1_010)
  assert.is(view.intervalSeconds, 10)
  assert.equal(view.at, [1_000, 1_010])
  assert.equal(view.cpuCores, [0.5, 0.7])
  assert.equal(view.temperatureCelsius, [null, 60])
  assert.is(history.latest()?.cpuCores, 0.7)
})

test('an hour is kept in full, a day in points of two minutes, and no more', () => {
  const history = createHistory()
  const count = 3 * 8_640
  for (let index = 0; index < count; index++)
    history.push(index * 10, sample({ cpuCores: index % 12, loopDelayMs: index % 12 }))
  const now = (count - 1) * 10
  const hour = history.read(3_600, now)
  assert.is(hour.at.length, 360)
  assert.is(hour.at.at(-1), now)
  const day = history.read(86_400, now)
  assert.is(day.intervalSeconds, 120)
  assert.is(day.at.length, 720)
  assert.ok(day.at.every((at, index) => index === 0 || at - day.at[index - 1]! === 120))
  // Means of a load, peaks of a delay.
  assert.ok(day.cpuCores.every((value) => value === 5.5))
  assert.ok(day.loopDelayMs.every((value) => value === 11))
})

test('only what lies within the asked time is given', () => {
  const history = createHistory()
  for (let at = 0; at <= 600; at += 10) history.push(at, sample({}))
  assert.equal(history.read(30, 600).at, [580, 590, 600])
  // A node that slept: its samples are old.
  assert.equal(history.read(60, 10_000).at, [])
})

test('a machine that slept has a row without values there, not a line across', () => {
  const history = createHistory()
  for (const at of [100, 110, 120, 3_000, 3_010]) history.push(at, sample({ rssBytes: at }))
  const view = history.read(3_600, 3_010)
  assert.equal(view.at, [100, 110, 120, 130, 3_000, 3_010])
  assert.equal(view.rssBytes, [100, 110, 120, null, 3_000, 3_010])
})

test('times ascend, and none is later than now, whatever is done to the clock', () => {
  const history = createHistory()
  for (const at of [1_000, 1_010, 1_020, 905, 915, 1_015]) history.push(at, sample({ rssBytes: at }))
  assert.equal(history.read(3_600, 915).at, [905, 915])
  assert.equal(history.read(3_600, 1_015).rssBytes, [905, 915, null, 1_015])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 40 }), (times) => {
      const any = createHistory()
      for (const at of times) any.push(at, sample({}))
      const now = times.at(-1) ?? 1
      const { at } = any.read(3_600, now)
      assert.ok(at.every((time, index) => time <= now && (index === 0 || time > at[index - 1]!)))
    }),
  )
})

test('values merge within their bounds, unknown ones left out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.option(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { nil: Number.NaN }), {
        minLength: 1,
        maxLength: 12,
      }),
      (values) => {
        const known = values.filter((value) => !Number.isNaN(value))
        for (const merge of ['mean', 'max', 'last'] as const) {
          const merged = mergeValues(merge, values)
          if (known.length === 0) assert.ok(Number.isNaN(merged))
          else assert.ok(merged <= Math.max(...known) + 1e-3 && merged >= Math.min(...known) - 1e-3)
        }
      },
    ),
  )
})

test.run()
