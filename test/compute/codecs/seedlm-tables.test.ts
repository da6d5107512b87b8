import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cellList, cellOf, SLOTS } from '../../../node/compute/reference/seedlm-index.ts'
import { plainScan } from '../../../node/compute/reference/seedlm-scan.ts'
import {
  nextState,
  orthonormalise,
  POSITIONS,
  recordAt,
  recordBytes,
  records,
  sequence,
  UNIT,
} from '../../../node/compute/reference/seedlm-tables.ts'
import { wasmScan } from '../../../node/compute/reference/seedlm-wasm.ts'
import { seededRandom } from '../../helpers/weights.ts'

const SHAPES = [
  [8, 3],
  [12, 4],
] as const

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

test('records: an orthonormal basis of the columns of U, and ill-conditioned seeds are left out', () => {
  const { values } = sequence()
  for (const [C, P] of SHAPES) {
    const table = records(C, P)
    const basis = new Float64Array(P * C)
    let skipped = 0
    for (let position = 0; position < POSITIONS; position += 7) {
      const record = (row: number, c: number) => table[position * recordBytes(C) + recordAt(row, c)]!
      if (!orthonormalise(position, C, P, basis)) {
        skipped++
        for (let row = 0; row < P; row++) for (let c = 0; c < C; c++) assert.is(record(row, c), 0)
        continue
      }
      const row = (index: number) => basis.subarray(index * C, index * C + C)
      const product = (a: Float64Array, b: (c: number) => number) =>
        a.reduce((sum, value, c) => sum + value * b(c), 0)
      for (let i = 0; i < P; i++) {
        for (let j = 0; j <= i; j++)
          assert.ok(Math.abs(product(row(i), (c) => row(j)[c]!) - (i === j ? 1 : 0)) < 1e-9)
        for (let c = 0; c < C; c++) assert.ok(Math.abs(record(i, c) - UNIT * row(i)[c]!) <= 0.5 + 1e-9)
        // A column of U lies in the span.
        const column = (c: number) => values[position + c * P + i]!
        let left = 0
        for (let c = 0; c < C; c++) left += column(c) ** 2
        for (let j = 0; j < P; j++) left -= product(row(j), column) ** 2
        assert.ok(Math.abs(left) < 1e-9)
      }
    }
    const share = skipped / Math.ceil(POSITIONS / 7)
    assert.ok(share > 0 && share < 0.05, `${share} of the seeds are left out`)
    assert.ok(
      table.subarray(POSITIONS * recordBytes(C)).every((byte) => byte === 0),
      'the padding has no energy',
    )
  }
})

test('the list of a cell: ascending, and whole slots', () => {
  const random = seededRandom(3)
  for (const [C] of SHAPES) {
    const probe = Int8Array.from({ length: C }, () => Math.round((random() - 0.5) * 254))
    const list = cellList(cellOf(probe, C), C, plainScan)
    assert.is(list.length % SLOTS, 0)
    assert.ok(list.length > 200 && list.length < 8000, `${list.length} seeds`)
    const members = list.filter((position) => position < POSITIONS)
    assert.ok(list.length - members.length < SLOTS)
    assert.ok(members.every((position, i) => i === 0 || position > members[i - 1]!))
  }
})

test('most blocks find their best seed in the list of their cell', () => {
  const random = seededRandom(8)
  for (const [C] of SHAPES) {
    let found = 0
    const every = Uint16Array.from({ length: POSITIONS + 1 }, (_, position) => position)
    for (let block = 0; block < 40; block++) {
      const probe = Int8Array.from({ length: C }, () =>
        Math.round((random() + random() + random() + random() - 2) * 63),
      )
      const best = wasmScan.winners(probe, C, every).reduce((a, b) => Math.max(a, b))
      const inList = wasmScan.winners(probe, C, cellList(cellOf(probe, C), C, wasmScan))
      if (inList.reduce((a, b) => Math.max(a, b)) === best) found++
    }
    assert.ok(found >= (C === 8 ? 30 : 24), `${found} of 40 with C = ${C}`)
  }
})

test('WebAssembly compares positions as plain TypeScript does', () => {
  const random = seededRandom(5)
  for (const [C] of SHAPES)
    for (const size of [127, 3]) {
      const probe = Int8Array.from({ length: C }, () => Math.round((random() * 2 - 1) * size))
      probe[0] = -size
      const positions = Uint16Array.from({ length: 96 }, () => random() * 65536)
      assert.equal(
        wasmScan.winners(probe, C, positions).slice(),
        plainScan.winners(probe, C, positions).slice(),
      )
      assert.equal(wasmScan.keep(probe, C, size), plainScan.keep(probe, C, size))
    }
  const largest = Int8Array.from({ length: 12 }, () => 127)
  assert.equal(wasmScan.keep(largest, 12, 40000), plainScan.keep(largest, 12, 40000), 'no overflow')
})

test.run()
