import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { CollectionEncoder } from '../../../../node/agents/rag/collections/collection-encoder.ts'
import { createSettingsScoring } from '../../../../node/agents/rag/query/score-settings.ts'
import { createSearch } from '../../../../node/agents/rag/query/search.ts'
import {
  createSearchEvaluations,
  type SearchEvaluations,
} from '../../../../node/agents/rag/query/search-evaluations.ts'
import { tuneWeight } from '../../../../node/agents/rag/query/tune-weight.ts'
import { createLog } from '../../../../node/log.ts'
import {
  type CollectionNode,
  createEngines,
  LETTERS,
  letterVectors,
  OWNER,
  startCollections,
} from '../../../helpers/collection-service.ts'
import { JUDGED_QUERIES, writeJudgedFolder } from '../../../helpers/judged-folder.ts'
import { rejectsCode } from '../../../helpers/throws.ts'

const test = suite('evaluation and tuning of search')
const signal = new AbortController().signal
const log = createLog({ level: 'silent' })

const encoder: CollectionEncoder = {
  has: async () => true,
  resolve: async () => ({ cid: 'bafyletters', dims: LETTERS }),
  embed: async (_cid, texts) => ({
    ...letterVectors(texts),
    tokens: new Int32Array(texts.length),
    truncated: new Uint8Array(texts.length),
  }),
}

interface Bench {
  directory: string
  judged: string
  node: CollectionNode
  evaluations: SearchEvaluations
}

async function within(use: (bench: Bench) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'village-evaluate-'))
  const engines = createEngines()
  const node = await startCollections({ directory: path.join(directory, 'data'), engines })
  const evaluations = createSearchEvaluations(
    {
      search: createSearch({ embed: encoder.embed, log }),
      encoder,
      index: engines.index,
      collections: node.collections,
      log,
    },
    { directory: path.join(directory, 'temporary'), peer: OWNER },
  )
  const judged = path.join(directory, 'judged')
  await writeJudgedFolder(judged)
  try {
    await use({ directory, judged, node, evaluations })
  } finally {
    await node.stop()
    await engines.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

const metric = (report: Awaited<ReturnType<SearchEvaluations['evaluateFolder']>>, name: string) =>
  report.metrics.find((one) => one.name === name)!.value

test('a folder is indexed, asked and forgotten', async () => {
  await within(async ({ directory, judged, evaluations }) => {
    const words = await evaluations.evaluateFolder(judged, { ranker: 'bm25' }, signal)
    assert.equal([words.documents, words.chunks, words.queries.length], [24, 24, JUDGED_QUERIES])
    assert.equal([metric(words, 'ndcg@10'), metric(words, 'recall@100'), metric(words, 'mrr@10')], [1, 1, 1])
    assert.equal([words.encoder, words.weight, words.feedback], [null, null, false])
    assert.ok(words.latencyMs.p50 <= words.latencyMs.p95 && words.latencyMs.p95 <= words.latencyMs.p99)
    const vectors = await evaluations.evaluateFolder(judged, { ranker: 'vectors', limit: 5 }, signal)
    assert.is(vectors.queries.length, 5)
    assert.ok(metric(vectors, 'ndcg@10') < 1, 'counts of letters are no match for words')
    const both = await evaluations.evaluateFolder(
      judged,
      { ranker: 'hybrid', weight: 0, feedback: true },
      signal,
    )
    assert.equal(
      [both.encoder, both.weight, both.feedback, metric(both, 'mrr@10')],
      ['bafyletters', 0, true, 1],
    )
    assert.equal(await readdir(path.join(directory, 'temporary')), [])
  })
})

test('a folder that is malformed says where', async () => {
  await within(async ({ judged, evaluations }) => {
    const evaluate = () => evaluations.evaluateFolder(judged, { ranker: 'bm25' }, signal)
    await writeFile(path.join(judged, 'qrels.tsv'), 'q0\td0\t1\nq1 d1 1\n')
    const malformed = await rejectsCode(evaluate(), 'EVALUATION_DATA_INVALID')
    assert.equal(malformed.fields, { file: 'qrels.tsv', line: 2 })
    await writeFile(path.join(judged, 'qrels.tsv'), 'q0\tunknown\t1\n')
    await rejectsCode(evaluate(), 'JUDGEMENTS_UNMATCHED')
    await rm(path.join(judged, 'corpus.jsonl'))
    await rejectsCode(evaluate(), 'FILE_UNREADABLE')
    await rm(path.join(judged, 'qrels.tsv'))
    await rejectsCode(evaluate(), 'FILE_UNREADABLE')
  })
})

test('an evaluation that is given up leaves nothing behind', async () => {
  await within(async ({ directory, judged, evaluations }) => {
    const reason = new Error('given up')
    const given = evaluations.evaluateFolder(judged, { ranker: 'bm25' }, AbortSignal.abort(reason))
    assert.is(await given.catch((error: unknown) => error), reason)
    assert.equal(await readdir(path.join(directory, 'temporary')), [])
  })
})

test('a collection is asked as it is, and its weight is tuned where that gains', async () => {
  await within(async ({ judged, node, evaluations }) => {
    await node.collections.create({ name: 'notes', weight: 1 })
    await node.indexed('notes', { paths: [judged], include: ['corpus.jsonl'] })
    const before = await evaluations.evaluateCollection('notes', judged, { ranker: 'hybrid' }, signal)
    assert.equal([before.weight, before.documents, before.queries.length], [1, 24, JUDGED_QUERIES])
    const tuned = await evaluations.tune('notes', judged, signal)
    assert.equal([tuned.current, tuned.queries, tuned.folds], [1, JUDGED_QUERIES, 5])
    assert.ok(tuned.isBetter && tuned.isSaved && tuned.best < 1)
    assert.is((await node.collections.need('notes')).weight, tuned.best)
    const after = await evaluations.evaluateCollection('notes', judged, { ranker: 'hybrid' }, signal)
    assert.ok(metric(after, 'ndcg@10') > metric(before, 'ndcg@10'))
    const again = await evaluations.tune('notes', judged, signal)
    assert.equal([again.isBetter, again.isSaved, again.gain.value], [false, false, 0])
    await rejectsCode(evaluations.tune('none', judged, signal), 'COLLECTION_UNKNOWN')
    await writeFile(path.join(judged, 'qrels.tsv'), 'q0\td0\t1\n')
    await rejectsCode(evaluations.tune('notes', judged, signal), 'JUDGEMENTS_TOO_FEW')
  })
})

const found = (document: string, lexical: number, cosine: number) => ({
  ...{ segment: 's', chunk: 0, document, ordinal: 0, lexical, cosine },
})

/** Words put `a` first, vectors `b`; `right` is relevant. */
const query = (right: string) => {
  const candidates = [found('a', 2, 0), found('b', 1, 1)]
  return { outcome: { lexical: candidates, vectors: candidates }, relevant: new Map([[right, 1]]) }
}

test('a weight is chosen by other queries than those that it is judged by', () => {
  const agreed = tuneWeight(
    Array.from({ length: 10 }, () => query('b')),
    { current: 0, seed: 1 },
  )
  assert.ok(agreed.best > 0.5 && agreed.isBetter)
  assert.equal([agreed.heldOut.tuned, agreed.heldOut.vectors], [1, 1])
  assert.ok(agreed.heldOut.lexical < 1)
  // The first of five folds wants what the other four do not: it is judged by what they chose.
  const torn = tuneWeight(
    Array.from({ length: 10 }, (_, at) => query(at % 5 === 0 ? 'a' : 'b')),
    { current: 0, seed: 1 },
  )
  assert.ok(Math.abs(torn.heldOut.tuned - (8 + 2 / Math.log2(3)) / 10) < 1e-9)
  const settled = tuneWeight(
    Array.from({ length: 10 }, () => query('a')),
    { current: 0.2, seed: 1 },
  )
  assert.equal([settled.best, settled.isBetter, settled.gain.value], [0.2, false, 0])
})

test('settings are scored query by query over an index that is made once', async () => {
  await within(async ({ directory, judged, evaluations }) => {
    let opened = 0
    const counting = {
      openFolder: (...given: Parameters<SearchEvaluations['openFolder']>) => {
        opened += 1
        return evaluations.openFolder(...given)
      },
    }
    const scoring = createSettingsScoring({ evaluations: counting })
    const queries = Array.from({ length: JUDGED_QUERIES }, (_, at) => `q${at}`).reverse()
    const words = { weight: 0, feedback: false, candidates: 100 }
    const [first, second] = await Promise.all([
      scoring.score(judged, words, queries, signal),
      scoring.score(judged, { ...words, weight: 1 }, queries, signal),
    ])
    assert.is(opened, 1)
    assert.is(first.length, JUDGED_QUERIES)
    const folder = await evaluations.evaluateFolder(judged, { ranker: 'hybrid', weight: 0 }, signal)
    assert.equal(
      [...first].reverse(),
      folder.queries.map(({ ndcg }) => Math.fround(ndcg)),
    )
    // Letters say less of a topic than its word.
    assert.not.equal(first, second)
    assert.equal(await scoring.score(judged, words, ['q3'], signal), first.slice(-4, -3))
    await scoring.close()
    assert.equal(await readdir(path.join(directory, 'temporary')), [])
    await rejectsCode(scoring.score(path.join(directory, 'none'), words, ['q0'], signal), 'FILE_UNREADABLE')
    assert.is((await scoring.score(judged, words, ['q0'], signal)).length, 1)
    await scoring.close()
  })
})

test.run()
