import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IndexedDocument } from '../../../../node/agents/rag/document.ts'
import { explainChunk, scoreChunks } from '../../../../node/agents/rag/lexical/score-chunks.ts'
import { searchLexical } from '../../../../node/agents/rag/lexical/search-lexical.ts'
import type { LexicalQuery, Phrase, Statistics, TextField } from '../../../../node/agents/rag/search-types.ts'
import { openSegment } from '../../../../node/agents/rag/segment/open-segment.ts'
import type { Segment } from '../../../../node/agents/rag/segment/segment.ts'
import { writeSegment } from '../../../../node/agents/rag/segment/write-segment.ts'
import { seededRandom } from '../../../../node/compute/evaluate/seeded-random.ts'
import { naiveChunks, naiveSearch, naiveStatistics } from '../../../helpers/naive-search.ts'
import { documentOf, randomDocuments } from '../../../helpers/random-documents.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const searches = suite('searchLexical')
let folder = ''

searches.before.each(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'village-lexical-'))
})
searches.after.each(() => rmSync(folder, { recursive: true }))

/** The documents in this many segments, each in the one that `random` says; empty ones are left out. */
function split(documents: readonly IndexedDocument[], parts: number, random: () => number): Segment[] {
  const groups = Array.from({ length: parts }, (): IndexedDocument[] => [])
  for (const document of documents) groups[Math.floor(random() * parts)]!.push(document)
  return groups
    .filter((group) => group.length > 0)
    .map((group) => openSegment(folder, writeSegment(folder, group).id))
}

function find(segments: readonly Segment[], query: LexicalQuery, statistics: Statistics, limit: number) {
  const hits = searchLexical(
    segments.map((segment) => ({ segment, accept: null })),
    query,
    statistics,
    limit,
  )
  return hits.map(({ segment, chunk, score }) => {
    const open = segments[segment]!
    return { document: open.documentId(open.documentOf(chunk)), ordinal: open.ordinal(chunk), score }
  })
}

const fields: readonly (TextField | null)[] = [null, null, null, 'title', 'heading', 'body']
const term = fc.nat(40).map((number) => `w${number}`)
const field = fc.constantFrom(...fields)
const phrase: fc.Arbitrary<Phrase> = fc.record({
  alternatives: fc.array(fc.array(term, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 2 }),
  field,
})
const query: fc.Arbitrary<LexicalQuery> = fc.record({
  terms: fc.array(fc.record({ term, weight: fc.constantFrom(1, 1, 0.3, 0, 2.5), field }), { maxLength: 6 }),
  required: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(phrase, { maxLength: 2 })),
  excluded: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(phrase, { maxLength: 2 })),
})

searches('one index, many segments and the definition give the same bits and the same order', () => {
  // Large enough for lists of several blocks and searches of several windows, in one segment and in eleven.
  const documents = randomDocuments(1, 1_500)
  const chunks = naiveChunks(documents)
  const statistics = naiveStatistics(chunks)
  const splits = [1, 2, 11].map((parts) => split(documents, parts, seededRandom(parts)))
  fc.assert(
    fc.property(query, fc.constantFrom(1, 10, 100, 5_000), (asked, limit) => {
      const expected = naiveSearch(chunks, asked, statistics, limit)
      for (const segments of splits) assert.equal(find(segments, asked, statistics, limit), expected)
    }),
    { numRuns: 80 },
  )
  for (const segment of splits.flat()) segment.close()
})

searches('any split of any documents, with any statistics', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 5 }),
      query,
      fc.double({ min: 0.1, max: 10, noNaN: true }),
      (seed, count, parts, asked, stretch) => {
        const documents = randomDocuments(seed, count, 30)
        const chunks = naiveChunks(documents)
        const own = naiveStatistics(chunks)
        // Of a larger village, whose chunks are longer or shorter.
        const statistics = { ...own, chunks: own.chunks * 3, totalLength: own.totalLength * 3 * stretch }
        if (own.totalLength * stretch < own.chunks) return
        const segments = split(documents, parts, seededRandom(seed))
        assert.equal(find(segments, asked, statistics, 7), naiveSearch(chunks, asked, statistics, 7))
        for (const segment of segments) segment.close()
      },
    ),
    { numRuns: 60 },
  )
})

searches('what is not accepted is not found, and makes room for what is', () => {
  const documents = randomDocuments(2, 400)
  const chunks = naiveChunks(documents)
  const statistics = naiveStatistics(chunks)
  const [segment] = split(documents, 1, seededRandom(1))
  const asked = { terms: [{ term: 'w1', weight: 1, field: null }], required: [], excluded: [] }
  const isAccepted = (chunk: number) => chunk % 3 === 0
  const hits = searchLexical([{ segment: segment!, accept: isAccepted }], asked, statistics, 20)
  const expected = naiveSearch(
    chunks.filter((_, chunk) => isAccepted(chunk)),
    asked,
    statistics,
    20,
  )
  assert.equal(
    hits.map(({ score }) => score),
    expected.map(({ score }) => score),
  )
  assert.ok(hits.every(({ chunk }) => isAccepted(chunk)))
  segment!.close()
})

searches('scores of given chunks and explanations are the search’s own numbers', () => {
  const documents = randomDocuments(3, 500)
  const statistics = naiveStatistics(naiveChunks(documents))
  const segments = split(documents, 3, seededRandom(3))
  fc.assert(
    fc.property(query, (asked) => {
      const ranked = { ...asked, required: [], excluded: [] }
      const hits = searchLexical(
        segments.map((segment) => ({ segment, accept: null })),
        ranked,
        statistics,
        40,
      )
      segments.forEach((segment, index) => {
        const found = hits.filter((hit) => hit.segment === index).reverse()
        const scores = scoreChunks(
          segment,
          ranked,
          statistics,
          found.map(({ chunk }) => chunk),
        )
        assert.equal(
          [...scores],
          found.map(({ score }) => score),
        )
        for (const { chunk, score } of found.slice(0, 3)) {
          const explained = explainChunk(segment, ranked, statistics, chunk)
          assert.is(explained.score, score)
          assert.is(
            explained.terms.reduce((sum, part) => sum + part.score, 0),
            score,
          )
        }
      })
    }),
    { numRuns: 50 },
  )
  for (const segment of segments) segment.close()
})

searches('a phrase never spans two fields', () => {
  const documents = [
    documentOf('a', [{ title: 'heat', headings: ['transfer'], text: 'slab' }]),
    documentOf('b', [{ title: 'heat transfer', headings: [], text: 'a slab' }]),
  ]
  const statistics = naiveStatistics(naiveChunks(documents))
  const segments = split(documents, 1, seededRandom(1))
  const found = (alternatives: string[][]) =>
    find(segments, { terms: [], required: [{ alternatives, field: null }], excluded: [] }, statistics, 9)
      .length
  assert.is(found([['heat', 'transfer']]), 1)
  assert.is(found([['transfer', 'slab']]), 0)
  assert.is(found([['heat'], ['nowhere']]), 2)
  assert.is(found([]), 0)
  for (const segment of segments) segment.close()
})

searches('statistics that others misstate give no negative, infinite or missing score', () => {
  const documents = randomDocuments(4, 30)
  const segments = split(documents, 1, seededRandom(1))
  const asked = { terms: [{ term: 'w0', weight: 1, field: null }], required: [], excluded: [] }
  for (const [chunks, totalLength, df] of [
    [1, 1, 1_000],
    [0, 0, 5],
    [5, 0, 5],
    [1e15, 1, 1],
  ] as const) {
    const hits = find(segments, asked, { chunks, totalLength, documentFrequency: new Map([['w0', df]]) }, 5)
    assert.ok(
      hits.every(({ score }) => score >= 0 && Number.isFinite(score)),
      `${chunks} ${totalLength} ${df}`,
    )
  }
  assert.equal(find(segments, asked, { chunks: 9, totalLength: 99, documentFrequency: new Map() }, 5), [])
  for (const segment of segments) segment.close()
})

searches('a query that no person typed is refused', () => {
  const segments = split(randomDocuments(5, 3), 1, seededRandom(1))
  const statistics = { chunks: 1, totalLength: 1, documentFrequency: new Map([['w0', 1]]) }
  const asked = (terms: LexicalQuery['terms']) => () =>
    find(segments, { terms, required: [], excluded: [] }, statistics, 5)
  throwsCode(asked([{ term: 'w0', weight: -1, field: null }]), 'INVALID_ARGUMENT')
  throwsCode(asked([{ term: 'w0', weight: Number.NaN, field: null }]), 'INVALID_ARGUMENT')
  throwsCode(asked(new Array(257).fill({ term: 'w0', weight: 1, field: null })), 'INVALID_ARGUMENT')
  for (const segment of segments) segment.close()
})

searches.run()
