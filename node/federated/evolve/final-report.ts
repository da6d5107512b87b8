/** The last part of a report: the winner against all seeds on items that selection never saw. Pure. */
import { bootstrapMean } from '../../compute/evaluate/statistics.ts'
import type { JsonObject } from '../../json.ts'
import type { FinalRecord } from '../rounds/run-state.ts'
import { dequantise, unpackScores } from '../scoring/quantise.ts'
import { comparePaired, holm, type PairedComparison } from './paired-test.ts'
import type { ReportInput } from './report.ts'

/** Below this a difference is told apart from chance, after the correction. */
const SIGNIFICANT = 0.05

/** As rounds/finale.ts calls them. */
const SEED_ID = /^seed\.(\d+)$/

interface ScoredRow {
  readonly row: FinalRecord
  readonly scores: readonly number[]
}

const verdictOf = (
  { difference }: PairedComparison,
  adjusted: number,
): 'better' | 'worse' | 'not-told-apart' =>
  adjusted >= SIGNIFICANT ? 'not-told-apart' : difference.value > 0 ? 'better' : 'worse'

const unpacked = (values: string, items: number, bits: 1 | 8): number[] =>
  dequantise(unpackScores(Buffer.from(values, 'base64'), items, bits), bits)

/** Those that the winner was chosen from, on the items that chose it beside those of selection. */
export function finalistRows({ state, scores }: ReportInput): JsonObject[] {
  return state.finalists.map(({ id, genome, selectionMean, validation }) => ({
    id,
    genome,
    selectionMean,
    validation:
      validation === null
        ? null
        : { ...bootstrapMean(unpacked(validation, scores.validationItems, scores.bits), state.spec.seed) },
  }))
}

/**
 * Null before the final scoring. The winner was chosen on other items, so that only its comparisons with the seeds are several: Holm's
 * correction is over these.
 */
export function finalReport(input: ReportInput): JsonObject | null {
  const { state } = input
  const { bits, finalItems } = input.scores
  if (state.final.length === 0) return null
  const { seed } = state.spec
  const scored = state.final.flatMap((row): ScoredRow[] =>
    row.values === null ? [] : [{ row, scores: unpacked(row.values, finalItems, bits) }],
  )
  const winner = scored.find(({ row }) => row.kind !== 'seed')
  const init = { isBinary: bits === 1, seed }
  const compared =
    winner === undefined
      ? []
      : scored
          .filter(({ row }) => row.kind === 'seed')
          .map(({ row, scores }) => ({ row, comparison: comparePaired(scores, winner.scores, init) }))
  const adjusted = holm(compared.map(({ comparison }) => comparison.p))
  const comparisons = compared.map(({ row, comparison }, index) => ({
    seed: row.id,
    ...comparison,
    difference: { ...comparison.difference },
    adjustedP: adjusted[index]!,
    verdict: verdictOf(comparison, adjusted[index]!),
  }))
  const beaten = comparisons.filter(({ verdict }) => verdict === 'better').length
  return {
    items: finalItems,
    correction: 'holm',
    winner: state.winner,
    seeds: input.seeds.length,
    beaten,
    /**
     * Better than every seed, each told apart from chance after the correction. Null: it is better than all that it was compared with, but
     * nobody could score the winner or some of the seeds.
     */
    beatsAllSeeds: beaten < comparisons.length ? false : beaten === input.seeds.length ? true : null,
    rows: state.final.map(({ id, kind, genome, selectionMean, objectives, scorers }) => {
      const scores = scored.find(({ row }) => row.id === id)?.scores
      return {
        id,
        kind,
        name: input.seeds[Number(SEED_ID.exec(id)?.[1] ?? -1)]?.name ?? null,
        genome,
        selectionMean,
        mean: scores === undefined ? null : { ...bootstrapMean(scores, seed) },
        objectives: objectives === null ? null : [...objectives],
        scorers: [...scorers],
      }
    }),
    comparisons,
  }
}
