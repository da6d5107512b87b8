/** How good a ranking is, by what was judged relevant, as trec_eval has it. */
import type { ItemScore } from './item-suite.ts'

const DEPTH_NDCG = 10
const DEPTH_RECALL = 100

export interface QueryScore extends ItemScore {
  readonly recall: number
  /** Over the whole ranking that was given. */
  readonly reciprocalRank: number
}

/** nDCG@10 with linear gains and a discount of log2(rank + 1) (Järvelin and Kekäläinen, 2002), recall@100 and reciprocal rank. */
export function queryScore<D>(
  id: string,
  ranked: readonly D[],
  relevant: ReadonlyMap<D, number>,
): QueryScore {
  const found = ranked.slice(0, DEPTH_RECALL).filter((document) => relevant.has(document)).length
  const first = ranked.findIndex((document) => relevant.has(document))
  return {
    id,
    group: '',
    measure: 'ndcg@10',
    score: ndcg(ranked, relevant),
    weight: 1,
    recall: found / relevant.size,
    reciprocalRank: first === -1 ? 0 : 1 / (first + 1),
  }
}

/** Of the first ten. */
export function ndcg<D>(ranked: readonly D[], relevant: ReadonlyMap<D, number>): number {
  const gains = ranked.slice(0, DEPTH_NDCG).map((document) => relevant.get(document) ?? 0)
  const ideal = [...relevant.values()].sort((a, b) => b - a).slice(0, DEPTH_NDCG)
  return discounted(gains) / discounted(ideal)
}

const discounted = (gains: readonly number[]): number =>
  gains.reduce((sum, gain, rank) => sum + gain / Math.log2(rank + 2), 0)
