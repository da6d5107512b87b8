import type { JudgedQuery } from '../../../compute/evaluate/judged-collection.ts'
import { queryScore } from '../../../compute/evaluate/ranking-measures.ts'
import type { Interval } from '../../../compute/evaluate/scores.ts'
import { bootstrapMean } from '../../../compute/evaluate/statistics.ts'
import type { SearchBackend } from '../search-types.ts'
import type { Search } from './search.ts'
import type { SearchOptions } from './search-options.ts'

/** What was measured of one query. */
export interface RankedQuery {
  readonly id: string
  readonly ndcg: number
  readonly recall: number
  readonly reciprocalRank: number
  /** Of the search for ten passages. */
  readonly tookMs: number
}

export interface RankingMetric extends Interval {
  readonly name: 'ndcg@10' | 'recall@100' | 'mrr@10'
  readonly title: string
}

export interface RankingReport {
  readonly metrics: readonly RankingMetric[]
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number }
  readonly queries: readonly RankedQuery[]
}

const SHOWN = 10
const DEEP = 100
const BOOTSTRAP_SEED = 1

/**
 * Asks judged queries as a person would, for ten passages of ten documents, and scores what comes: nDCG@10 and MRR@10, and the time
 * of the search with its snippets. A second search for a hundred gives recall@100. `judgedIds` gives the ids by which
 * judgements name a document; a query that is a document of the collection itself is no answer to itself.
 */
export async function evaluateRanking(
  components: { search: Search; backend: SearchBackend },
  init: {
    queries: readonly JudgedQuery[]
    judgedIds: (document: string) => readonly string[]
    options: Omit<SearchOptions, 'text' | 'limit' | 'perDocument' | 'syntax'>
    onQuery?: (done: number) => void
  },
  signal: AbortSignal,
): Promise<RankingReport> {
  const { search, backend } = components
  const ranked: RankedQuery[] = []
  const ask = async ({ id, text, relevant }: JudgedQuery, limit: number) => {
    const options = { ...init.options, text, limit, perDocument: 1, syntax: 'plain' as const }
    const { hits, tookMs } = await search.search(backend, options, signal)
    const documents = hits.flatMap(({ document }) => {
      const names = init.judgedIds(document)
      if (names.includes(id)) return []
      return [names.find((name) => relevant.has(name)) ?? document]
    })
    return { score: queryScore(id, documents, relevant), tookMs }
  }
  for (const query of init.queries) {
    const shown = await ask(query, SHOWN)
    const deep = await ask(query, DEEP)
    const { score: ndcg, reciprocalRank } = shown.score
    ranked.push({ id: query.id, ndcg, reciprocalRank, recall: deep.score.recall, tookMs: shown.tookMs })
    init.onQuery?.(ranked.length)
  }
  const metric = (
    name: RankingMetric['name'],
    title: string,
    of: (query: RankedQuery) => number,
  ): RankingMetric => ({ name, title, ...bootstrapMean(ranked.map(of), BOOTSTRAP_SEED) })
  const times = ranked.map(({ tookMs }) => tookMs)
  return {
    metrics: [
      metric('ndcg@10', 'nDCG of the first 10', ({ ndcg }) => ndcg),
      metric('recall@100', 'recall in the first 100', ({ recall }) => recall),
      metric('mrr@10', 'mean reciprocal rank in the first 10', ({ reciprocalRank }) => reciprocalRank),
    ],
    latencyMs: { p50: percentile(times, 0.5), p95: percentile(times, 0.95), p99: percentile(times, 0.99) },
    queries: ranked,
  }
}

/** The smallest value that at least this share of all does not exceed; 0 of nothing. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
}
