/** An honest answer always passes; each kind of lie is found out and named. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { analyze } from '../../../../node/agents/rag/analysis/analyzer.ts'
import { averageLengthOf, impactOf } from '../../../../node/agents/rag/lexical/bm25.ts'
import {
  checkOutcome,
  checkStatistics,
  lexicalBound,
} from '../../../../node/agents/rag/routing/check-answer.ts'
import { checkText } from '../../../../node/agents/rag/routing/check-text.ts'
import { combineStatistics } from '../../../../node/agents/rag/routing/combine-statistics.ts'
import { readSketch, type Sketch } from '../../../../node/agents/rag/routing/read-sketch.ts'
import { buildSketch } from '../../../../node/agents/rag/routing/sketch.ts'
import type {
  Candidate,
  SearchOutcome,
  SearchRequest,
  SegmentStatistics,
} from '../../../../node/agents/rag/search-types.ts'
import { createNaiveBackend, type NaiveDocument } from '../../../helpers/naive-backend.ts'

const test = suite('checks of answers')
const NEVER = new AbortController().signal
const WORDS = ['bread', 'oven', 'flour', 'boat', 'sail', 'star', 'night', 'and']

/** A peer with one segment, what it says of it, and the sketch that the owner made. */
async function peerOf(documents: readonly NaiveDocument[], fingerprintBits = 8) {
  const backend = createNaiveBackend({ s: documents })
  const terms = new Map<string, { df: number; counts: [number, number][] }>()
  let totalLength = 0
  let chunks = 0
  for (const { title = '', chunks: pieces } of documents)
    for (const { text, headings = [] } of pieces) {
      const found = [title, ...headings, text].flatMap((part) => analyze(part, 'en').map(({ term }) => term))
      chunks++
      totalLength += found.length
      for (const term of new Set(found)) {
        const row = terms.get(term) ?? { df: 0, counts: [] }
        row.df++
        row.counts.push([found.filter((one) => one === term).length, found.length])
        terms.set(term, row)
      }
    }
  const average = averageLengthOf({ chunks, totalLength })
  const sketch = readSketch(
    buildSketch(
      [...terms].map(([term, { df, counts }]) => {
        const impact = ([frequency, length]: [number, number]) => impactOf(frequency, length, average)
        const [maxFrequency, minLength] = counts.toSorted((a, b) => impact(b) - impact(a))[0]!
        return { term, df, maxFrequency, minLength }
      }),
      { chunks, totalLength },
      { fingerprintBits },
    ),
  )
  return { backend, sketch }
}

const request = (words: readonly string[], more: Partial<SearchRequest> = {}): SearchRequest => ({
  lexical: {
    terms: words.flatMap((word) => analyze(word, 'en').map(({ term }) => ({ term, weight: 1, field: null }))),
    required: [],
    excluded: [],
  },
  vector: null,
  filters: [],
  limit: 5,
  ...more,
})

const texts = fc
  .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 12 })
  .map((words) => words.join(' '))
const libraries = fc
  .array(fc.record({ title: texts, chunks: fc.array(texts, { minLength: 1, maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((documents) =>
    documents.map(
      ({ title, chunks }, at): NaiveDocument => ({
        source: `${at}.md`,
        title,
        chunks: chunks.map((text, chunk) => ({
          text,
          headings: [WORDS[chunk]!],
          vector: [Math.cos(at + chunk), Math.sin(at + chunk)],
        })),
      }),
    ),
  )

test('honest peers pass every check, whatever is searched elsewhere', async () => {
  await fc.assert(
    fc.asyncProperty(
      libraries,
      libraries,
      fc.subarray(WORDS),
      fc.boolean(),
      async (mine, others, words, hasVector) => {
        const { backend, sketch } = await peerOf(mine, 4)
        const asked = new Map([['s', sketch]])
        const wanted = request(words, hasVector ? { vector: Float32Array.of(1, 0) } : {})
        const terms = wanted.lexical!.terms.map(({ term }) => term)
        const { value } = await backend.statistics(terms, NEVER)
        const said: SegmentStatistics = { segment: 's', ...value }
        assert.is(checkStatistics(asked, terms, [said]), null)

        const elsewhere = (await createNaiveBackend({ o: others }).statistics(terms, NEVER)).value
        const statistics = combineStatistics(terms, [said, { segment: 'o', ...elsewhere }])
        const outcome = (await backend.search(wanted, statistics, NEVER)).value
        assert.is(checkOutcome(asked, wanted, statistics, outcome), null)
        const found = [...outcome.lexical, ...outcome.vectors]
        const { value: chunks } = await backend.chunks(found, NEVER)
        for (const [at, candidate] of found.entries())
          assert.is(checkText(candidate, chunks[at]!, wanted, statistics), null)
      },
    ),
    { numRuns: 150 },
  )
})

const LIBRARY: NaiveDocument[] = [
  { source: 'a', chunks: [{ text: 'bread and flour' }, { text: 'the oven bakes bread' }] },
  { source: 'b', chunks: [{ text: 'a boat and a sail', headings: ['bread'] }] },
]

async function honest() {
  const { backend, sketch } = await peerOf(LIBRARY)
  const wanted = request(['bread', 'oven'])
  const statistics = (await backend.statistics(['bread', 'oven'], NEVER)).value
  const outcome = (await backend.search(wanted, statistics, NEVER)).value
  const { value: chunks } = await backend.chunks(outcome.lexical, NEVER)
  return { asked: new Map<string, Sketch>([['s', sketch]]), wanted, statistics, outcome, chunks }
}

test('lies about frequencies', async () => {
  const { asked, statistics } = await honest()
  const said = { segment: 's', ...statistics }
  const check = (...answer: SegmentStatistics[]) =>
    checkStatistics(asked, ['bread', 'oven', 'star'], answer)?.check ?? null
  const df = (rows: [string, number][]) => ({ documentFrequency: new Map(rows) })
  assert.is(check(said), null)
  assert.is(check(), 'segments')
  assert.is(check(said, said), 'segments')
  assert.is(check({ ...said, segment: 'other' }), 'segments')
  assert.is(check({ ...said, chunks: 4 }), 'totals')
  assert.is(check({ ...said, totalLength: 1 }), 'totals')
  assert.is(check({ ...said, ...df([['bread', 4]]) }), 'frequency')
  assert.is(check({ ...said, ...df([['bread', 2.5]]) }), 'frequency')
  assert.is(check({ ...said, ...df([['bread', Number.NaN]]) }), 'frequency')
  assert.is(
    check({
      ...said,
      ...df([
        ['bread', 3],
        ['oven', 1],
        ['star', 1],
      ]),
    }),
    'frequency',
  )
  assert.is(check({ ...said, ...df([]) }), null, 'two zeros can be false matches: nobody is accused')
})

test('a frequency below its interval is a lie as one above it is', () => {
  const terms = Array.from({ length: 40 }, (_, at) => ({
    term: `t${at}`,
    df: 1 + at * 20,
    maxFrequency: 1,
    minLength: 9,
  }))
  const totals = { chunks: 1_000, totalLength: 30_000 }
  const asked = new Map([['s', readSketch(buildSketch(terms, totals))]])
  const check = (df: number) =>
    checkStatistics(asked, ['t30'], [{ segment: 's', ...totals, documentFrequency: new Map([['t30', df]]) }])
  const { dfLow, dfHigh } = asked.get('s')!.estimate('t30')
  assert.ok(dfLow > 1 && dfLow <= 601 && dfHigh >= 601)
  for (const df of [dfLow, 601, dfHigh]) assert.is(check(df), null)
  for (const df of [1, dfLow - 1, dfHigh + 1]) assert.is(check(df)?.check, 'frequency')
})

test('a peer that denies many terms is found out, one false match in 256 is not', async () => {
  const words = Array.from({ length: 60 }, (_, at) => `word${at}`)
  const { sketch } = await peerOf([{ source: 'a', chunks: [{ text: words.join(' ') }] }])
  const terms = words.flatMap((word) => analyze(word, 'en').map(({ term }) => term))
  const counts = new Map(terms.map((term) => [term, 1]))
  const said = {
    segment: 's',
    chunks: sketch.chunks,
    totalLength: sketch.totalLength,
    documentFrequency: counts,
  }
  const asked = new Map([['s', sketch]])
  assert.is(checkStatistics(asked, terms, [said]), null)
  counts.delete(terms[0]!)
  assert.is(checkStatistics(asked, terms, [said]), null)
  for (const term of terms.slice(0, 12)) counts.delete(term)
  assert.is(checkStatistics(asked, terms, [said])?.check, 'absent-terms')
})

test('lies about candidates', async () => {
  const { asked, wanted, statistics, outcome } = await honest()
  const check = (answer: Partial<SearchOutcome>, more: Partial<SearchRequest> = {}) =>
    checkOutcome(asked, { ...wanted, ...more }, statistics, { ...outcome, ...answer })?.check ?? null
  const [first, second] = outcome.lexical as [Candidate, Candidate]
  const alone = (change: Partial<Candidate>) => check({ lexical: [{ ...first, ...change }] })
  assert.is(check({}), null)
  assert.is(check({}, { limit: 1 }), 'count')
  assert.is(check({ lexical: [second, first] }), 'order')
  assert.is(check({ lexical: [first, first] }), 'order')
  for (const change of [
    { segment: 'x' },
    { chunk: 3 },
    { chunk: -1 },
    { chunk: 0.5 },
    { ordinal: -1 },
    { document: 'x' },
  ])
    assert.is(alone(change), 'reference')
  for (const lexical of [Number.NaN, Number.POSITIVE_INFINITY, -1, null])
    assert.is(alone({ lexical }), 'score')
  assert.is(alone({ cosine: 0.5 }), 'score')
  assert.is(check({ vectors: [first] }), 'score')
  assert.is(check({ vectors: [{ ...first, cosine: 1.2 }] }, { vector: Float32Array.of(1) }), 'score')
  assert.is(check({ vectors: [{ ...first, cosine: null }] }, { vector: Float32Array.of(1) }), 'score')
  const bound = lexicalBound(asked.get('s')!, wanted, statistics)
  assert.ok(first.lexical! <= bound && bound < 1.2 * first.lexical!)
  assert.is(alone({ lexical: bound * 1.01 }), 'score-bound')
})

test('lies about the text', async () => {
  const { wanted, statistics, outcome, chunks } = await honest()
  const candidate = outcome.lexical[0]!
  const text = chunks[0]!
  const check = (change: Partial<typeof text>, score = candidate.lexical) =>
    checkText({ ...candidate, lexical: score }, { ...text, ...change }, wanted, statistics)?.check ?? null
  assert.is(check({}), null)
  assert.is(check({ text: `${text.text} bread` }), 'recomputed-score')
  assert.is(check({ headings: ['bread'] }), 'recomputed-score')
  assert.is(check({}, candidate.lexical! * (1 + 2 ** -50)), 'recomputed-score')
  for (const change of [{ ordinal: 7 }, { document: '0'.repeat(32) }, { chunk: 9 }, { segment: 'x' }])
    assert.is(check(change), 'text')
  assert.is(check({ record: { ...text.record, id: '0'.repeat(32) } }), 'text')
})

test.run()
