/** How good search is on two judged collections, by ranker. Weights are judged by queries that they were not chosen by. */
import { existsSync } from 'node:fs'
import { evaluateRanking } from '../../node/agents/rag/query/evaluate-ranking.ts'
import { judgedDocumentId } from '../../node/agents/rag/query/judged-index.ts'
import { planQuery } from '../../node/agents/rag/query/plan-query.ts'
import { rankPassages } from '../../node/agents/rag/query/rank-passages.ts'
import { gainsByDocument, type TuningQuery, tuneWeight } from '../../node/agents/rag/query/tune-weight.ts'
import type { EmbedTexts } from '../../node/agents/rag/vectors/embed-passages.ts'
import {
  type JudgedQuery,
  judgedFiles,
  readJudgedDocuments,
  readJudgedQueries,
} from '../../node/compute/evaluate/judged-collection.ts'
import type { BenchContext } from './bench.ts'
import type { RagCase } from './rag.ts'
import { type BenchIndex, judgedFolder, withEncoder, withIndex } from './rag-index.ts'

const COLLECTIONS = [
  { folder: 'scifact', title: 'SciFact', bm25: 0.685 },
  { folder: 'cranfield', title: 'Cranfield', bm25: 0.375 },
] as const

const RANKERS = [
  { name: 'BM25', mode: 'lexical', feedback: false },
  { name: 'vectors', mode: 'vectors', feedback: false },
  { name: 'hybrid, weight 0.5', mode: 'hybrid', feedback: false },
  { name: 'BM25 + feedback', mode: 'lexical', feedback: true },
  { name: 'hybrid, weight 0.5 + feedback', mode: 'hybrid', feedback: true },
] as const

export const quality: RagCase = {
  name: 'quality',
  title: 'nDCG@10 on SciFact and Cranfield: BM25, vectors, hybrid, feedback',
  async run(context) {
    await withEncoder(async (embed, directory) => {
      const { dims } = await embed(['a'])
      for (const collection of COLLECTIONS) {
        const folder = judgedFolder(collection.folder)
        if (!existsSync(folder)) {
          context.log(`skipped: no data (${collection.folder})`)
          continue
        }
        const files = judgedFiles(folder, { needsCorpus: true })
        const documents = readJudgedDocuments(files.corpus)
        const ids = new Map(documents.map(({ id }) => [judgedDocumentId(id), [id]]))
        const known = new Set(documents.map(({ id }) => id))
        const queries = readJudgedQueries(files, (id) => known.has(id))
        const init = { directory, name: collection.folder, documents, embed, dims }
        await withIndex(context, init, (index) =>
          measure(context, collection, { index, queries, embed, idsOf: (id) => ids.get(id) ?? [] }),
        )
      }
    }, context.signal)
  },
}

interface Given {
  readonly index: BenchIndex
  readonly queries: readonly JudgedQuery[]
  readonly embed: EmbedTexts
  readonly idsOf: (document: string) => readonly string[]
}

async function measure(
  { report, signal }: BenchContext,
  { title, bm25 }: (typeof COLLECTIONS)[number],
  { index, queries, embed, idsOf }: Given,
): Promise<void> {
  const figure = (name: string, value: number, bar: number | null) =>
    report({ case: `${title}: ${name}`, value, unit: '', better: 'higher', bar })
  let words = 0
  for (const { name, mode, feedback } of RANKERS) {
    const options = { collections: [index.collection], mode, feedback }
    const ranking = await evaluateRanking(index, { queries, judgedIds: idsOf, options }, signal)
    const [ndcg, recall, reciprocalRank] = ranking.metrics.map(({ value }) => value) as [
      number,
      number,
      number,
    ]
    if (name === 'BM25') words = ndcg
    figure(`${name}, nDCG@10`, ndcg, name === 'BM25' ? bm25 : null)
    if (feedback) continue
    figure(`${name}, recall@100`, recall, null)
    figure(`${name}, MRR@10`, reciprocalRank, null)
  }
  const tuned = tuneWeight(await outcomesOf({ index, queries, embed, idsOf }, signal), {
    current: 0,
    seed: 1,
  })
  figure('hybrid, weight by 5-fold cross-validation, nDCG@10', tuned.heldOut.tuned, words)
  figure('its gain on BM25, low end of the 95% interval', tuned.gain.low, null)
  figure('weight of the vectors that is best by all queries', tuned.best, null)
}

async function outcomesOf(
  { index, queries, embed, idsOf }: Given,
  signal: AbortSignal,
): Promise<TuningQuery[]> {
  const tuning: TuningQuery[] = []
  for (const { text, relevant } of queries) {
    const plan = planQuery({ text, collections: [index.collection], syntax: 'plain' })
    const vector = embed([text]).then(({ vectors }) => vectors)
    const init = { plan, vector, feedback: false, weightOf: () => 0.5 }
    const { outcome } = await rankPassages(index.backend, init, signal)
    tuning.push({ outcome, relevant: gainsByDocument(outcome, relevant, idsOf) })
  }
  return tuning
}
