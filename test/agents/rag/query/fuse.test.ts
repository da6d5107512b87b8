import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { expandQuery, FEEDBACK, relevanceModel } from '../../../../node/agents/rag/query/feedback.ts'
import { capByDocument, fuseCandidates } from '../../../../node/agents/rag/query/fuse.ts'
import { joinMissing } from '../../../../node/agents/rag/query/rank-passages.ts'
import type { SearchMode } from '../../../../node/agents/rag/query/search-options.ts'
import { mergeOutcomes } from '../../../../node/agents/rag/routing/merge-outcomes.ts'
import type { Candidate } from '../../../../node/agents/rag/search-types.ts'

const test = suite('fusion, caps and feedback')

const candidate = (document: string, lexical: number | null, cosine: number | null): Candidate => ({
  segment: 's',
  chunk: Number.parseInt(document, 36),
  document,
  ordinal: 0,
  lexical,
  cosine,
})
const fuse = (lexical: Candidate[], vectors: Candidate[], mode: SearchMode, weight = 0.25) =>
  fuseCandidates({ lexical, vectors }, { mode, weightOf: () => weight })

test('scores are normalised by the theoretical least and the greatest observed, and added up by weight', () => {
  const a = candidate('a', 8, 0.2)
  const b = candidate('b', 4, 0.5)
  const c = candidate('c', 0, 0.8)
  const ranked = fuse([a, b], [c, b], 'hybrid')
  assert.equal(
    ranked.map(({ document }) => document),
    ['a', 'b', 'c'],
  )
  assert.equal(
    ranked.map(({ normalisedLexical, normalisedCosine }) => [normalisedLexical, normalisedCosine]),
    [
      [1, 1.2 / 1.8],
      [0.5, 1.5 / 1.8],
      [0, 1],
    ],
  )
  assert.is(ranked[0]!.score, 0.25 * (1.2 / 1.8) + 0.75 * 1)
  assert.is(ranked[2]!.score, 0.25)
})

test('a mode has its own ranker alone, and a passage without a vector its words alone', () => {
  const a = candidate('a', 2, null)
  const b = candidate('b', 1, 0.9)
  assert.equal(
    fuse([a, b], [b], 'lexical').map(({ score }) => score),
    [1, 0.5],
  )
  assert.equal(
    fuse([a, b], [b], 'vectors').map(({ document, score, weight }) => [document, score, weight]),
    [['b', 1, 1]],
  )
  const [first] = fuse([a, b], [b], 'hybrid')
  assert.equal([first!.document, first!.score, first!.weight], ['a', 1, 0])
})

test('nothing, zeros and opposite vectors give numbers', () => {
  assert.equal(fuse([], [], 'hybrid'), [])
  const ranked = fuse([candidate('b', 0, -1)], [candidate('a', 0, -1)], 'hybrid')
  assert.equal(
    ranked.map(({ document, score }) => [document, score]),
    [
      ['a', 0],
      ['b', 0],
    ],
  )
})

const passages = fc
  .array(fc.record({ lexical: fc.integer({ min: 0, max: 5 }), cosine: fc.integer({ min: -3, max: 3 }) }), {
    minLength: 1,
    maxLength: 30,
  })
  .map((list) => list.map(({ lexical, cosine }, at) => candidate(at.toString(36), lexical, cosine / 4)))

test('however candidates are split over peers, the ranking is that of one index', () => {
  fc.assert(
    fc.property(
      passages,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 12 }),
      (all, peers, limit) => {
        const outcomeOf = (own: readonly Candidate[]) =>
          mergeOutcomes([{ lexical: own.filter(({ lexical }) => lexical! > 0), vectors: own }], limit)
        const whole = fuseCandidates(outcomeOf(all), { mode: 'hybrid', weightOf: () => 0.4 })
        const parts = Array.from({ length: peers }, (_, peer) =>
          outcomeOf(all.filter(({ chunk }) => chunk % peers === peer)),
        )
        const merged = fuseCandidates(mergeOutcomes(parts, limit), { mode: 'hybrid', weightOf: () => 0.4 })
        assert.equal(merged, whole)
      },
    ),
  )
})

test('of a document at most so many, and the order stays', () => {
  const ranked = ['x', 'x', 'y', 'x', 'z', 'y'].map((document, rank) => ({ document, rank }))
  const ranks = (perDocument: number, limit: number) =>
    capByDocument(ranked, { perDocument, limit }).map(({ rank }) => rank)
  assert.equal(ranks(1, 10), [0, 2, 4])
  assert.equal(ranks(2, 10), [0, 1, 2, 4, 5])
  assert.equal(ranks(2, 3), [0, 1, 2])
})

test('who uses the ids of another’s documents neither takes their place nor their share', () => {
  const own = candidate('a', 4, 0.5)
  const foreign = { ...own, segment: 'theirs', lexical: 5 }
  const collectionOf = ({ segment }: Candidate) => segment
  const ranked = fuseCandidates(
    { lexical: [foreign, own], vectors: [] },
    { mode: 'lexical', weightOf: () => 0, collectionOf },
  )
  const collections = capByDocument(ranked, { perDocument: 1, limit: 10 }).map(({ collection }) => collection)
  assert.equal(collections, ['theirs', 's'])
})

test('a relevance model is the mean of the passages, weighted by their scores', () => {
  const model = relevanceModel(
    [
      { score: 3, terms: ['a', 'b'] },
      { score: 1, terms: ['b', 'b', 'b', 'c'] },
    ],
    10,
  )
  assert.equal(model, [
    ['b', 0.75 * 0.5 + 0.25 * 0.75],
    ['a', 0.75 * 0.5],
    ['c', 0.25 * 0.25],
  ])
  assert.equal(relevanceModel([{ score: 0, terms: ['a'] }], 10), [])
})

test('feedback adds what tells passages apart, and keeps the weight of the query', () => {
  const statistics = {
    chunks: 100,
    totalLength: 1000,
    documentFrequency: new Map([
      ['the', 90],
      ['slab', 5],
      ['heat', 8],
    ]),
  }
  const query = {
    terms: [
      { term: 'slab', weight: 1, field: null },
      { term: 'heat', weight: 1, field: 'title' as const },
    ],
    required: [],
    excluded: [],
  }
  const model: [string, number][] = [
    ['the', 0.5],
    ['heat', 0.3],
    ['slab', 0.1],
    ['unseen', 0.1],
  ]
  const { terms } = expandQuery(query, model, statistics, { ...FEEDBACK, originalWeight: 0.8 })
  const expected = [
    ['slab', null, 0.8 + 0.4 * 0.25],
    ['heat', 'title', 0.8],
    ['heat', null, 0.4 * 0.75],
  ] as const
  assert.is(terms.length, expected.length)
  for (const [at, [term, field, weight]] of expected.entries()) {
    assert.equal([terms[at]!.term, terms[at]!.field], [term, field])
    assert.ok(Math.abs(terms[at]!.weight - weight) < 1e-12)
  }
  assert.ok(Math.abs(terms.reduce((sum, { weight }) => sum + weight, 0) - 2) < 1e-12)
  assert.is(expandQuery(query, [['the', 1]], statistics, FEEDBACK), query)
})

test('a part that is missing in several rounds is missing once', () => {
  const part = (segments: number, reason: string) => ({
    collection: 'c',
    segments,
    chunks: segments * 10,
    reason,
  })
  assert.equal(joinMissing([part(1, 'TIMEOUT'), part(2, 'TIMEOUT'), part(1, 'PEER_GONE')]), [
    part(2, 'TIMEOUT'),
    part(1, 'PEER_GONE'),
  ])
})

test.run()
