/** What an aggregation rule is: how the updates of a round become one. One file a family, one row each in table.ts. */
import type { UpdateSource } from './update-source.ts'

export interface RuleOption {
  /** Null: chosen from the updates of the round, as `doc` says. */
  readonly default: number | null
  readonly minimum: number
  readonly maximum: number
  readonly integer: boolean
  readonly doc: string
}

export type RuleOptions = Readonly<Record<string, number | null>>

export interface RuleContext {
  /** By client: tokens or examples. Finite, not negative, at least one positive. Only rules with `isWeighted` look at it. */
  readonly weights: readonly number[]
  readonly options: RuleOptions
  /** How many of the clients may send anything at all (f in the papers). */
  readonly adversaries: number
  /** What the round before gave; null in the first. */
  readonly previous: Float32Array | null
}

/** What the rule made of the clients, for the report of the round. Ascending. */
export interface RuleOutcome {
  /** Clients that had no say. Rules that decide by coordinate exclude nobody as a whole. */
  readonly excluded: readonly number[]
  /** Clients whose update was scaled down. */
  readonly clipped: readonly number[]
}

export interface AggregationRule {
  /** As in a configuration. */
  readonly name: string
  readonly title: string
  /** Paper and equation. */
  readonly source: string
  /**
   * What it has to see: `sum` the weighted sum alone (so it goes with secure aggregation), `singles` the update of each client.
   * `bounded-sum` is a sum of updates that each client can bound itself, if the bound is fixed beforehand.
   */
  readonly needs: 'sum' | 'bounded-sum' | 'singles'
  readonly isWeighted: boolean
  /** Whether one adversary alone cannot move the result at will. */
  readonly isRobust: boolean
  readonly options: Readonly<Record<string, RuleOption>>
  /** The fewest clients that stand so many adversaries; Infinity where no number does. */
  minimumClients(adversaries: number): number
  /** Writes the aggregate into `target`. Updates were screened: all values are finite. */
  aggregate(source: UpdateSource, context: RuleContext, target: Float32Array): RuleOutcome
}

export const NOBODY: RuleOutcome = { excluded: [], clipped: [] }
