/** What a holder lets another ask of its indexes: in whose name, how much, and for how long. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AskOptions } from '../../../../node/agents/rag/index/index-host.ts'
import { buildLexical } from '../../../../node/agents/rag/query/build-lexical.ts'
import { parseQuery } from '../../../../node/agents/rag/query/parse-query.ts'
import type { LexicalQuery, SearchOutcome } from '../../../../node/agents/rag/search-types.ts'
import type { LocalSegment } from '../../../../node/agents/rag/village/local-segments.ts'
import {
  decodeSearch,
  encodeChunksRequest,
  encodeSearch,
  encodeStatisticsRequest,
} from '../../../../node/agents/rag/village/query-wire.ts'
import { createSearchServer } from '../../../../node/agents/rag/village/search-server.ts'
import { segmentKey } from '../../../../node/agents/rag/village/segment-key.ts'
import { VillageError } from '../../../../node/errors.ts'
import { createLog } from '../../../../node/log.ts'
import type { FramedStream } from '../../../../node/mesh/framed-stream.ts'
import type { Message } from '../../../../node/mesh/protocols/message.ts'
import {
  SEARCH_LIMITS,
  SearchRequestFrame,
  type SearchResponseFrame,
} from '../../../../node/mesh/protocols/search.ts'
import { rejectsCode, throwsCode } from '../../../helpers/throws.ts'

const NOTHING: SearchOutcome = { lexical: [], vectors: [] }
const STATISTICS = { chunks: 10, totalLength: 100, documentFrequency: new Map([['river', 1]]) }

/** Collections `a…` and `b…` with a segment of 3,000 and one of 1,000 chunks. */
const locals = new Map(
  [3_000, 1_000].map((chunks, at): [string, LocalSegment] => {
    const collection = 'ab'[at]!.repeat(32)
    const segment = {
      id: 'cd'[at]!.repeat(64),
      chunks,
      documents: chunks,
      totalLength: chunks,
      sizeBytes: chunks,
      deletedChunks: 0,
      deletedDocuments: 0,
      tombstones: null,
      isAway: false,
    }
    const directory = `/${collection}`
    return [
      segmentKey(collection, segment.id),
      { collection, directory, isOwn: true, encoder: null, segment },
    ]
  }),
)
const KEYS = [...locals.keys()]

const river: LexicalQuery = {
  terms: [{ term: 'river', weight: 1, field: null }],
  required: [],
  excluded: [],
}
const questionOf = (lexical: LexicalQuery) => ({
  segments: KEYS,
  request: { lexical, vector: null, filters: [], limit: 10 },
  statistics: STATISTICS,
  texts: 0,
})

/** A stream on which the other side sends these and then waits, until it is cut. */
function streamOf(frames: readonly SearchRequestFrame[]) {
  const left = frames.map((frame) => SearchRequestFrame.encode(frame))
  const sent: SearchResponseFrame[] = []
  const end = Promise.withResolvers<null>()
  const stream: FramedStream = {
    peer: 'them',
    async send<T>(message: Message<T>, value: T, { signal }: { signal?: AbortSignal } = {}) {
      signal?.throwIfAborted()
      sent.push(message.decode(message.encode(value)) as SearchResponseFrame)
    },
    receive<T>(message: Message<T>): Promise<T | null> {
      const bytes = left.shift()
      return bytes === undefined ? end.promise : Promise.resolve(message.decode(bytes))
    },
    expect: () => Promise.reject(new Error('not used')),
    close: async () => undefined,
    abort: () => undefined,
  }
  return { stream, sent, ended: () => end.resolve(null), cut: (error: Error) => end.reject(error) }
}

type Search = (directory: string, options: AskOptions) => Promise<SearchOutcome>

function serverOf(search: Search) {
  const asked: AskOptions[] = []
  const note = <T>(options: AskOptions | undefined, value: T): T => {
    asked.push(options ?? {})
    return value
  }
  const server = createSearchServer(
    {
      host: {
        search: (directory, _request, _statistics, options) =>
          search(directory, note(options, options ?? {})),
        statistics: async (_directory, _terms, _segments, options) => note(options, []),
        chunks: async (_directory, references, options) =>
          note(
            options,
            references.map(() => null),
          ),
      },
      find: (key) => locals.get(key) ?? null,
      log: createLog({ level: 'silent' }),
    },
    { requestsByMinute: 100, now: () => 0 },
  )
  return { server, asked }
}

const context = () => ({ peer: 'them', role: 'member' as const, signal: new AbortController().signal })

test('all that a peer asks is asked in its name, and a search of two indexes may cost as much as one', async () => {
  const { server, asked } = serverOf(async () => NOTHING)
  const { stream, sent, ended } = streamOf([
    encodeSearch(questionOf(river)),
    encodeStatisticsRequest(KEYS, ['river']),
    encodeChunksRequest([{ segment: KEYS[0]!, chunk: 0 }]),
  ])
  ended()
  await server.serve(stream, context())
  assert.equal(
    sent.map(({ code }) => code),
    ['', '', ''],
  )
  assert.equal(
    asked.map(({ peer, share }) => [peer, share]),
    [
      ['them', 0.75],
      ['them', 0.25],
      ['them', undefined],
      ['them', undefined],
      ['them', undefined],
    ],
  )
})

test('a search that costs too much is answered with a code', async () => {
  const { server } = serverOf(() => Promise.reject(new VillageError('SEARCH_TOO_COSTLY')))
  const { stream, sent, ended } = streamOf([encodeSearch(questionOf(river))])
  ended()
  await server.serve(stream, context())
  assert.equal(
    sent.map(({ code }) => code),
    ['SEARCH_TOO_COSTLY'],
  )
})

test('where the stream is cut the search ends', async () => {
  const running = Promise.withResolvers<AbortSignal>()
  const { server } = serverOf((_directory, { signal }) => {
    running.resolve(signal!)
    return new Promise((_resolve, reject) => {
      signal!.addEventListener('abort', () => reject(signal!.reason), { once: true })
    })
  })
  const { stream, sent, cut } = streamOf([encodeSearch(questionOf(river))])
  const served = server.serve(stream, context())
  const signal = await running.promise
  assert.is(signal.aborted, false)
  cut(new VillageError('PEER_DISCONNECTED'))
  await rejectsCode(served, 'PEER_DISCONNECTED')
  assert.equal([signal.aborted, sent.length], [true, 0])
})

test('more phrases than a query of ours has are refused, and what is built from a text never is', () => {
  const { maxPhrases, maxPhraseTerms, maxAlternatives, maxTermsOfPhrases } = SEARCH_LIMITS
  const travelled = (lexical: LexicalQuery) =>
    decodeSearch(
      SearchRequestFrame.decode(SearchRequestFrame.encode(encodeSearch(questionOf(lexical)))).search!,
    )
  const phrases = (count: number, alternatives: number, terms: number) =>
    Array.from({ length: count }, () => ({
      alternatives: Array.from({ length: alternatives }, () =>
        Array.from({ length: terms }, (_, at) => `w${at}`),
      ),
      field: null,
    }))
  const most = { ...river, required: phrases(maxPhrases / 2, 2, 2), excluded: phrases(maxPhrases / 2, 2, 2) }
  assert.equal(travelled(most).request.lexical, most)
  const whole = maxTermsOfPhrases / maxPhraseTerms
  assert.equal(travelled({ ...river, excluded: phrases(whole, 1, maxPhraseTerms) }).segments, KEYS)
  for (const tooMany of [
    { ...most, required: phrases(maxPhrases / 2 + 1, 1, 1) },
    { ...river, excluded: phrases(maxPhrases + 1, 1, 1) },
    { ...river, excluded: phrases(1, maxAlternatives + 1, 1) },
    { ...river, excluded: phrases(1, 1, maxPhraseTerms + 1) },
    { ...river, required: phrases(2, 9, 20), excluded: phrases(2, 9, 20) },
  ])
    throwsCode(() => travelled(tooMany), 'PROTOCOL_MALFORMED')

  const languages = ['en', 'de', 'fr', 'it', 'es', 'pt', 'nl', 'sv', 'ru']
  const sentence = 'flowing houses running quickly beautiful rivers national constitutions arguing'
  const texts = [
    Array.from({ length: 40 }, () => `+"${sentence}"`).join(' '),
    Array.from({ length: 5 }, () => `-"${sentence} ${sentence} ${sentence} ${sentence}"`).join(' '),
    `"${Array.from({ length: 500 }, (_, at) => `${sentence} ${at}`).join(' ')}"`,
  ]
  for (const text of texts) {
    const { lexical, isTruncated } = buildLexical(parseQuery(text), languages)
    assert.ok(isTruncated)
    assert.equal(travelled({ ...lexical, terms: river.terms }).request.lexical, {
      ...lexical,
      terms: river.terms,
    })
    for (const { alternatives } of lexical.required)
      assert.ok(alternatives.length > 0 && alternatives.every((sequence) => sequence.length > 0))
  }
})

test.run()
