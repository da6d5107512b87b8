/**
 * Eight real daemons on this machine, one process each: a collection is spread over them with two replicas and no copy at its owner,
 * and searched through the API. What is asked: how long a query takes, whether the answer is that of one index with everything in it,
 * and what becomes of it when daemons are killed.
 */
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { IndexRun } from '../../node/agents/rag/collections/index-run.ts'
import type { SearchAnswer } from '../../node/agents/rag/query/search-answer.ts'
import type { SearchMode } from '../../node/agents/rag/query/search-options.ts'
import type { KnownCollection } from '../../node/agents/rag/village/known-collection.ts'
import { type LocalNode, startLocalnet } from '../localnet.ts'
import type { BenchContext } from './bench.ts'
import type { RagCase } from './rag.ts'
import { createGenerator } from './rag-generated.ts'
import { judgedFolder } from './rag-index.ts'

const DAEMONS = 8
const REPLICAS = 2
const SEGMENT_CHUNKS = 250
const GENERATED = 5_000
/** Embedding takes longer than all the rest: vectors are measured on a part of the corpus. */
const EMBEDDED = 800
const QUERIES = 100
const WARM_UP = 10
const LATENCY_BAR_MS = 150
const DEADLINE_MS = 2_000
/** The deadline is the search's; the request around it takes some time too. */
const DEADLINE_BAR_MS = DEADLINE_MS + 250
const WAIT_MS = 180_000

interface Corpus {
  readonly name: string
  readonly file: string
  readonly queries: readonly string[]
}

async function findCorpus(directory: string): Promise<Corpus> {
  const scifact = judgedFolder('scifact')
  if (existsSync(path.join(scifact, 'corpus.jsonl'))) {
    const lines = readFileSync(path.join(scifact, 'queries.jsonl'), 'utf8').trim().split('\n')
    const queries = lines.map((line) => (JSON.parse(line) as { text: string }).text)
    return { name: 'SciFact', file: path.join(scifact, 'corpus.jsonl'), queries: queries.slice(0, QUERIES) }
  }
  const generator = createGenerator({ seed: 1, dims: 2, chunksPerDocument: 1, wordsPerChunk: 200 })
  const file = path.join(directory, 'corpus.jsonl')
  const rows = Array.from({ length: GENERATED }, (_, number) => {
    const { record, chunks } = generator.document(number)
    return JSON.stringify({ _id: record.id, title: record.title ?? '', text: chunks[0]!.text })
  })
  await writeFile(file, rows.join('\n'))
  const queries = Array.from({ length: QUERIES }, (_, number) => generator.query(number).words.join(' '))
  return { name: 'generated', file, queries }
}

async function until(what: string, signal: AbortSignal, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WAIT_MS
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited for: ${what}`)
    await sleep(250, undefined, { signal })
  }
}

async function known(node: LocalNode, name: string): Promise<KnownCollection> {
  const { collections } = await node.client.get<{ collections: KnownCollection[] }>(
    '/api/v1/knowledge/collections',
  )
  const found = collections.find((collection) => collection.name === name)
  if (found === undefined) throw new Error(`the collection ${name} is not known`)
  return found
}

interface Setup {
  readonly name: string
  readonly mode: SearchMode
  readonly file: string
  /** Absent: the one that comes with the daemon. */
  readonly encoder: { readonly encoder?: null }
}

interface Round {
  readonly answers: readonly SearchAnswer[]
  /** Sorted. */
  readonly tookMs: readonly number[]
}

async function ask(node: LocalNode, queries: readonly string[], { name, mode }: Setup): Promise<Round> {
  const answers: SearchAnswer[] = []
  const tookMs: number[] = []
  for (const query of queries) {
    const started = performance.now()
    const body = { query, syntax: 'plain', mode, limit: 10, deadlineMs: DEADLINE_MS, collections: [name] }
    answers.push(await node.client.send<SearchAnswer>('POST', '/api/v1/search', body))
    tookMs.push(performance.now() - started)
  }
  return { answers, tookMs: tookMs.sort((a, b) => a - b) }
}

const quantile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

const rankingOf = ({ hits }: SearchAnswer) =>
  JSON.stringify(
    hits.map(({ document, ordinal, lexical, cosine, score }) => [document, ordinal, lexical, cosine, score]),
  )

/** Share of the queries with the same hits, order and scores. */
function sameShare(a: Round, b: Round): number {
  const same = a.answers.filter((answer, index) => rankingOf(answer) === rankingOf(b.answers[index]!))
  return same.length / a.answers.length
}

async function index(owner: LocalNode, setup: Setup, { log, signal }: BenchContext): Promise<void> {
  const { name, file, encoder } = setup
  const { id } = await owner.client.send<{ id: string }>('POST', '/api/v1/collections', {
    name,
    segmentChunks: SEGMENT_CHUNKS,
    ...encoder,
  })
  const started = performance.now()
  const run = await owner.client.send<IndexRun>('POST', `/api/v1/collections/${id}/index`, { paths: [file] })
  const state = () => owner.client.get<IndexRun>(`/api/v1/index-runs/${run.id}`)
  await until('the collection is indexed', signal, async () => {
    return !['waiting', 'running'].includes((await state()).state)
  })
  const { state: ended, error, report } = await state()
  if (ended !== 'done') throw new Error(`indexing ended as ${ended}: ${error?.message}`)
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  log(`${name}: ${report.added} documents, ${report.chunks} chunks indexed in ${seconds} s`)
}

async function share(owner: LocalNode, { name }: Setup, { log, signal }: BenchContext): Promise<void> {
  const started = performance.now()
  const { id } = await known(owner, name)
  const settings = { access: 'village', replicas: REPLICAS, keepsCopy: false }
  await owner.client.send('PUT', `/api/v1/collections/${id}`, settings)
  await until('its text lies with two members each', signal, async () => {
    const { localSegments, holdersPresent } = await known(owner, name)
    return localSegments === 0 && holdersPresent >= REPLICAS
  })
  const { segments } = await known(owner, name)
  log(`${name}: ${segments} segments spread in ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

/** Everything at its owner first, then spread: the answers of both must be the same. Returns those of one index. */
async function measure(
  owner: LocalNode,
  setup: Setup,
  queries: readonly string[],
  context: BenchContext,
): Promise<Round> {
  await index(owner, setup, context)
  await ask(owner, queries.slice(0, WARM_UP), setup)
  const central = await ask(owner, queries, setup)
  await share(owner, setup, context)
  await ask(owner, queries.slice(0, WARM_UP), setup)
  const spread = await ask(owner, queries, setup)
  const of = setup.mode
  const ms = { unit: 'ms', better: 'lower', bar: null } as const
  context.report({ case: `${of}: query p50`, value: quantile(spread.tookMs, 0.5), ...ms })
  context.report({
    case: `${of}: query p95`,
    value: quantile(spread.tookMs, 0.95),
    ...ms,
    bar: LATENCY_BAR_MS,
  })
  context.report({ case: `${of}: query p99`, value: quantile(spread.tookMs, 0.99), ...ms })
  context.report({ case: `${of}: query p95 at one index`, value: quantile(central.tookMs, 0.95), ...ms })
  const equal = { unit: 'share', better: 'higher', bar: 1 } as const
  context.report({ case: `${of}: answered as one index does`, value: sameShare(spread, central), ...equal })
  return central
}

export const village: RagCase = {
  name: 'village',
  title: `${DAEMONS} daemons, a collection spread with ${REPLICAS} replicas; ${DAEMONS} processes on this machine`,
  async run(context) {
    const { report, log, signal } = context
    const directory = await mkdtemp(path.join(tmpdir(), 'village-bench-rag-'))
    const corpus = await findCorpus(directory)
    const net = await startLocalnet({
      count: DAEMONS,
      directory,
      name: 'bench',
      settings: { 'log.level': 'warn', profile: 'server' },
    })
    try {
      const [owner, ...others] = net.nodes as [LocalNode, ...LocalNode[]]
      const { queries } = corpus
      log(`${corpus.name}, ${queries.length} queries`)
      const lines = readFileSync(corpus.file, 'utf8').trim().split('\n')
      const part = path.join(directory, 'part.jsonl')
      await writeFile(part, lines.slice(0, EMBEDDED).join('\n'))
      const words: Setup = { name: 'words', mode: 'lexical', file: corpus.file, encoder: { encoder: null } }
      const central = await measure(owner, words, queries, context)
      await measure(owner, { name: 'vectors', mode: 'hybrid', file: part, encoder: {} }, queries, context)

      await others[0]!.kill()
      const one = await ask(owner, queries, words)
      const lost = one.answers.filter(({ missing }) => missing.length > 0).length
      report({
        case: 'one killed: answers that lack something',
        value: lost,
        unit: 'answers',
        better: 'lower',
        bar: 0,
      })
      report({
        case: 'one killed: answered as one index does',
        value: sameShare(one, central),
        unit: 'share',
        better: 'higher',
        bar: 1,
      })
      report({
        case: 'one killed: slowest query',
        value: one.tookMs.at(-1)!,
        unit: 'ms',
        better: 'lower',
        bar: DEADLINE_BAR_MS,
      })

      await Promise.all([others[1]!.kill(), others[2]!.kill()])
      const three = await ask(owner, queries, words)
      const { missingSegments } = await known(owner, words.name)
      const named = three.answers.filter(
        ({ missing }) => missing.reduce((sum, { segments }) => sum + segments, 0) > 0,
      ).length
      log(
        `three killed: ${missingSegments} segments have no holder; ${named} of ${three.answers.length} answers name some`,
      )
      report({
        case: 'three killed: slowest query',
        value: three.tookMs.at(-1)!,
        unit: 'ms',
        better: 'lower',
        bar: DEADLINE_BAR_MS,
      })
      report({
        case: 'three killed: answers that say what is missing',
        value: missingSegments === 0 ? 1 : named / three.answers.length,
        unit: 'share',
        better: 'higher',
        bar: null,
      })
    } finally {
      await net.stop()
      await rm(directory, { recursive: true, force: true })
    }
    signal.throwIfAborted()
  },
}
