/** Filters, phrases and both scores of a search in an index, held against the documents themselves. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { IndexedDocument } from '../../../../node/agents/rag/document.ts'
import { fieldOf, passes } from '../../../../node/agents/rag/index/filter-documents.ts'
import { createIndexReader } from '../../../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../../../node/agents/rag/index/manifest-file.ts'
import type { Candidate, FieldFilter, SearchRequest } from '../../../../node/agents/rag/search-types.ts'
import { documentId, madeDocument, unitVector } from '../../../helpers/index-documents.ts'
import { naiveChunks, naiveSearch, naiveStatistics } from '../../../helpers/naive-search.ts'
import { seededRandom } from '../../../helpers/rag-documents.ts'

const test = suite('search-segments')
const DIMS = 8
let directory = ''
test.before.each(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'village-search-'))
})
test.after.each(() => rmSync(directory, { recursive: true }))

const made = (number: number): IndexedDocument =>
  madeDocument({
    name: `d${number}`,
    revision: number % 4,
    words: 8,
    dims: number % 7 === 0 ? null : DIMS,
    fields: { number, ...(number % 2 === 0 && { even: true }), kind: number % 3 === 0 ? 'note' : 'paper' },
  })

/** Forty documents in segments of some ten chunks; some are deleted again. */
function makeIndex(): IndexedDocument[] {
  createIndex(directory, { maxSegmentChunks: 11, dims: DIMS })
  const writer = createIndexWriter(directory)
  const documents = Array.from({ length: 40 }, (_, number) => made(number))
  writer.add(documents)
  writer.commit()
  const gone = [3, 14, 15, 31].map((number) => documentId(`d${number}`))
  assert.is(writer.remove(gone), 4)
  writer.commit()
  writer.close()
  return documents.filter(({ record }) => !gone.includes(record.id))
}

const keyOf = ({ document, ordinal }: { document: string; ordinal: number }): string =>
  `${document} ${ordinal}`

function cosineOf({ vectors }: IndexedDocument, ordinal: number, query: Float32Array): number | null {
  if (vectors === null) return null
  return query.reduce((sum, value, at) => sum + value * vectors[ordinal * DIMS + at]!, 0)
}

const filter: fc.Arbitrary<FieldFilter> = fc.oneof(
  fc.record({
    field: fc.constantFrom('number', 'modifiedAtMs', 'absent'),
    test: fc.constantFrom('equals' as const, 'not-equals' as const, 'below' as const, 'above' as const),
    value: fc.constantFrom(0, 5, 20, 1_002),
  }),
  fc.record({
    field: fc.constantFrom('kind', 'source', 'title', 'language', 'mediaType'),
    test: fc.constantFrom('equals' as const, 'not-equals' as const, 'starts-with' as const, 'below' as const),
    value: fc.constantFrom('note', 'd2', 'en', 'text/', 'd1.md'),
  }),
  fc.record({ field: fc.constant('even'), test: fc.constant('equals' as const), value: fc.boolean() }),
  fc.record({
    field: fc.constant('document'),
    test: fc.constantFrom('equals' as const, 'not-equals' as const),
    value: fc.constantFrom(documentId('d4'), documentId('nowhere')),
  }),
)
const phrase = fc
  .array(fc.nat(9), { minLength: 1, maxLength: 2 })
  .map((words) => ({ alternatives: [words.map((word) => `w${word}`)], field: null }))

test('what is found passes the filters and has the phrases, with both scores, and nothing better was left out', () => {
  const documents = makeIndex()
  const reader = createIndexReader(directory)
  const byId = new Map(documents.map((document) => [document.record.id, document]))
  // Deleted chunks count in the statistics until they are compacted away: they are given here.
  const statistics = naiveStatistics(naiveChunks(documents))
  fc.assert(
    fc.property(
      fc.array(filter, { maxLength: 2 }),
      fc.array(fc.nat(60), { minLength: 1, maxLength: 4 }),
      fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(phrase, { maxLength: 1 })),
      fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(phrase, { maxLength: 1 })),
      fc.integer({ min: 1, max: 20 }),
      fc.nat(),
      (filters, words, required, excluded, limit, seed) => {
        const vector = unitVector(DIMS, seededRandom(seed))
        const terms = words.map((word) => ({ term: `w${word}`, weight: 1, field: null }))
        const lexical = { terms, required, excluded }
        const request: SearchRequest = { lexical, vector, filters, limit }
        const found = reader.search(request, statistics)

        const accepted = documents.filter(({ record }) =>
          filters.every((one) => passes(fieldOf(record, one.field), one)),
        )
        const chunks = naiveChunks(accepted)
        const plain = (list: readonly Candidate[]) =>
          list.map(({ document, ordinal, lexical: score }) => ({ document, ordinal, score }))
        assert.equal(plain(found.lexical), naiveSearch(chunks, lexical, statistics, limit))

        // All chunks that the phrases let through, by asking for a term that every chunk has.
        const all = { terms: [{ term: 'part', weight: 1, field: null }], required, excluded }
        const open = new Set(naiveSearch(chunks, all, statistics, 1_000).map(keyOf))
        const expected = [...open]
          .map((key) => {
            const [document = '', ordinal = ''] = key.split(' ')
            return { key, cosine: cosineOf(byId.get(document)!, Number(ordinal), vector) }
          })
          .filter((row) => row.cosine !== null)
          .sort((a, b) => b.cosine! - a.cosine!)
        assert.is(found.vectors.length, Math.min(limit, expected.length))
        for (const [at, row] of found.vectors.entries()) {
          assert.ok(open.has(keyOf(row)))
          assert.ok(
            Math.abs(row.cosine! - expected[at]!.cosine!) < 2e-3,
            'as near as the one that belongs here',
          )
        }

        const scores = new Map(
          naiveSearch(naiveChunks(documents), { terms, required: [], excluded: [] }, statistics, 1_000).map(
            (hit) => [keyOf(hit), hit.score],
          ),
        )
        for (const row of [...found.lexical, ...found.vectors]) {
          assert.is(row.lexical, scores.get(keyOf(row)) ?? 0)
          const cosine = cosineOf(byId.get(row.document)!, row.ordinal, vector)
          if (cosine === null) assert.is(row.cosine, null)
          else assert.ok(Math.abs(row.cosine! - cosine) < 2e-3)
        }
      },
    ),
    { numRuns: 150 },
  )
  reader.close()
})

test('a request without words or without a vector leaves that part out', () => {
  makeIndex()
  const reader = createIndexReader(directory)
  const lexical = { terms: [{ term: 'w1', weight: 1, field: null }], required: [], excluded: [] }
  const words = reader.search({ lexical, vector: null, filters: [], limit: 5 }, null)
  assert.ok(words.lexical.length > 0 && words.lexical.every(({ cosine }) => cosine === null))
  assert.equal(words.vectors, [])
  const vector = unitVector(DIMS, seededRandom(1))
  const nearest = reader.search({ lexical: null, vector, filters: [], limit: 5 }, null)
  assert.is(nearest.vectors.length, 5)
  assert.ok(nearest.vectors.every((row) => row.lexical === null))
  assert.equal(nearest.lexical, [])
  const other = reader.search(
    { lexical, vector: unitVector(DIMS + 1, seededRandom(1)), filters: [], limit: 5 },
    null,
  )
  assert.equal(other.lexical, words.lexical, 'a vector of another length is of no use')
  assert.equal(other.vectors, [])
  assert.equal(reader.search({ lexical, vector, filters: [], limit: 0 }, null), { lexical: [], vectors: [] })
  reader.close()
})

test('segments can be searched one by one, and unknown or deleted chunks are null', () => {
  makeIndex()
  const reader = createIndexReader(directory)
  const { segments } = reader.manifest()
  assert.ok(segments.length > 3)
  const lexical = { terms: [{ term: 'part', weight: 1, field: null }], required: [], excluded: [] }
  const request: SearchRequest = { lexical, vector: null, filters: [], limit: 100 }
  const whole = reader.search(request, null)
  const parts = segments.flatMap(({ id }) => reader.search(request, null, [id, id, 'f'.repeat(64)]).lexical)
  assert.equal(parts.map(keyOf).sort(), whole.lexical.map(keyOf).sort())
  const statistics = reader.statistics(['part', 'nowhere'])
  assert.equal(
    statistics.map(({ segment }) => segment),
    segments.map(({ id }) => id),
  )
  for (const { chunks, documentFrequency } of statistics)
    assert.equal([...documentFrequency], [['part', chunks]])

  const worn = segments.find(({ deletedChunks }) => deletedChunks > 0)!
  const [deleted] = reader.deletions(worn.id)
  const [hit] = whole.lexical
  const found = reader.chunks([
    hit!,
    { segment: worn.id, chunk: deleted! },
    { segment: worn.id, chunk: 1e9 },
    { segment: worn.id, chunk: 0.5 },
    { segment: 'f'.repeat(64), chunk: 0 },
  ])
  assert.is(found[0]?.document, hit!.document)
  assert.equal(found.slice(1), [null, null, null, null])
  reader.close()
})

test.run()
