/** Queries and answers as they travel: what goes in comes out, and what no search of ours would send is refused. */
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Candidate, SearchRequest, StoredChunk } from '../../../../node/agents/rag/search-types.ts'
import {
  decodeAbsent,
  decodeChunk,
  decodeOutcome,
  decodeStatisticsAnswer,
  encodeChunk,
  encodeOutcome,
  encodeStatisticsAnswer,
  NO_ANSWER,
} from '../../../../node/agents/rag/village/answer-wire.ts'
import {
  decodeReferences,
  decodeSearch,
  encodeChunksRequest,
  encodeSearch,
  type SearchQuestion,
} from '../../../../node/agents/rag/village/query-wire.ts'
import {
  ChunkMessage,
  SEARCH_PROTOCOL,
  SearchRequestFrame,
  SearchResponseFrame,
} from '../../../../node/mesh/protocols/search.ts'
import { throwsCode } from '../../../helpers/throws.ts'

const SEGMENTS = ['a', 'b', 'c'].map((letter) => letter.repeat(96))
const DOCUMENT = '0123456789abcdef'.repeat(2)

const request: SearchRequest = {
  lexical: {
    terms: [
      { term: 'river', weight: 1, field: null },
      { term: '河', weight: 0.25, field: 'title' },
    ],
    required: [{ alternatives: [['deep', 'river'], ['fleuve']], field: 'body' }],
    excluded: [{ alternatives: [['sea']], field: null }],
  },
  vector: Float32Array.from([0.6, -0.8]),
  encoder: 'bafkencoder',
  filters: [
    { field: 'year', test: 'above', value: 1990 },
    { field: 'draft', test: 'equals', value: false },
    { field: 'source', test: 'starts-with', value: 'notes/' },
  ],
  limit: 100,
}
const statistics = {
  chunks: 25_000,
  totalLength: 4_000_000,
  documentFrequency: new Map([
    ['river', 12],
    ['河', 3],
  ]),
}
const question: SearchQuestion = { segments: SEGMENTS, request, statistics, texts: 10 }

const travelled = (given: SearchQuestion) =>
  SearchRequestFrame.decode(SearchRequestFrame.encode(encodeSearch(given))).search!

test('a query arrives as it was sent', () => {
  assert.equal(decodeSearch(travelled(question)), question)
  const words = { ...question, request: { ...request, vector: null, filters: [] } }
  assert.equal(decodeSearch(travelled(words)), words)
  const vectors = {
    ...question,
    request: { ...request, lexical: null },
    statistics: { ...statistics, documentFrequency: new Map() },
  }
  assert.equal(decodeSearch(travelled(vectors)), vectors)
})

test('frequencies of terms that are not asked for stay at home', () => {
  const more = { ...statistics, documentFrequency: new Map([...statistics.documentFrequency, ['secret', 9]]) }
  const { statistics: sent } = decodeSearch(travelled({ ...question, statistics: more }))
  assert.not.ok(sent.documentFrequency.has('secret'))
})

test('scores arrive to the last bit', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          segment: fc.constantFrom(...SEGMENTS),
          chunk: fc.nat(),
          ordinal: fc.nat(),
          lexical: fc.option(fc.double({ noNaN: true, min: 0 })),
          cosine: fc.option(fc.double({ noNaN: true, min: -1, max: 1 })),
        }),
        { maxLength: 20 },
      ),
      (rows) => {
        const list: Candidate[] = rows.map((row) => ({ ...row, document: DOCUMENT }))
        const outcome = { lexical: list, vectors: list.toReversed() }
        const bytes = SearchResponseFrame.encode({ ...NO_ANSWER, ...encodeOutcome(SEGMENTS, outcome) })
        const back = decodeOutcome(SEGMENTS, SearchResponseFrame.decode(bytes))
        assert.equal(back, outcome)
        for (const [at, candidate] of back.lexical.entries()) {
          assert.ok(Object.is(candidate.lexical, list[at]!.lexical))
          assert.ok(Object.is(candidate.cosine, list[at]!.cosine))
        }
      },
    ),
  )
})

test('frequencies arrive by segment, and what is not there is named', () => {
  const found = [
    { segment: SEGMENTS[2]!, chunks: 7, totalLength: 70, documentFrequency: new Map([['river', 2]]) },
  ]
  const answer = encodeStatisticsAnswer(SEGMENTS, ['river', 'bank'], found)
  const back = SearchResponseFrame.decode(SearchResponseFrame.encode({ ...NO_ANSWER, ...answer }))
  assert.equal(decodeStatisticsAnswer(SEGMENTS, ['river', 'bank'], back), found)
  assert.equal(decodeAbsent(SEGMENTS, back), SEGMENTS.slice(0, 2))
})

const chunk: StoredChunk = {
  segment: SEGMENTS[0]!,
  chunk: 5,
  document: DOCUMENT,
  ordinal: 2,
  title: 'Rivers',
  headings: ['One', 'Two'],
  text: 'Water flows. 水は流れる。',
  page: 3,
  start: 10,
  end: 34,
  language: null,
  record: {
    id: DOCUMENT,
    source: 'notes/rivers.md',
    title: 'Rivers',
    language: 'en',
    mediaType: 'text/markdown',
    contentHash: 'f'.repeat(64),
    sizeBytes: 1234,
    modifiedAtMs: 1.5,
    fields: { year: 1999, draft: false, author: 'Ann' },
  },
}

test('a passage arrives as it was sent', () => {
  const message = encodeChunk(chunk)!
  assert.equal(decodeChunk(ChunkMessage.decode(ChunkMessage.encode(message))), chunk)
  const sections = [
    { start: 0, page: 3, headings: [0] },
    { start: 13, page: 4, headings: [0, 1] },
  ]
  assert.equal(decodeChunk(encodeChunk({ ...chunk, sections })!), { ...chunk, sections })
  assert.is(encodeChunk({ ...chunk, text: 'x'.repeat(2 ** 20) }), null)
  const references = [{ segment: SEGMENTS[1]!, chunk: 0 }]
  const frame = SearchRequestFrame.decode(SearchRequestFrame.encode(encodeChunksRequest(references)))
  assert.equal(decodeReferences(frame.chunks!.references), references)
})

test('a passage of another form is refused', () => {
  const content = JSON.parse(Buffer.from(encodeChunk(chunk)!.content).toString()) as Record<string, unknown>
  const changes: unknown[] = [
    null,
    [],
    'text',
    { ...content, text: 5 },
    { ...content, headings: 'One' },
    { ...content, headings: [1] },
    { ...content, start: -1 },
    { ...content, sections: [] },
    {
      ...content,
      sections: [
        { start: 0, page: 3, headings: [0] },
        { start: 5, page: 3, headings: [2] },
      ],
    },
    { ...content, page: 'three' },
    { ...content, ordinal: 1.5 },
    { ...content, document: '../../etc/passwd' },
    { ...content, document: 'f'.repeat(32) },
    { ...content, record: null },
    { ...content, record: { ...chunk.record, fields: { nested: {} } } },
    { ...content, record: { ...chunk.record, modifiedAtMs: null } },
  ]
  for (const change of changes) {
    const message = { ...encodeChunk(chunk)!, content: Buffer.from(JSON.stringify(change)) }
    throwsCode(() => decodeChunk(message), 'PROTOCOL_MALFORMED')
  }
  throwsCode(() => decodeChunk({ ...encodeChunk(chunk)!, content: Buffer.from('{') }), 'PROTOCOL_MALFORMED')
})

test('a query that no search of ours would send is refused', () => {
  const good = travelled(question)
  const [first] = good.lexical!.terms
  const changes = [
    { segments: [...good.segments, good.segments[0]!] },
    { segments: [new Uint8Array(5)] },
    { limit: 0 },
    { limit: 100_000 },
    { statistics: undefined },
    { statistics: { ...good.statistics!, frequencies: [1] } },
    { statistics: { ...good.statistics!, frequencies: [1, 10 ** 9] } },
    { lexical: undefined, vector: new Uint8Array(0) },
    { vector: new Uint8Array(7) },
    { vector: new Uint8Array(8) },
    { vector: new Uint8Array(Float32Array.from([Number.NaN, 1]).buffer) },
    { vector: new Uint8Array(Float32Array.from([30, 40]).buffer) },
    { lexical: { ...good.lexical!, terms: [{ ...first!, weight: Number.POSITIVE_INFINITY }] } },
    { lexical: { ...good.lexical!, terms: [{ ...first!, weight: -1 }] } },
    { lexical: { ...good.lexical!, terms: [{ ...first!, field: 9 }] } },
    { lexical: { ...good.lexical!, required: [{ alternatives: [], field: 0 }] } },
    { lexical: { ...good.lexical!, required: [{ alternatives: [{ terms: [] }], field: 0 }] } },
    { filters: [{ ...good.filters[0]!, test: 77 }] },
    { filters: [{ ...good.filters[0]!, text: 'two values' }] },
    { filters: [{ ...good.filters[0]!, number: Number.NaN }] },
  ]
  for (const change of changes) throwsCode(() => decodeSearch({ ...good, ...change }), 'PROTOCOL_MALFORMED')
})

test('positions that were not asked for are refused', () => {
  const answer = { ...NO_ANSWER, absent: [3] }
  throwsCode(() => decodeAbsent(SEGMENTS, answer), 'PROTOCOL_MALFORMED')
  const candidate = {
    segment: 3,
    chunk: 0,
    document: new Uint8Array(16),
    ordinal: 0,
    lexical: 1,
    cosine: undefined,
  }
  throwsCode(() => decodeOutcome(SEGMENTS, { ...NO_ANSWER, lexical: [candidate] }), 'PROTOCOL_MALFORMED')
})

test('bytes from anywhere never do worse than be refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        const frame = SearchRequestFrame.decode(bytes)
        if (frame.search !== undefined) decodeSearch(frame.search)
        if (frame.chunks !== undefined) decodeReferences(frame.chunks.references)
        const answer = SearchResponseFrame.decode(bytes)
        decodeOutcome(SEGMENTS, answer)
        answer.chunks.map(decodeChunk)
      } catch (error) {
        assert.is((error as { code?: string }).code, 'PROTOCOL_MALFORMED')
      }
    }),
    { numRuns: 500 },
  )
})

test('the largest answer fits into a frame', () => {
  const list = Array.from({ length: 1_000 }, (_, index) => ({
    segment: SEGMENTS[0]!,
    chunk: 2 ** 31 - index,
    document: DOCUMENT,
    ordinal: 2 ** 31 - index,
    lexical: 1 / 3,
    cosine: 1 / 3,
  }))
  const bytes = SearchResponseFrame.encode({
    ...NO_ANSWER,
    ...encodeOutcome(SEGMENTS, { lexical: list, vectors: list }),
  })
  assert.ok(bytes.byteLength < SEARCH_PROTOCOL.maxFrameBytes / 8)
})

test.run()
