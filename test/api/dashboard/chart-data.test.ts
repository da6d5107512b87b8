/** What the dashboard's charts show, before it is drawn. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'

// The pages are plain JavaScript for browsers, outside of what is type-checked.
const at = new URL('../../../node/api/dashboard/parts/chart-data.js', import.meta.url).href
const { extent, reduceRows, tickFormat, timeTicks, toColumns, toCsv } = await import(at)

const test = suite('chart data')

test('lines stand in the order of x, and what is no number is a gap', () => {
  const columns = toColumns(
    [3, 1, 2],
    [{ label: 'a', values: [30, Number.NaN, 20], low: [29, 9, null], high: [31, 11, 21] }],
    ['three', 'one', 'two'],
  )
  assert.equal(columns.xs, [1, 2, 3])
  assert.equal(columns.names, ['one', 'two', 'three'])
  assert.equal(columns.columns[0], { ys: [null, 20, 30], lows: [9, null, 29], highs: [11, 21, 31] })
  assert.equal(columns.origins[2], { series: 0, index: 0 })
})

test('points of several series stand in one order, each in its own column', () => {
  const columns = toColumns(undefined, [
    { label: 'a', kind: 'points', points: [{ x: 2, y: 1, name: 'far' }] },
    {
      label: 'b',
      kind: 'points',
      points: [
        { x: 1, y: 5, low: 4, high: 6 },
        { x: 2, y: null },
      ],
    },
  ])
  assert.equal(columns.xs, [1, 2])
  assert.equal(
    columns.columns.map(({ ys }: { ys: unknown }) => ys),
    [
      [null, 1],
      [5, null],
    ],
  )
  assert.equal(columns.columns[1].lows, [4, null])
  assert.is(columns.columns[0].lows, null)
  assert.equal(columns.origins[1], { series: 0, index: 0 })
})

test('property: thinning keeps to its bound, the order, the ends, and every series’ least and greatest', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ a: fc.integer({ min: -999, max: 999 }), b: fc.option(fc.integer()) }), {
        minLength: 1,
        maxLength: 3_000,
      }),
      fc.integer({ min: 12, max: 400 }),
      (rows, max) => {
        const series = ['a', 'b'] as const
        const whole = toColumns(
          rows.map((_, index) => index),
          series.map((key) => ({ label: key, values: rows.map((row) => row[key]) })),
        )
        const thin = reduceRows(whole, max)
        assert.ok(thin.xs.length <= Math.max(max, 12))
        assert.is(thin.xs[0], 0)
        assert.is(thin.xs.at(-1), rows.length - 1)
        assert.ok(thin.xs.every((x: number, index: number) => index === 0 || x > thin.xs[index - 1]))
        for (const [index] of series.entries())
          assert.equal(extent([thin.columns[index]]), extent([whole.columns[index]]))
      },
    ),
    { numRuns: 60 },
  )
})

test('marks of an axis differ, and days are said once', () => {
  assert.equal([0, 0.25, 0.5].map(tickFormat(0.25)), ['0.00', '0.25', '0.50'])
  assert.equal([0, 2000].map(tickFormat(1000)), ['0', '2,000'])
  assert.equal([1e-9, 2e-9].map(tickFormat(1e-9)), ['1.0e-9', '2.0e-9'])
  const midnight = new Date(2026, 0, 2).getTime() / 1000
  assert.equal(timeTicks([midnight - 3600, midnight, midnight + 3600], 3600), [
    '23:00\n1 Jan',
    '00:00\n2 Jan',
    '01:00',
  ])
})

test('the file of a chart quotes what needs it, and no cell becomes a formula', () => {
  const columns = toColumns([1, 2], [{ label: 'a, b', values: [1.5, null] }], ['=1+1', 'say "x"'])
  assert.is(toCsv('x', [{ label: 'a, b' }], columns), 'name,x,"a, b"\r\n\'=1+1,1,1.5\r\n"say ""x""",2,\r\n')
})

test.run()
