import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  factor,
  gramOf,
  nextState,
  POSITIONS,
  POSITIONS_PADDED,
  searchTables,
  sequence,
} from '../../../node/compute/reference/seedlm-tables.ts'

test('the register runs through all non-zero states', () => {
  const seen = new Set<number>()
  let state = 1
  for (let i = 0; i < POSITIONS; i++) {
    seen.add(state)
    state = nextState(state)
  }
  assert.is(seen.size, POSITIONS)
  assert.is(state, 1, 'and then begins anew')
  assert.not.ok(seen.has(0))
})

test('the sequence has the value of each state where the state stands', () => {
  const { values, states, positionOf } = sequence()
  for (const seed of [1, 2, 32768, 65535, 40000]) {
    assert.is(states[positionOf[seed]!], seed)
    assert.is(values[positionOf[seed]!], Math.fround((seed - 32768) / 32767))
  }
  assert.is(values[POSITIONS], values[0], 'it wraps')
})

test('whitening: its square undoes the Gram matrix, and ill-conditioned seeds are left out', () => {
  const { values } = sequence()
  for (const [C, P] of [
    [8, 3],
    [12, 4],
  ] as const) {
    const { whitening } = searchTables(C, P)
    let skipped = 0
    for (let position = 0; position < POSITIONS; position += 7) {
      const gram = new Float64Array(P * P)
      gramOf(values, position, C, P, gram)
      const isIndependent = factor(gram, P, new Float64Array(P * P), new Float64Array(P))
      const plane = (row: number, col: number) =>
        whitening[((row * (row + 1)) / 2 + col) * POSITIONS_PADDED + position]!
      if (!isIndependent) {
        skipped++
        for (let row = 0; row < P; row++) assert.is(plane(row, row), 0)
        continue
      }
      // W G Wᵀ must be the identity.
      for (let i = 0; i < P; i++)
        for (let j = 0; j <= i; j++) {
          let sum = 0
          for (let a = 0; a <= i; a++)
            for (let b = 0; b <= j; b++)
              sum += plane(i, a) * gram[Math.max(a, b) * P + Math.min(a, b)]! * plane(j, b)
          assert.ok(Math.abs(sum - (i === j ? 1 : 0)) < 1e-4, `position ${position}: ${sum}`)
        }
    }
    const share = skipped / Math.ceil(POSITIONS / 7)
    assert.ok(share > 0 && share < 0.05, `${share} of the seeds are left out`)
    assert.is(whitening[POSITIONS], 0, 'the padding has no energy')
  }
})

test.run()
