/**
 * Time of a query over 25,000 documents in one thread, warm. Two collections: generated words by Zipf's law with short queries, and,
 * where the data is, abstracts recombined from SciFact's sentences with its own queries, which are whole sentences with all
 * their common words. A query's time is the median of some rounds, so that what else the machine does is left out.
 */
import { existsSync } from 'node:fs'
import { percentile } from '../../node/agents/rag/query/evaluate-ranking.ts'
import { planQuery } from '../../node/agents/rag/query/plan-query.ts'
import { rankPassages } from '../../node/agents/rag/query/rank-passages.ts'
import type { SearchMode } from '../../node/agents/rag/query/search-options.ts'
import type { EmbedTexts } from '../../node/agents/rag/vectors/embed-passages.ts'
import {
  type JudgedDocument,
  judgedFiles,
  readJudgedDocuments,
  readJudgedQueries,
} from '../../node/compute/evaluate/judged-collection.ts'
import { seededRandom } from '../../node/compute/evaluate/seeded-random.ts'
import type { BenchContext } from './bench.ts'
import type { RagCase } from './rag.ts'
import { createGenerator, type Generator } from './rag-generated.ts'
import { type BenchIndex, judgedFolder, withEncoder, withIndex } from './rag-index.ts'

const DOCUMENTS = 25_000
const QUERIES = 200
const ROUNDS = 5
const SEED = 7

export const latency: RagCase = {
  name: 'latency',
  title: 'time of a query over 25,000 documents, one thread, warm',
  async run(context) {
    await withEncoder(async (embed, directory) => {
      const { dims } = await embed(['a'])
      const generator = createGenerator({ seed: SEED, dims, chunksPerDocument: 1, wordsPerChunk: 200 })
      const generated = Array.from({ length: QUERIES }, (_, at) => generator.query(at).words.join(' '))
      const common = { directory, embed, dims, vectorsOf: (at: number) => generator.document(at).vectors! }
      const written = { ...common, name: 'generated', documents: generatedDocuments(generator) }
      await withIndex(context, written, (index) => measure(context, 'generated', index, embed, generated))
      const folder = judgedFolder('scifact')
      if (!existsSync(folder)) return context.log('skipped: no data (scifact)')
      const files = judgedFiles(folder, { needsCorpus: true })
      const corpus = readJudgedDocuments(files.corpus)
      const known = new Set(corpus.map(({ id }) => id))
      const asked = readJudgedQueries(files, (id) => known.has(id)).slice(0, QUERIES)
      const texts = asked.map(({ text }) => text)
      const real = { ...common, name: 'abstracts', documents: recombined(corpus) }
      await withIndex(context, real, (index) => measure(context, 'SciFact recombined', index, embed, texts))
    }, context.signal)
  },
}

function generatedDocuments(generator: Generator): JudgedDocument[] {
  return Array.from({ length: DOCUMENTS }, (_, at) => {
    const { record, chunks } = generator.document(at)
    return { id: record.id, title: record.title ?? '', text: chunks[0]!.text }
  })
}

/** The corpus itself, then documents whose sentences come from three of its documents. */
function recombined(corpus: readonly JudgedDocument[]): JudgedDocument[] {
  const random = seededRandom(SEED)
  const sentences = corpus.map(({ text }) => text.split(/(?<=[.!?])\s+/))
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!
  const documents = [...corpus]
  while (documents.length < DOCUMENTS) {
    const parents = [pick(sentences), pick(sentences), pick(sentences)]
    const text = parents.flatMap((own) => own.filter(() => random() < 1 / 3)).join(' ')
    documents.push({ id: `variant ${documents.length}`, title: pick(corpus).title, text })
  }
  return documents.slice(0, DOCUMENTS)
}

async function measure(
  { report, signal, log }: BenchContext,
  title: string,
  index: BenchIndex,
  embed: EmbedTexts,
  queries: readonly string[],
): Promise<void> {
  const { search, backend, collection } = index
  const time = async (name: string, bar: number | null, work: (text: string) => Promise<unknown>) => {
    const medians: number[] = []
    const all: number[] = []
    for (const text of queries) {
      const times: number[] = []
      await work(text)
      for (let round = 0; round < ROUNDS; round++) {
        signal.throwIfAborted()
        const startedAt = performance.now()
        await work(text)
        times.push(performance.now() - startedAt)
      }
      medians.push(percentile(times, 0.5))
      all.push(...times)
    }
    log(
      `${title}, ${name}: p50 ${percentile(all, 0.5).toFixed(2)} ms, p99 ${percentile(all, 0.99).toFixed(2)} ms of all runs`,
    )
    report({
      case: `${title}: ${name}, p95`,
      value: percentile(medians, 0.95),
      unit: 'ms',
      better: 'lower',
      bar,
    })
  }
  const rank = (mode: SearchMode) => async (text: string) => {
    const plan = planQuery({ text, collections: [collection], mode, syntax: 'plain' })
    const vector =
      plan.encoder === null ? Promise.resolve(null) : embed([text]).then(({ vectors }) => vectors)
    await rankPassages(backend, { plan, vector, feedback: false, weightOf: () => 0.5 }, signal)
  }
  const whole = (mode: SearchMode, feedback: boolean) => (text: string) =>
    search.search(backend, { text, collections: [collection], mode, feedback, syntax: 'plain' }, signal)
  await time('lexical ranking', 1, rank('lexical'))
  await time('lexical search with passages and snippets', null, whole('lexical', false))
  await time('embedding of a query', null, (text) => embed([text]))
  await time('hybrid ranking with embedding', 20, rank('hybrid'))
  await time('hybrid search with embedding, passages and snippets', 20, whole('hybrid', false))
  await time('hybrid search with feedback', null, whole('hybrid', true))
}
