import { ndcg } from '../../../compute/evaluate/ranking-measures.ts'
import type { Interval } from '../../../compute/evaluate/scores.ts'
import { bootstrapMean } from '../../../compute/evaluate/statistics.ts'
import type { SearchOutcome } from '../search-types.ts'
import { capByDocument, fuseCandidates } from './fuse.ts'

/** What both rankers gave for a judged query. */
export interface TuningQuery {
  readonly outcome: SearchOutcome
  /** Gains by document id. */
  readonly relevant: ReadonlyMap<string, number>
}

export interface TunedWeight {
  readonly current: number
  /** The best by all queries: what is to be used where it gains. */
  readonly best: number
  /** Mean nDCG@10 by weight, over all queries. */
  readonly curve: readonly { readonly weight: number; readonly ndcg: number }[]
  /** Means over queries that had no part in the choice of the weight that they were ranked by. */
  readonly heldOut: {
    readonly current: number
    readonly tuned: number
    readonly lexical: number
    readonly vectors: number
  }
  /** Tuned less current, held out, with its 95% bootstrap interval. */
  readonly gain: Interval
  /** The gain is above 0. */
  readonly isBetter: boolean
  readonly queries: number
  readonly folds: number
}

const STEPS = 20
const FOLDS = 5
const DEPTH = 10
const WEIGHTS = Array.from({ length: STEPS + 1 }, (_, step) => step / STEPS)

/**
 * The share of the vectors with the highest nDCG@10 on judged queries, and what it can be expected to gain on others. By
 * cross-validation (Stone, 1974): queries are dealt out to five folds, each fold is ranked by the weight that was best on the
 * other four, so that no query is judged by a weight which it helped to choose. A curve is smoothed over neighbours first:
 * of two peaks the broad one is believed. Of equals the one nearest to the current weight.
 */
export function tuneWeight(
  queries: readonly TuningQuery[],
  init: { current: number; seed: number },
): TunedWeight {
  const { current, seed } = init
  const table = queries.map((query) => WEIGHTS.map((weight) => quality(query, weight)))
  const now = queries.map((query) => quality(query, current))
  const folds = Math.min(FOLDS, queries.length)
  const tuned = table.map((row, index) => {
    const others = table.filter((_, other) => other % folds !== index % folds)
    return row[bestStep(others.length === 0 ? table : others, current)]!
  })
  const gain = bootstrapMean(
    tuned.map((value, index) => value - now[index]!),
    seed,
  )
  return {
    current,
    best: WEIGHTS[bestStep(table, current)]!,
    curve: WEIGHTS.map((weight, step) => ({ weight, ndcg: meanAt(table, step) })),
    heldOut: {
      current: mean(now),
      tuned: mean(tuned),
      lexical: meanAt(table, 0),
      vectors: meanAt(table, STEPS),
    },
    gain,
    isBetter: gain.value > 0,
    queries: queries.length,
    folds,
  }
}

function quality({ outcome, relevant }: TuningQuery, weight: number): number {
  const ranked = fuseCandidates(outcome, { mode: 'hybrid', weightOf: () => weight })
  const documents = capByDocument(ranked, { perDocument: 1, limit: DEPTH }).map(({ document }) => document)
  return ndcg(documents, relevant)
}

function bestStep(table: readonly (readonly number[])[], current: number): number {
  const means = WEIGHTS.map((_, step) => meanAt(table, step))
  const smooth = means.map((_, step) => mean(means.slice(Math.max(0, step - 1), step + 2)))
  const top = Math.max(...smooth)
  const distance = (step: number) => Math.abs(WEIGHTS[step]! - current)
  return WEIGHTS.map((_, step) => step)
    .filter((step) => smooth[step]! >= top - 1e-9)
    .reduce((best, step) => (distance(step) < distance(best) ? step : best))
}

const meanAt = (table: readonly (readonly number[])[], step: number): number =>
  mean(table.map((row) => row[step]!))
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

/** Gains by the ids of documents that were found; a judged document that was not keeps its name, for it belongs to the ideal. */
export function gainsByDocument(
  outcome: SearchOutcome,
  relevant: ReadonlyMap<string, number>,
  judgedIds: (document: string) => readonly string[],
): Map<string, number> {
  const gains = new Map(relevant)
  for (const { document } of [...outcome.lexical, ...outcome.vectors]) {
    const name = judgedIds(document).find((one) => gains.has(one))
    if (name === undefined || name === document) continue
    gains.set(document, gains.get(name)!)
    gains.delete(name)
  }
  return gains
}
