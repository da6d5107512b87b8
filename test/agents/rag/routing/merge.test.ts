/** Many peers give what one central index gives: lists, scores and ties; frequencies add up. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { combineStatistics } from '../../../../node/agents/rag/routing/combine-statistics.ts'
import { mergeOutcomes } from '../../../../node/agents/rag/routing/merge-outcomes.ts'
import { readSketch } from '../../../../node/agents/rag/routing/read-sketch.ts'
import { buildSketch } from '../../../../node/agents/rag/routing/sketch.ts'
import type { SearchOutcome, SearchRequest } from '../../../../node/agents/rag/search-types.ts'
import { createNaiveBackend, type NaiveDocument } from '../../../helpers/naive-backend.ts'

const test = suite('merging')
const NEVER = new AbortController().signal
const WORDS = ['bread', 'oven', 'flour', 'boat', 'sail']

const libraries = fc
  .array(
    fc.record({
      text: fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 6 }),
      peer: fc.nat({ max: 4 }),
      angle: fc.nat({ max: 5 }),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map((rows) =>
    rows.map(({ text, peer, angle }, at) => ({
      peer,
      document: {
        source: `${at}.md`,
        chunks: [{ text: text.join(' '), vector: [Math.cos(angle), Math.sin(angle)] }],
      } satisfies NaiveDocument,
    })),
  )

/** Without where it lies: that is all that may differ. */
const ranks = ({ lexical, vectors }: SearchOutcome) =>
  [lexical, vectors].map((list) => list.map(({ segment: _, chunk: __, ...candidate }) => candidate))

test('one central index, or its documents split over peers in any way: the same lists to the last bit', async () => {
  await fc.assert(
    fc.asyncProperty(
      libraries,
      fc.subarray(WORDS),
      fc.integer({ min: 1, max: 8 }),
      async (rows, words, limit) => {
        const central = createNaiveBackend({ all: rows.map(({ document }) => document) })
        const peers = [0, 1, 2, 3, 4].map((peer) => ({
          peer,
          backend: createNaiveBackend({
            [`s${peer}`]: rows.filter((row) => row.peer === peer).map(({ document }) => document),
          }),
        }))
        const terms = words.map((term) => ({ term, weight: 1, field: null }))
        const request: SearchRequest = {
          lexical: { terms, required: [], excluded: [] },
          vector: Float32Array.of(1, 0),
          filters: [],
          limit,
        }
        const parts = await Promise.all(
          peers.map(async ({ peer, backend }) => ({
            segment: `s${peer}`,
            ...(await backend.statistics(words, NEVER)).value,
          })),
        )
        const statistics = combineStatistics(words, parts)
        assert.equal(statistics, (await central.statistics(words, NEVER)).value)
        const outcomes = await Promise.all(
          peers.map(async ({ backend }) => (await backend.search(request, statistics, NEVER)).value),
        )
        const whole = (await central.search(request, statistics, NEVER)).value
        assert.equal(ranks(mergeOutcomes(outcomes, limit)), ranks(whole))
        assert.equal(ranks(mergeOutcomes([...outcomes, ...outcomes].reverse(), limit)), ranks(whole))
      },
    ),
    { numRuns: 150 },
  )
})

test('of two answers for a chunk the first counts', () => {
  const candidate = { segment: 's', chunk: 0, document: 'd', ordinal: 0, lexical: 1, cosine: null }
  const merged = mergeOutcomes(
    [
      { lexical: [candidate], vectors: [] },
      { lexical: [{ ...candidate, lexical: 5 }], vectors: [] },
    ],
    3,
  )
  assert.equal(merged.lexical, [candidate])
})

test('segments that were not asked count by their sketches', () => {
  const sketch = readSketch(
    buildSketch([{ term: 'bread', df: 4, maxFrequency: 1, minLength: 9 }], { chunks: 10, totalLength: 90 }),
  )
  const exact = { segment: 's', chunks: 5, totalLength: 40, documentFrequency: new Map([['oven', 2]]) }
  assert.equal(combineStatistics(['bread', 'oven', 'oven', 'sail'], [exact], [sketch]), {
    chunks: 15,
    totalLength: 130,
    documentFrequency: new Map([
      ['bread', 4],
      ['oven', 2],
    ]),
  })
})

test('totals stay exact numbers, and no frequency is above them, whatever members say', () => {
  const totals = fc.record({ chunks: fc.maxSafeNat(), totalLength: fc.maxSafeNat(), df: fc.maxSafeNat() })
  fc.assert(
    fc.property(fc.array(totals, { maxLength: 20 }), (parts) => {
      const { chunks, totalLength, documentFrequency } = combineStatistics(
        ['t'],
        parts.map(({ df, ...rest }, at) => ({
          ...rest,
          segment: `${at}`,
          documentFrequency: new Map([['t', df]]),
        })),
      )
      for (const total of [chunks, totalLength]) assert.ok(Number.isSafeInteger(total) && total >= 0)
      assert.ok((documentFrequency.get('t') ?? 0) <= chunks)
    }),
  )
})

test.run()
