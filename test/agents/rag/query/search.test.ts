import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { planQuery } from '../../../../node/agents/rag/query/plan-query.ts'
import { createSearch } from '../../../../node/agents/rag/query/search.ts'
import type { SearchCollection } from '../../../../node/agents/rag/query/search-options.ts'
import { VillageError } from '../../../../node/errors.ts'
import { createNaiveBackend, documentIdOf } from '../../../helpers/naive-backend.ts'
import { rejectsCode } from '../../../helpers/throws.ts'
import {
  asked,
  collection,
  document,
  LIBRARY,
  log,
  run,
  search,
  signal,
  sources,
} from '../../../helpers/toy-search.ts'

const test = suite('search')
test('a hit says what was found, where it stands and who stands behind it', async () => {
  const { hits, terms, mode, chunks, missing, warnings } = await run({ text: 'composite slabs', limit: 1 })
  const [hit] = hits
  assert.is(hit!.rank, 1)
  assert.is(hit!.document, documentIdOf('slab.md'))
  assert.equal([hit!.ordinal, hit!.title, hit!.page, hit!.start, hit!.end], [0, 'Slabs', null, 0, 39])
  assert.equal([hit!.collection, hit!.vouchedBy], ['library', ['peer']])
  assert.equal(
    hit!.snippet.highlights.map(({ start, end }) => hit!.snippet.text.slice(start, end)),
    ['composite', 'slab'],
  )
  assert.ok(hit!.score > 0 && hit!.score <= 1)
  assert.is(hit!.explain, null)
  assert.equal(
    terms.map(({ term, weight, documentFrequency, isAdded }) => [term, weight, documentFrequency, isAdded]),
    [
      ['composit', 1, 2, false],
      ['slab', 1, 3, false],
    ],
  )
  assert.equal([mode, chunks, missing, warnings], ['hybrid', 6, [], []])
})

test('of one document two passages are shown unless more are asked for', async () => {
  assert.equal(sources(await run({ text: 'slab', mode: 'lexical' })), ['slab.md', 'slab.md'])
  assert.equal(sources(await run({ text: 'slab', mode: 'lexical', perDocument: 1 })), ['slab.md'])
  assert.equal((await run({ text: 'slab', mode: 'lexical', perDocument: 5 })).hits.length, 3)
})

test('where one document has all the best passages, more are asked for', async () => {
  const hog = document('hog.md', 'Hog', ...Array.from({ length: 12 }, (_, at) => `Slab slab slab ${at}.`))
  const backend = createNaiveBackend({ library: [...LIBRARY, hog] })
  const options = { text: 'slab', mode: 'lexical', limit: 3, perDocument: 1 } as const
  assert.equal(sources(await run(options, backend)), ['hog.md', 'slab.md'])
  assert.equal(backend.calls, ['statistics', 'search', 'search', 'chunks'])
  backend.calls.length = 0
  await run({ ...options, candidates: 5 }, backend)
  assert.equal(backend.calls, ['statistics', 'search', 'chunks'])
})

test('the weight is the collection’s, or the one that is given', async () => {
  const backend = createNaiveBackend({ words: LIBRARY.slice(0, 2), senses: LIBRARY.slice(2) })
  const collections = [collection('words', { weight: 0 }), collection('senses', { weight: 1 })]
  const { hits } = await search.search(
    backend,
    { text: 'bird heat', collections, explain: true, perDocument: 9 },
    signal,
  )
  assert.ok(
    hits.some(({ collection: name }) => name === 'words') &&
      hits.some(({ collection: name }) => name === 'senses'),
  )
  for (const { collection: name, score, explain } of hits)
    assert.is(score, name === 'words' ? explain!.normalisedLexical : explain!.normalisedCosine)
  const all = await search.search(
    backend,
    { text: 'bird heat', collections, explain: true, weight: 1 },
    signal,
  )
  for (const { score, explain } of all.hits) assert.is(score, explain!.normalisedCosine)
})

test('operators narrow both rankers', async () => {
  assert.equal(sources(await run({ text: 'heat -bird -water' })).sort(), ['slab.md', 'thrift.md'])
  assert.equal(sources(await run({ text: '"transfer of heat"' })), ['river.md'])
  assert.equal(sources(await run({ text: 'title:heat' })), ['thrift.md'])
  assert.equal(sources(await run({ text: 'heat +gulls', mode: 'vectors' })), ['gull.md'])
  assert.equal(sources(await run({ text: 'heat title:slab', perDocument: 9 })), [
    'slab.md',
    'slab.md',
    'slab.md',
  ])
})

test('plain syntax takes signs as text', async () => {
  const { hits, warnings } = await run({ text: 'what -heat methods', syntax: 'plain', mode: 'lexical' })
  assert.ok(hits.length >= 3)
  assert.equal(warnings, [])
})

test('filters hold for every hit', async () => {
  const answer = await run({ text: 'heat', filters: [{ field: 'year', test: 'below', value: 8 }] })
  assert.equal(new Set(sources(answer)), new Set(['slab.md', 'gull.md']))
})

test('an explanation adds up to the scores', async () => {
  const { hits } = await run({ text: 'composite heat transfer heat', explain: true, perDocument: 9 })
  for (const { score, lexical, explain } of hits) {
    assert.is(explain!.isConsistent, true)
    assert.ok(
      Math.abs(explain!.terms.reduce((sum, { contribution }) => sum + contribution, 0) - lexical!) < 1e-12,
    )
    const { weight, normalisedCosine, normalisedLexical } = explain!
    assert.is(score, weight * normalisedCosine! + (1 - weight) * normalisedLexical!)
  }
  assert.equal(
    hits[0]!.explain!.terms.map(({ term, weight }) => [term, weight]),
    [
      ['composit', 1],
      ['heat', 2],
      ['transfer', 1],
    ],
  )
})

test('a score that its text does not give is told', async () => {
  const backend = createNaiveBackend({ library: LIBRARY })
  const lying = {
    ...backend,
    search: async (...given: Parameters<typeof backend.search>) => {
      const { value, missing } = await backend.search(...given)
      return {
        value: { ...value, lexical: value.lexical.map((one) => ({ ...one, lexical: one.lexical! + 1 })) },
        missing,
      }
    },
  }
  const { hits } = await run({ text: 'slab', explain: true }, lying)
  assert.is(hits[0]!.explain!.isConsistent, false)
})

test('feedback adds words of the best passages, marked as added and not shown as found', async () => {
  const many = Array.from({ length: 30 }, (_, at) =>
    document(`filler${at}.md`, 'Filler', `Filler number ${at} about nothing.`),
  )
  const backend = createNaiveBackend({ library: [...LIBRARY, ...many] })
  const { terms, hits } = await run({ text: 'gull', feedback: true, mode: 'lexical' }, backend)
  const added = terms.filter(({ isAdded }) => isAdded)
  assert.ok(added.some(({ term }) => term === 'troubl'))
  assert.ok(added.every(({ weight }) => weight > 0 && weight < 0.1))
  const [gull] = hits
  assert.equal(
    gull!.snippet.highlights.map(({ start, end }) => gull!.snippet.text.slice(start, end)),
    ['gull'],
  )
  assert.ok(hits.length > 1, 'what shares only added words is found too')
  assert.equal(backend.calls, ['statistics', 'search', 'chunks', 'statistics', 'search', 'chunks'])
})

test('what cannot be embedded is ranked by words, with a warning; the mode vectors is an error', async () => {
  const broken = createSearch({
    embed: async () => {
      throw new VillageError('SESSION_FAILED')
    },
    log,
  })
  const backend = createNaiveBackend({ library: LIBRARY })
  const options = { text: 'slab', collections: [collection('library')] }
  const answer = await broken.search(backend, options, signal)
  assert.is(answer.mode, 'lexical')
  assert.equal(
    answer.warnings.map(({ code }) => code),
    ['EMBEDDING_FAILED'],
  )
  assert.equal(sources(answer), ['slab.md', 'slab.md'])
  await rejectsCode(broken.search(backend, { ...options, mode: 'vectors' }, signal), 'SESSION_FAILED')
})

test('collections without vectors, or with several encoders', async () => {
  const bare = [collection('library', { encoder: null })]
  const answer = await run({ text: 'slab', collections: bare })
  assert.equal([answer.mode, answer.warnings.map(({ code }) => code)], ['lexical', ['NO_VECTORS']])
  await rejectsCode(run({ text: 'slab', collections: bare, mode: 'vectors' }), 'SEARCH_WITHOUT_VECTORS')
  const two = [
    collection('a', { encoder: 'small', chunks: 5 }),
    collection('b', { encoder: 'large', chunks: 6 }),
  ]
  asked.length = 0
  const mixed = await run({ text: 'slab -water', collections: two })
  assert.equal(
    mixed.warnings.map(({ code }) => code),
    ['ENCODERS_DIFFER'],
  )
  assert.equal(asked, ['large: slab'])
})

test('nothing to look for, and far too much', async () => {
  for (const text of ['', ' ,;', '-slab']) {
    const { hits, warnings } = await run({ text, mode: 'lexical' })
    assert.equal([hits.length, warnings.map(({ code }) => code)], [0, ['QUERY_WITHOUT_WORDS']], text)
  }
  const words = Array.from({ length: 3000 }, (_, at) => `word${at}`).join(' ')
  const { warnings, hits } = await run({ text: `slab ${words}` })
  assert.ok(warnings.some(({ code }) => code === 'QUERY_TRUNCATED'))
  assert.is(hits[0]!.record.source, 'slab.md')
})

test('options out of range are refused', async () => {
  for (const wrong of [
    { limit: 0 },
    { limit: 101 },
    { limit: 1.5 },
    { perDocument: 0 },
    { candidates: 2000 },
    { weight: 2 },
    { mode: 'vectors' as const, feedback: true },
  ])
    await rejectsCode(run({ text: 'slab', ...wrong }), 'INVALID_ARGUMENT')
})

test('an encoder that is here is preferred to one that is not, however many chunks are said to have it', () => {
  const large = collection('large@liar', { encoder: 'nowhere', isEncoderHere: false, chunks: 10 ** 12 })
  const small = collection('small', { encoder: 'small', chunks: 5 })
  const planned = (...collections: SearchCollection[]) => planQuery({ text: 'slab', collections }).encoder
  assert.is(planned(large, small), 'small')
  assert.is(planned(large, small, collection('other', { encoder: 'other', chunks: 6 })), 'other')
  assert.is(planned(large), 'nowhere')
})

test('what a backend misses is passed on once', async () => {
  const part = { collection: 'far@peer', segments: 2, chunks: 20, reason: 'TIMEOUT' }
  const { missing, hits } = await run(
    { text: 'slab' },
    createNaiveBackend({ library: LIBRARY }, { missing: [part] }),
  )
  assert.equal(missing, [part])
  assert.ok(hits.length > 0)
})

test('passages that move while they are searched are searched again; those that are gone are told', async () => {
  const backend = createNaiveBackend({ library: LIBRARY })
  let failures = 1
  const moving = {
    ...backend,
    chunks: async (...given: Parameters<typeof backend.chunks>) => {
      const answer = await backend.chunks(...given)
      return failures-- > 0
        ? { ...answer, value: answer.value.map((one, at) => (at === 0 ? null : one)) }
        : answer
    },
  }
  const again = await run({ text: 'slab', mode: 'lexical' }, moving)
  assert.equal([again.hits.length, again.warnings], [2, []])
  failures = 2
  const gone = await run({ text: 'slab', mode: 'lexical' }, moving)
  assert.equal(
    [gone.hits.map(({ rank }) => rank), gone.warnings.map(({ code }) => code)],
    [[1], ['PASSAGES_GONE']],
  )
})

test('a search that is given up ends with the reason', async () => {
  const reason = new Error('given up')
  const given = search.search(
    createNaiveBackend({ library: LIBRARY }),
    { text: 'slab', collections: [collection('library')] },
    AbortSignal.abort(reason),
  )
  assert.is(await given.catch((error: unknown) => error), reason)
})

test.run()
