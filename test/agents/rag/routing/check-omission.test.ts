/** Who leaves out what must be there is doubted or found out; who answers with all there is never is. */
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { analyze } from '../../../../node/agents/rag/analysis/analyzer.ts'
import { checkOmission, type KnownSegment } from '../../../../node/agents/rag/routing/check-omission.ts'
import { combineStatistics } from '../../../../node/agents/rag/routing/combine-statistics.ts'
import { readSketch } from '../../../../node/agents/rag/routing/read-sketch.ts'
import { buildSketch } from '../../../../node/agents/rag/routing/sketch.ts'
import type {
  Candidate,
  SearchOutcome,
  SearchRequest,
  Statistics,
} from '../../../../node/agents/rag/search-types.ts'
import { createNaiveBackend, type NaiveDocument } from '../../../helpers/naive-backend.ts'

const test = suite('omissions')
const NEVER = new AbortController().signal
const WORDS = ['bread', 'oven', 'flour', 'boat', 'sail', 'star', 'night', 'and']

/** A sketch with every word of the segments, as their owner would make it; `more` words are not in any text. */
function sketchOf(documents: readonly NaiveDocument[], fingerprintBits: number) {
  const df = new Map<string, number>()
  let [chunks, totalLength] = [0, 0]
  for (const { title = '', chunks: pieces } of documents)
    for (const { text, headings = [] } of pieces) {
      const found = [title, ...headings, text].flatMap((part) => analyze(part, 'en').map(({ term }) => term))
      chunks++
      totalLength += found.length
      for (const term of new Set(found)) df.set(term, (df.get(term) ?? 0) + 1)
    }
  const terms = [...df].map(([term, count]) => ({ term, df: count, maxFrequency: 1, minLength: 1 }))
  return { sketch: readSketch(buildSketch(terms, { chunks, totalLength }, { fingerprintBits })), df }
}

const requestOf = (words: readonly string[], more: Partial<SearchRequest> = {}): SearchRequest => ({
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
  .array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 6 })
  .map((words) => words.join(' '))
const libraries = fc
  .array(fc.array(texts, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 5 })
  .map((documents) =>
    documents.map(
      (chunks, at): NaiveDocument => ({
        source: `${at}.md`,
        chunks: chunks.map((text, chunk) => ({
          text,
          vector: [Math.cos(at + chunk), Math.sin(at + chunk)],
        })),
      }),
    ),
  )

interface Stage {
  readonly known: KnownSegment[]
  readonly request: SearchRequest
  readonly statistics: Statistics
  readonly outcome: SearchOutcome
}

async function answerOf(
  parts: Record<string, NaiveDocument[]>,
  request: SearchRequest,
  fingerprintBits: number,
): Promise<Stage> {
  const backend = createNaiveBackend(parts)
  const terms = request.lexical?.terms.map(({ term }) => term) ?? []
  const { value } = await backend.statistics(terms, NEVER)
  const statistics = combineStatistics(terms, [{ segment: 's', ...value }])
  const known = Object.entries(parts).map(([segment, documents]): KnownSegment => {
    const { sketch } = sketchOf(documents, fingerprintBits)
    return { segment, sketch, deletedChunks: 0, hasVectors: request.vector !== null, frequencies: null }
  })
  return { known, request, statistics, outcome: (await backend.search(request, statistics, NEVER)).value }
}

const verdictOf = ({ known, request, statistics }: Stage, outcome: SearchOutcome) =>
  checkOmission(known, request, statistics, outcome)

test('a full answer is never accused; with exact sketches it is never doubted', async () => {
  await fc.assert(
    fc.asyncProperty(
      libraries,
      libraries,
      fc.subarray(WORDS),
      fc.boolean(),
      fc.integer({ min: 1, max: 20 }),
      async (one, two, words, hasVector, limit) => {
        const more = { limit, ...(hasVector && { vector: Float32Array.of(1, 0) }) }
        const stage = await answerOf({ a: one, b: two }, requestOf(words, more), 16)
        assert.equal(verdictOf(stage, stage.outcome), { failed: null, doubted: [], isSilent: false })
        const vague = await answerOf({ a: one, b: two }, requestOf(words, more), 4)
        assert.is(verdictOf(vague, vague.outcome).failed, null)
      },
    ),
    { numRuns: 150 },
  )
})

test('chunks that were deleted are missed by nobody', async () => {
  await fc.assert(
    fc.asyncProperty(libraries, fc.subarray(WORDS), fc.nat(), async (library, words, seed) => {
      const request = requestOf(words, { limit: 50, vector: Float32Array.of(1, 0) })
      const stage = await answerOf({ a: library }, request, 16)
      const isDeleted = ({ chunk }: Candidate) => (seed >>> (chunk % 20)) % 2 === 1
      const chunks = stage.known[0]!.sketch.chunks
      const deletedChunks = Array.from({ length: chunks }, (_, chunk) => chunk).filter(
        (chunk) => (seed >>> (chunk % 20)) % 2 === 1,
      ).length
      const left = {
        lexical: stage.outcome.lexical.filter((one) => !isDeleted(one)),
        vectors: stage.outcome.vectors.filter((one) => !isDeleted(one)),
      }
      const known = stage.known.map((one) => ({ ...one, deletedChunks }))
      assert.equal(checkOmission(known, request, stage.statistics, left).doubted, [])
    }),
    { numRuns: 100 },
  )
})

test('an answer that hides all of a segment is doubted, and one that hides many words is proven a lie', async () => {
  await fc.assert(
    fc.asyncProperty(libraries, libraries, fc.subarray(WORDS, { minLength: 1 }), async (one, two, words) => {
      // Fingerprints of 16 bits tell all words of these texts apart; in 8 bits one may stand for another.
      const stage = await answerOf({ a: one, b: two }, requestOf(words, { limit: 100 }), 16)
      for (const hidden of ['a', 'b']) {
        const kept = stage.outcome.lexical.filter(({ segment }) => segment !== hidden)
        const { doubted, failed } = verdictOf(stage, { lexical: kept, vectors: [] })
        assert.is(doubted.includes(hidden), kept.length < stage.outcome.lexical.length)
        const parts = { a: one, b: two }[hidden]!
        const { df } = sketchOf(parts, 16)
        const there = stage.request.lexical!.terms.filter(({ term }) => df.has(term)).length
        if (there >= 4) assert.is(failed?.check, 'omitted')
      }
    }),
    { numRuns: 100 },
  )
})

const LIBRARY: NaiveDocument[] = Array.from({ length: 12 }, (_, at) => ({
  source: `${at}`,
  chunks: [{ text: at < 4 ? 'bread and flour' : 'a boat', vector: [1, 0] }],
}))

test('one word may be a false match, unless somebody has counted it', async () => {
  const stage = await answerOf({ a: LIBRARY }, requestOf(['bread'], { limit: 10 }), 8)
  const nothing = { lexical: [], vectors: [] }
  assert.equal(verdictOf(stage, nothing), { failed: null, doubted: ['a'], isSilent: false })
  const counted = stage.known.map((one) => ({ ...one, frequencies: new Map([['bread', 4]]) }))
  const { failed } = checkOmission(counted, stage.request, stage.statistics, nothing)
  assert.equal(failed, { check: 'omitted', segment: 'a' })
  const some = { lexical: stage.outcome.lexical.slice(0, 3), vectors: [] }
  assert.is(checkOmission(counted, stage.request, stage.statistics, some).failed?.check, 'omitted')
})

test('vectors of live chunks are all there where the list is not full', async () => {
  const request = { ...requestOf([]), lexical: null, vector: Float32Array.of(1, 0), limit: 20 }
  const stage = await answerOf({ a: LIBRARY }, request, 8)
  const few = (count: number) => ({ lexical: [], vectors: stage.outcome.vectors.slice(0, count) })
  assert.is(verdictOf(stage, few(12)).failed, null)
  for (const count of [0, 2, 5]) assert.is(verdictOf(stage, few(count)).failed?.check, 'omitted')
  const without = stage.known.map((one) => ({ ...one, hasVectors: false }))
  assert.is(checkOmission(without, request, stage.statistics, few(0)).failed, null)
})

test('nothing is said of filters and of required or excluded words, nor of a word in one field', async () => {
  const stage = await answerOf({ a: LIBRARY }, requestOf(['bread', 'flour'], { limit: 10 }), 8)
  const phrase = { alternatives: [['boat']], field: null }
  const filter = { field: 'language', test: 'equals', value: 'en' } as const
  const { lexical } = stage.request
  const nothing = { lexical: [], vectors: [] }
  for (const request of [
    { ...stage.request, filters: [filter] },
    { ...stage.request, lexical: { ...lexical!, required: [phrase] } },
    { ...stage.request, lexical: { ...lexical!, excluded: [phrase] } },
  ])
    assert.equal(checkOmission(stage.known, request, stage.statistics, nothing), {
      ...{ failed: null, doubted: [], isSilent: true },
    })
  const terms = lexical!.terms.map((term) => ({ ...term, field: 'title' as const }))
  const inTitle = { ...stage.request, lexical: { ...lexical!, terms } }
  assert.equal(checkOmission(stage.known, inTitle, stage.statistics, nothing).doubted, [])
})

test.run()
