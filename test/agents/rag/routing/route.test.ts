/** Whom a query is asked of: each segment once, by a peer that has it, the best first, and what is left out is named. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readSketch } from '../../../../node/agents/rag/routing/read-sketch.ts'
import {
  choosePeers,
  type RoutedSegment,
  type RouteQuery,
  type SegmentHolder,
} from '../../../../node/agents/rag/routing/route.ts'
import { valueSegments } from '../../../../node/agents/rag/routing/segment-value.ts'
import { buildSketch } from '../../../../node/agents/rag/routing/sketch.ts'

const test = suite('routing')

/** A segment of 100 chunks; by term its frequency. */
function segment(id: string, frequencies: Record<string, number>, maxFrequency = 2): RoutedSegment {
  const terms = Object.entries(frequencies).map(([term, df]) => ({ term, df, maxFrequency, minLength: 100 }))
  return { segment: id, sketch: readSketch(buildSketch(terms, { chunks: 100, totalLength: 10_000 })) }
}

const holder = (peer: string, segments: string[], more: Partial<SegmentHolder> = {}): SegmentHolder => ({
  peer,
  segments,
  latencyMs: 10,
  load: 0,
  isLocal: false,
  ...more,
})

const query = (...terms: string[]): RouteQuery => ({
  lexical: { terms: terms.map((term) => ({ term, weight: 1, field: null })), required: [], excluded: [] },
  hasVector: false,
})

const SEGMENTS = [
  segment('bread', { bread: 40, oven: 20, the: 90 }),
  segment('boats', { boat: 50, sail: 30, the: 90 }),
  segment('bakery', { bread: 3, the: 90 }),
  segment('stars', { star: 60, the: 90 }),
]

test('the segment on the subject comes first, those without a word of the query are irrelevant', () => {
  const route = choosePeers(
    SEGMENTS,
    [holder('p1', ['boats']), holder('p2', ['bakery']), holder('p3', ['bread']), holder('p4', ['stars'])],
    query('bread', 'oven'),
    { maxPeers: 10 },
  )
  assert.equal(route.ask, [
    { peer: 'p3', segments: ['bread'] },
    { peer: 'p2', segments: ['bakery'] },
  ])
  assert.equal(route.irrelevant, ['boats', 'stars'])
  assert.equal([route.skipped, route.missing], [[], []])
})

test('what is over the number of peers is skipped, what nobody holds is missing', () => {
  const route = choosePeers(
    SEGMENTS,
    [holder('p2', ['bakery']), holder('p3', ['bread'])],
    query('bread', 'oven', 'the'),
    { maxPeers: 1 },
  )
  assert.equal(route.ask, [{ peer: 'p3', segments: ['bread'] }])
  assert.equal(route.skipped, ['bakery'])
  assert.equal(route.missing, ['boats', 'stars'])
})

test('a required word prunes, and a phrase needs all its words', () => {
  const phrase = (...terms: string[]) => ({ alternatives: [terms], field: null })
  const required = (...phrases: ReturnType<typeof phrase>[]): RouteQuery => ({
    lexical: { ...query('the').lexical!, required: phrases },
    hasVector: true,
  })
  const asked = (wanted: RouteQuery) =>
    choosePeers(SEGMENTS, [holder('p', ['bread', 'boats', 'bakery', 'stars'])], wanted, { maxPeers: 1 }).ask
  assert.equal(asked(required(phrase('oven'))), [{ peer: 'p', segments: ['bread'] }])
  assert.equal(asked(required(phrase('bread', 'sail'))), [])
  assert.equal(asked(required({ alternatives: [['sail'], ['star']], field: null })), [
    { peer: 'p', segments: ['boats', 'stars'] },
  ])
})

test('a query of conditions alone asks the segments that can fulfil them', () => {
  const wanted: RouteQuery = {
    lexical: { terms: [], required: [{ alternatives: [['oven']], field: null }], excluded: [] },
    hasVector: false,
  }
  const route = choosePeers(SEGMENTS, [holder('p', ['bread', 'boats'])], wanted, { maxPeers: 1 })
  assert.equal(route.ask, [{ peer: 'p', segments: ['bread'] }])
})

test('a second peer with the same segments adds nothing, one with others does', () => {
  const route = choosePeers(
    SEGMENTS,
    [
      holder('p1', ['bread', 'bakery']),
      holder('p2', ['bread', 'bakery'], { latencyMs: 20 }),
      holder('p3', ['boats']),
    ],
    query('bread', 'oven', 'the'),
    { maxPeers: 2 },
  )
  assert.equal(
    route.ask.map(({ peer }) => peer),
    ['p1', 'p3'],
  )
})

test('with a vector every segment is relevant, after those that have the words', () => {
  const all = holder('p', ['bread', 'boats', 'bakery', 'stars'])
  const asked = choosePeers(SEGMENTS, [all], { ...query('oven'), hasVector: true }, { maxPeers: 1 }).ask
  assert.equal(asked[0]!.segments[0], 'bread')
  assert.is(asked[0]!.segments.length, 4)
  const vectors = choosePeers(SEGMENTS, [all], { lexical: null, hasVector: true }, { maxPeers: 1 })
  assert.is(vectors.ask[0]!.segments.length, 4)
})

test('this node is asked for what it holds and is not counted', () => {
  const route = choosePeers(
    SEGMENTS,
    [holder('far', ['bread', 'bakery']), holder('self', ['bakery'], { isLocal: true, latencyMs: 0 })],
    query('bread'),
    { maxPeers: 1 },
  )
  assert.equal(route.ask, [
    { peer: 'self', segments: ['bakery'] },
    { peer: 'far', segments: ['bread'] },
  ])
  assert.equal(route.standby.get('bakery'), ['far'])
  assert.equal(
    choosePeers(SEGMENTS, [holder('self', ['bread'], { isLocal: true })], query('oven'), { maxPeers: 0 }).ask,
    [{ peer: 'self', segments: ['bread'] }],
  )
})

test('of equal holders the quick and idle one answers, and the work is shared', () => {
  const both = ['bread', 'bakery']
  const one = choosePeers(
    SEGMENTS,
    [holder('slow', ['bread'], { latencyMs: 90 }), holder('quick', ['bread'])],
    query('oven'),
    {
      maxPeers: 1,
    },
  )
  assert.equal(one.ask, [{ peer: 'quick', segments: ['bread'] }])
  assert.equal(one.standby.get('bread'), ['slow'])
  const busy = choosePeers(
    SEGMENTS,
    [holder('busy', ['bread'], { load: 3 }), holder('idle', ['bread'], { latencyMs: 20 })],
    query('oven'),
    {
      maxPeers: 1,
    },
  )
  assert.equal(busy.ask, [{ peer: 'idle', segments: ['bread'] }])
  const third = segment('oats', { oat: 9 })
  const shared = choosePeers(
    [...SEGMENTS, third],
    [holder('p1', [...both, 'boats']), holder('p2', [...both, 'oats'])],
    query('bread', 'boat', 'oat'),
    { maxPeers: 2 },
  )
  assert.equal(
    shared.ask.map(({ segments }) => segments.length),
    [2, 2],
  )
})

test('an empty segment promises nothing, a blind sketch anything', () => {
  const empty = { segment: 'empty', sketch: readSketch(buildSketch([], { chunks: 0, totalLength: 0 })) }
  const anything = { dfLow: 0, dfHigh: 10, maxImpact: 1 }
  const blind = {
    segment: 'blind',
    sketch: { ...SEGMENTS[0]!.sketch, chunks: 10, estimate: () => anything, estimateHash: () => anything },
  }
  const values = valueSegments([...SEGMENTS, empty, blind], { ...query('oven'), hasVector: true })
  assert.not.ok(values.has('empty'))
  assert.ok(values.get('blind')! > 0.1)
})

const worlds = fc.record({
  segments: fc.uniqueArray(fc.integer({ min: 0, max: 40 }), { maxLength: 15 }),
  words: fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { maxLength: 4 }),
  holders: fc.array(
    fc.record({
      segments: fc.uniqueArray(fc.integer({ min: 0, max: 40 })),
      latencyMs: fc.integer({ min: 1, max: 300 }),
      load: fc.nat({ max: 5 }),
    }),
    { maxLength: 12 },
  ),
  hasVector: fc.boolean(),
  maxPeers: fc.nat({ max: 6 }),
})

test('every segment is in one place of the route, and asked of a peer that has it', () => {
  fc.assert(
    fc.property(worlds, ({ segments, words, holders, hasVector, maxPeers }) => {
      const known = segments.map((id) =>
        segment(
          `s${id}`,
          Object.fromEntries(
            ['a', 'b', 'c', 'd', 'e'].filter((_, at) => (id >> at) & 1).map((term) => [term, 1 + id]),
          ),
        ),
      )
      const peers = holders.map(({ segments: held, ...more }, at) =>
        holder(
          `p${at}`,
          held.map((id) => `s${id}`),
          more,
        ),
      )
      const route = choosePeers(known, peers, { ...query(...words), hasVector }, { maxPeers })
      const asked = route.ask.flatMap(({ segments: some }) => some)
      assert.equal(
        [...asked, ...route.irrelevant, ...route.skipped, ...route.missing].sort(),
        known.map(({ segment: id }) => id).sort(),
      )
      assert.ok(route.ask.length <= maxPeers)
      for (const { peer, segments: some } of route.ask) {
        assert.ok(some.length > 0)
        const held = peers.find((other) => other.peer === peer)!.segments
        for (const id of some) {
          assert.ok(held.includes(id))
          for (const other of route.standby.get(id)!) {
            assert.is.not(other, peer)
            assert.ok(peers.find((one) => one.peer === other)!.segments.includes(id))
          }
        }
      }
      if (maxPeers >= peers.length) assert.equal(route.skipped, [])
    }),
    { numRuns: 300 },
  )
})

test.run()
