/** Which segments are merged: held against what a merge policy owes whatever the sizes are. */
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import {
  chooseMerge,
  type MergeableSegment,
  planCompaction,
} from '../../../../node/agents/rag/index/merge-policy.ts'

const test = suite('merge-policy')

const liveOf = (segment: MergeableSegment): number => segment.chunks - segment.deletedChunks
const sum = (segments: readonly MergeableSegment[]): number =>
  segments.reduce((all, one) => all + liveOf(one), 0)

const segments = (most: number) =>
  fc
    .array(fc.record({ live: fc.integer({ min: 1, max: most }), deletedChunks: fc.nat(most) }), {
      maxLength: 40,
    })
    .map((rows) =>
      rows.map(({ live, deletedChunks }, at) => ({
        id: `s${at}`,
        chunks: live + deletedChunks,
        deletedChunks,
      })),
    )

const pick = (all: readonly MergeableSegment[], ids: readonly string[]): MergeableSegment[] =>
  ids.map((id) => all.find((segment) => segment.id === id)!)

test('a merge fits, keeps the order, and does something', () => {
  fc.assert(
    fc.property(segments(10_000), fc.constantFrom(10_000, 50_000), (all, most) => {
      const ids = chooseMerge(all, most)
      const picked = pick(all, ids)
      assert.ok(sum(picked) <= most)
      assert.equal(
        ids,
        all.map(({ id }) => id).filter((id) => ids.includes(id)),
      )
      if (ids.length === 1) assert.ok(picked[0]!.deletedChunks * 3 > picked[0]!.chunks)
    }),
    { numRuns: 300 },
  )
})

test('merging comes to an end, and few segments are left', () => {
  fc.assert(
    fc.property(segments(3_000), (all) => {
      let rest: MergeableSegment[] = all
      for (let round = 0; ; round++) {
        assert.ok(round <= 2 * all.length, 'it goes on for ever')
        const ids = chooseMerge(rest, 50_000)
        if (ids.length === 0) break
        const merged = { id: `m${round}`, chunks: sum(pick(rest, ids)), deletedChunks: 0 }
        rest = [...rest.filter(({ id }) => !ids.includes(id)), merged]
      }
      assert.is(sum(rest), sum(all))
      assert.ok(rest.length <= 8 * 3, `${rest.length} segments of ${sum(rest)} chunks`)
    }),
    { numRuns: 200 },
  )
})

test('each chunk of a growing index is rewritten a few times only', () => {
  let rest: MergeableSegment[] = []
  let written = 0
  for (let commit = 0; commit < 3_000; commit++) {
    rest.push({ id: `c${commit}`, chunks: 20, deletedChunks: 0 })
    for (let ids = chooseMerge(rest, 50_000); ids.length > 0; ids = chooseMerge(rest, 50_000)) {
      const merged = { id: `m${commit}-${ids[0]}`, chunks: sum(pick(rest, ids)), deletedChunks: 0 }
      written += merged.chunks
      rest = [...rest.filter(({ id }) => !ids.includes(id)), merged]
    }
  }
  const times = written / (3_000 * 20)
  assert.ok(times < 8, `${times} times`)
  assert.ok(rest.length < 24, `${rest.length} segments`)
})

test('after a compaction nothing deleted is left, and with a join few segments are', () => {
  fc.assert(
    fc.property(segments(900), fc.boolean(), (all, join) => {
      const groups = planCompaction(all, 1_000, { join })
      assert.is(new Set(groups.flat()).size, groups.flat().length, 'each once')
      for (const segment of all) if (segment.deletedChunks > 0) assert.ok(groups.flat().includes(segment.id))
      for (const group of groups) assert.ok(sum(pick(all, group)) <= 1_000)
      const left = all.length - groups.flat().length + groups.length
      if (join) assert.ok(left <= 1 + (2 * sum(all)) / 1_000, `${left} for ${sum(all)} chunks`)
      else assert.ok(groups.every((group) => group.length === 1))
    }),
    { numRuns: 300 },
  )
})

test.run()
