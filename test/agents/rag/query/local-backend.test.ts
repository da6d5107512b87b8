import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createIndexReader, type IndexReader } from '../../../../node/agents/rag/index/index-reader.ts'
import { createIndexWriter } from '../../../../node/agents/rag/index/index-writer.ts'
import { createIndex } from '../../../../node/agents/rag/index/manifest-file.ts'
import {
  createLocalBackend,
  hostOfReader,
  type LocalHost,
} from '../../../../node/agents/rag/query/local-backend.ts'
import { createSearch } from '../../../../node/agents/rag/query/search.ts'
import { SEARCH_MODES, type SearchOptions } from '../../../../node/agents/rag/query/search-options.ts'
import type { SearchBackend } from '../../../../node/agents/rag/search-types.ts'
import { seededRandom } from '../../../../node/compute/evaluate/seeded-random.ts'
import { createLog } from '../../../../node/log.ts'
import { chunksOf, createNaiveBackend, type NaiveDocument, recordOf } from '../../../helpers/naive-backend.ts'

const test = suite('search over local indexes')
const signal = new AbortController().signal
const PEER = '12D3KooWSelf'
const DIMS = 8
const WORDS = [
  'slab',
  'heat',
  'water',
  'bridge',
  'anchor',
  'lamp',
  'ferry',
  'kiln',
  'drain',
  'the',
  'of',
  'a',
]

function unitVector(random: () => number): number[] {
  const values = Array.from({ length: DIMS }, () => random() - 0.5)
  const norm = Math.hypot(...values)
  return values.map((value) => value / norm)
}

function library(count: number, seed: number): NaiveDocument[] {
  const random = seededRandom(seed)
  const words = (most: number) =>
    Array.from(
      { length: 1 + Math.floor(random() * most) },
      () => WORDS[Math.floor(random() ** 2 * WORDS.length)]!,
    ).join(' ')
  return Array.from({ length: count }, (_, at) => ({
    source: `${seed}/${at}.md`,
    title: words(3),
    chunks: Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
      text: words(30),
      headings: [words(2)],
      vector: unitVector(random),
    })),
    fields: { part: at % 3 },
  }))
}

function openIndex(
  directory: string,
  documents: readonly NaiveDocument[],
  maxSegmentChunks: number,
): IndexReader {
  createIndex(directory, { maxSegmentChunks, dims: DIMS })
  const writer = createIndexWriter(directory)
  writer.add(
    documents.map((document) => ({
      record: recordOf(document),
      chunks: chunksOf(document),
      vectors: Float32Array.from(document.chunks.flatMap(({ vector }) => vector!)),
    })),
  )
  writer.commit()
  writer.close()
  return createIndexReader(directory)
}

const embed = async (_model: string, texts: readonly string[]) => {
  const vectors = Float32Array.from(texts.flatMap((text) => unitVector(seededRandom(text.length))))
  return {
    dims: DIMS,
    vectors,
    tokens: new Int32Array(texts.length),
    truncated: new Uint8Array(texts.length),
  }
}
const search = createSearch({ embed, log: createLog({ level: 'silent' }) })

test('several indexes rank as one, in every mode, and as the definitions say', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-local-'))
  const parts = [library(20, 1), library(15, 2), library(1, 3)]
  const readers = new Map<string, IndexReader>()
  const open = (name: string, documents: readonly NaiveDocument[], most: number) => {
    const at = path.join(directory, name)
    readers.set(at, openIndex(at, documents, most))
    return { name, directory: at, encoder: 'toy' }
  }
  try {
    const host: LocalHost = {
      manifest: (at) => hostOfReader(readers.get(at)!).manifest(at),
      statistics: (at, ...rest) => hostOfReader(readers.get(at)!).statistics(at, ...rest),
      search: (at, ...rest) => hostOfReader(readers.get(at)!).search(at, ...rest),
      chunks: (at, ...rest) => hostOfReader(readers.get(at)!).chunks(at, ...rest),
    }
    const several = parts.map((documents, at) => open(`part${at}`, documents, 16))
    const one = [open('whole', parts.flat(), 1000)]
    const backends = {
      several: createLocalBackend({ host }, { indexes: several, peer: PEER }),
      one: createLocalBackend({ host }, { indexes: one, peer: PEER }),
    }
    const ask = async (backend: SearchBackend, options: Omit<SearchOptions, 'collections'>) => {
      const collections = [...several, ...one].map(({ name }) => ({
        ...{ name, languages: ['en'], encoder: 'toy', weight: 0.4, chunks: 10 },
      }))
      const { hits, missing, warnings } = await search.search(backend, { ...options, collections }, signal)
      // `water -slab`: every passage with the one word has the other, too.
      const others = warnings.filter(({ code }) => code !== 'WORDS_NOWHERE')
      assert.equal([missing, others], [[], []])
      return hits
    }
    const texts = [
      'slab heat',
      'the kiln of a ferry',
      '"heat slab"',
      'water -slab',
      'title:lamp anchor',
      '+drain the',
    ]
    for (const text of texts)
      for (const mode of SEARCH_MODES)
        for (const feedback of mode === 'vectors' ? [false] : [false, true]) {
          const options = {
            ...{ text, mode, feedback, limit: 30, perDocument: 3, candidates: 12, explain: true },
            filters: text === 'slab heat' ? [{ field: 'part', test: 'not-equals', value: 1 } as const] : [],
          }
          const [split, whole] = [await ask(backends.several, options), await ask(backends.one, options)]
          const shown = (hits: typeof whole) =>
            hits.map(({ document, ordinal, score, lexical, cosine, text: passage }) => ({
              ...{ document, ordinal, score, lexical, cosine, passage },
            }))
          assert.equal(shown(split), shown(whole), `${text}, ${mode}`)
          assert.ok(
            split.every(
              ({ vouchedBy, collection }) => vouchedBy[0] === PEER && collection.startsWith('part'),
            ),
          )
          assert.ok(split.every(({ explain }) => explain!.isConsistent !== false))
          if (mode !== 'lexical') continue
          const naive = await ask(createNaiveBackend({ all: parts.flat() }), options)
          assert.equal(
            whole.map(({ document, ordinal }) => `${document}/${ordinal}`),
            naive.map(({ document, ordinal }) => `${document}/${ordinal}`),
            `${text}, naive`,
          )
          for (const [at, { lexical }] of whole.entries())
            assert.ok(Math.abs(lexical! - naive[at]!.lexical!) < 1e-9)
        }
  } finally {
    for (const reader of readers.values()) reader.close()
    rmSync(directory, { recursive: true, force: true })
  }
})

test('behind long documents with all the best passages the others are found, in one index or several', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-local-'))
  const random = seededRandom(9)
  const hog = (source: string): NaiveDocument => ({
    source,
    chunks: Array.from({ length: 70 }, (_, at) => ({ text: `slab slab ${at}`, vector: unitVector(random) })),
  })
  const parts = [
    [hog('hog1'), ...library(4, 5)],
    [hog('hog2'), ...library(9, 6)],
  ].map((documents, part) =>
    documents.map((one) => ({
      ...one,
      source: `${part}/${one.source}`,
      chunks: one.chunks.map((chunk) => ({ ...chunk, text: `${chunk.text} slab` })),
    })),
  )
  const readers = [parts.flat(), ...parts].map((documents, at) =>
    openIndex(path.join(directory, `${at}`), documents, 1000),
  )
  try {
    const indexes = readers.map((_, at) => ({
      name: `${at}`,
      directory: path.join(directory, `${at}`),
      encoder: 'toy',
    }))
    const of = (at: string) => hostOfReader(readers[Number(path.basename(at))]!)
    const host: LocalHost = {
      manifest: (at) => of(at).manifest(at),
      statistics: (at, ...rest) => of(at).statistics(at, ...rest),
      search: (at, ...rest) => of(at).search(at, ...rest),
      chunks: (at, ...rest) => of(at).chunks(at, ...rest),
    }
    for (const mode of SEARCH_MODES) {
      const [whole, split] = await Promise.all(
        [indexes.slice(0, 1), indexes.slice(1)].map(async (own) => {
          const backend = createLocalBackend({ host }, { indexes: own, peer: PEER })
          const collections = own.map(({ name }) => ({
            name,
            languages: ['en'],
            encoder: 'toy',
            weight: 0.4,
            chunks: 10,
          }))
          const { hits } = await search.search(
            backend,
            { text: 'slab', mode, limit: 15, perDocument: 1, collections },
            signal,
          )
          return hits.map(({ document, ordinal, score }) => ({ document, ordinal, score }))
        }),
      )
      assert.is(whole!.length, 15, mode)
      assert.equal(split, whole, mode)
    }
  } finally {
    for (const reader of readers) reader.close()
    rmSync(directory, { recursive: true, force: true })
  }
})

test('an index with another encoder is searched by words alone', async () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'village-local-'))
  const reader = openIndex(path.join(directory, 'a'), library(5, 4), 100)
  try {
    const index = { name: 'a', directory: path.join(directory, 'a'), encoder: 'other' }
    const backend = createLocalBackend({ host: hostOfReader(reader) }, { indexes: [index], peer: PEER })
    const vector = Float32Array.from(unitVector(seededRandom(1)))
    const { value: statistics } = await backend.statistics(['the'], signal)
    const lexical = { terms: [{ term: 'the', weight: 1, field: null }], required: [], excluded: [] }
    const request = { lexical, vector, filters: [], limit: 5 }
    const same = await backend.search({ ...request, encoder: 'other' }, statistics, signal)
    const different = await backend.search({ ...request, encoder: 'toy' }, statistics, signal)
    assert.ok(same.value.vectors.length > 0 && same.value.lexical.every(({ cosine }) => cosine !== null))
    assert.equal(different.value.vectors, [])
    assert.ok(
      different.value.lexical.length > 0 && different.value.lexical.every(({ cosine }) => cosine === null),
    )
    const none = await backend.search({ ...request, encoder: 'toy', lexical: null }, statistics, signal)
    assert.equal(none.value, { lexical: [], vectors: [] })
    const [first] = same.value.lexical
    const fresh = createLocalBackend({ host: hostOfReader(reader) }, { indexes: [index], peer: PEER })
    const { value: passages } = await fresh.chunks([first!, { segment: 'f'.repeat(64), chunk: 0 }], signal)
    assert.equal([passages[0]!.document, passages[1]], [first!.document, null])
  } finally {
    reader.close()
    rmSync(directory, { recursive: true, force: true })
  }
})

test.run()
