/** What the state machine of a run computes with: everything in it is pure and follows from the announcement alone. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../../json.ts'
import type { Genome, GenomeSpace, SearchContext, SearchStrategy } from '../evolve/strategy.ts'
import { dequantise, unpackScores } from '../scoring/quantise.ts'
import type { ItemSplit, Workload } from '../workloads/workload.ts'
import type { RunSpec } from './run-spec.ts'

/** What of a workload the ledger depends on. */
export type PureWorkload = Pick<
  Workload,
  'items' | 'scoreBits' | 'tolerance' | 'builds' | 'objectives' | 'checkGenome'
>

export interface RunRules {
  /** Hex. */
  readonly run: string
  /** With the options of workload and strategy as their rows have parsed them. */
  readonly spec: RunSpec
  readonly space: GenomeSpace
  readonly workload: PureWorkload
  readonly strategy: SearchStrategy
}

export const searchContext = ({ space, spec }: RunRules): SearchContext => ({
  space,
  seed: spec.seed,
  population: spec.population,
})

/** SHA-256 of the canonical JSON, hex: equal genomes are scored once. */
export const genomeHash = (genome: Genome): string =>
  createHash('sha256').update(canonicalJson(genome)).digest('hex')

/** The name of the winner's model, which is in its card: the same on every member, and that of what is published. */
export const builtId = ({ publish }: RunSpec, run: string, winner: string): string =>
  publish?.id ?? `${run}-${winner}`

/** Scores by item from what the state keeps. */
export function scoresOf({ workload, spec }: RunRules, split: ItemSplit, packed: string): number[] {
  const items = workload.items(spec.workload.options, split)
  return dequantise(
    unpackScores(Buffer.from(packed, 'base64'), items, workload.scoreBits),
    workload.scoreBits,
  )
}

/** Added up in the order of the items, so that every member gets the same bits. */
export function meanOf(values: readonly number[]): number {
  let sum = 0
  for (const value of values) sum += value
  return values.length === 0 ? 0 : sum / values.length
}

/** The mean of the item scores, and what the workload tells by the genome. */
export const objectivesOf = (
  { workload, spec }: RunRules,
  genome: Genome,
  scores: readonly number[],
): number[] => [meanOf(scores), ...workload.objectives(spec.workload.options, genome)]
