import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  compareResults,
  decodeResults,
  encodeResults,
  joinResults,
  MAX_RESULT_BYTES,
  type ResultSet,
} from '../../../node/compute/evaluate/results.ts'
import { SENTENCE_GROUPS } from '../../../node/compute/evaluate/sentences.ts'
import { SUITES, suiteById, suiteByName } from '../../../node/compute/evaluate/suites.ts'
import { VillageError } from '../../../node/errors.ts'

const test = suite('evaluation results')
const malformed = (error: unknown): boolean =>
  error instanceof VillageError && error.code === 'EVALUATION_RESULT_MALFORMED'

const result = (start: number, count: number, dims = 3): ResultSet => ({
  suite: 'similarity',
  start,
  count,
  dims,
  vectors: Float32Array.from({ length: count * dims }, (_, i) => start * dims + i + 0.5),
})

test('the suites are numbered and named once, and their items can be asked for', () => {
  assert.is(new Set(SUITES.map((row) => row.id)).size, SUITES.length)
  assert.is(new Set(SUITES.map((row) => row.name)).size, SUITES.length)
  for (const row of SUITES) {
    assert.is(suiteByName(row.name), suiteById(row.id))
    const texts = Array.from({ length: row.items }, (_, item) => row.text(item))
    assert.is(new Set(texts).size, row.items)
    assert.ok(texts.every((text) => text.trim() === text && text.length > 0))
  }
  assert.throws(
    () => suiteByName('nothing'),
    (error: VillageError) => error.code === 'INVALID_ARGUMENT',
  )
})

test('the sentences are groups of four, enough of them', () => {
  assert.ok(SENTENCE_GROUPS.length >= 60)
  assert.ok(
    SENTENCE_GROUPS.every((group) => group.length === 4 && group.every((text) => /[.?!]$/.test(text))),
  )
})

test('bytes come back as they were, at any alignment', () => {
  fc.assert(
    fc.property(
      fc.nat(100),
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 9 }),
      fc.nat(3),
      (start, count, dims, shift) => {
        const set = result(start, count, dims)
        const bytes = encodeResults(set)
        assert.is(bytes.length, 20 + 4 * count * dims)
        const shifted = new Uint8Array(bytes.length + shift)
        shifted.set(bytes, shift)
        assert.equal(decodeResults(shifted.subarray(shift)), set)
      },
    ),
    { numRuns: 50, seed: 1 },
  )
  assert.equal(
    [...encodeResults(result(2, 1, 1))],
    [86, 69, 86, 82, 1, 0, 1, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 32, 64],
  )
  assert.throws(
    () => encodeResults({ ...result(0, 2), count: 3 }),
    (error: VillageError) => error.code === 'INVALID_ARGUMENT',
  )
})

test('what does not hold together is refused', () => {
  const bytes = encodeResults(result(0, 4))
  const items = suiteByName('similarity').items
  const edit = (offset: number, value: number, size: 2 | 4 = 4): Uint8Array => {
    const copy = bytes.slice()
    const view = new DataView(copy.buffer)
    if (size === 2) view.setUint16(offset, value, true)
    else view.setUint32(offset, value, true)
    return copy
  }
  const bad = [
    new Uint8Array(0),
    bytes.subarray(0, 19),
    bytes.subarray(0, bytes.length - 1),
    Uint8Array.of(...bytes, 0),
    edit(0, 1),
    edit(4, 2, 2),
    edit(6, 999, 2),
    edit(8, items - 3),
    edit(12, 0),
    edit(12, 5),
    edit(12, 0xffffffff),
    edit(16, 0),
    edit(16, 0xffffffff),
    edit(20, 0x7fc00000),
    edit(24, 0xff800000),
    new Uint8Array(MAX_RESULT_BYTES + 1),
  ]
  for (const [index, input] of bad.entries())
    assert.throws(() => decodeResults(input), malformed, `case ${index}`)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(80), (noise, at) => {
      const mixed = bytes.slice()
      mixed.set(noise.subarray(0, Math.max(0, mixed.length - at)), Math.min(at, mixed.length))
      try {
        decodeResults(mixed)
      } catch (error) {
        assert.ok(malformed(error))
      }
    }),
    { numRuns: 500, seed: 1 },
  )
})

test('parts join in any order; a gap, an overlap or another shape is refused', () => {
  const parts = [result(6, 2), result(0, 4), result(4, 2)]
  assert.equal(joinResults(parts), result(0, 8))
  assert.equal(joinResults([result(5, 2)]), result(5, 2))
  for (const wrong of [
    [],
    [result(0, 2), result(3, 1)],
    [result(0, 3), result(2, 2)],
    [result(0, 2), result(2, 2, 4)],
  ])
    assert.throws(() => joinResults(wrong), malformed)
})

test('replicas agree within the tolerance and not beyond', () => {
  const a = result(0, 5)
  const nudged = { ...a, vectors: a.vectors.map((x) => x * (1 + 1e-6)) }
  assert.equal(compareResults(a, a, { tolerance: 0.999 }), { agree: true, minCosine: 1 })
  assert.ok(compareResults(a, nudged, { tolerance: 0.999 }).agree)
  const turned = { ...a, vectors: a.vectors.slice() }
  turned.vectors[12]! *= -1
  const found = compareResults(a, turned, { tolerance: 0.999 })
  assert.not(found.agree)
  assert.ok(found.minCosine < 0.9)
  // Equal directions of other lengths are no replica, and zeros are not like anything.
  assert.not(compareResults(a, { ...a, vectors: a.vectors.map((x) => x * 2) }, { tolerance: 0.999 }).agree)
  assert.not(compareResults(a, { ...a, vectors: new Float32Array(15) }, { tolerance: 0.999 }).agree)
  const zeros = { ...a, vectors: new Float32Array(15) }
  assert.ok(compareResults(zeros, zeros, { tolerance: 0.999 }).agree)
  assert.not(compareResults(a, result(1, 5), { tolerance: 0 }).agree)
})

test.run()
