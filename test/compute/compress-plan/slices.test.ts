import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { secondsBySlice, sliceRows } from '../../../node/compute/compress-plan/slices.ts'

test('slices are all rows in order, and begin at whole groups', () => {
  fc.assert(
    fc.property(
      fc.record({
        rows: fc.integer({ min: 1, max: 5_000 }),
        cols: fc.integer({ min: 1, max: 5_000 }),
        rowGroup: fc.integer({ min: 1, max: 40 }),
        weightSeconds: fc.double({ min: 0, max: 100, noNaN: true }),
        seconds: fc.double({ min: 0.01, max: 10, noNaN: true }),
      }),
      (init) => {
        const slices = sliceRows(init)
        let next = 0
        for (const { startRow, rows } of slices) {
          assert.is(startRow, next)
          assert.is(startRow % init.rowGroup, 0)
          assert.ok(rows > 0)
          next += rows
        }
        assert.is(next, init.rows)
        const groups = Math.ceil(init.rows / init.rowGroup)
        assert.ok(slices.length <= groups)
        // No slice has more than its share, rounded up to a group.
        const most = Math.ceil(groups / slices.length) * init.rowGroup
        assert.ok(slices.every(({ rows }) => rows <= most))
      },
    ),
  )
})

test('a large matrix is cut whatever the speed of its codec, a small one is not', () => {
  assert.is(sliceRows({ rows: 32_000, cols: 2_048, rowGroup: 1, weightSeconds: 0, seconds: 1 }).length, 16)
  assert.is(sliceRows({ rows: 100, cols: 100, rowGroup: 1, weightSeconds: 0.1, seconds: 1 }).length, 1)
})

test('slices are shorter in small jobs and longer where there would be too many', () => {
  assert.is(secondsBySlice(0.001), 0.05)
  assert.is(secondsBySlice(24), 0.5)
  assert.is(secondsBySlice(1_000), 0.75)
  assert.is(secondsBySlice(40_000), 2)
})

test.run()
