/**
 * What a search strategy is: a pure state machine over genomes. Every member of a run computes it alike from the ledger, so it takes its
 * randomness from the seed by counter (compute/training/philox.ts), uses only operations that IEEE 754 rounds alike everywhere (no
 * Math.exp, pow, log, sin of the language: evolve/exact-math.ts), and its state is plain JSON.
 */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { OptionFields } from './option-fields.ts'

/** A candidate in its smallest form: what travels. Canonical JSON of at most MAX_GENOME_BYTES. */
export type Genome = JsonObject
export const MAX_GENOME_BYTES = 1_024

/**
 * How genomes of one kind look to a strategy: a vector of numbers, each in [0, 1], that the kind turns into a genome and back. Decoding a
 * vector always gives a valid genome (continuous genes scaled, choices by interval); encoding is exact on what decode gives.
 */
export interface GenomeSpace {
  readonly dimensions: number
  /** Genes that belong together (a layer, a block) for crossover: indexes of first genes, ascending, beginning with 0. */
  readonly groups: readonly number[]
  /** Known good starting points: parents, one-shot recipes. At least one. */
  readonly seeds: readonly Genome[]
  /** What each seed is, for people; absent: its genome says it. */
  readonly seedNames?: readonly string[]
  decode(genes: readonly number[]): Genome
  encode(genome: Genome): number[]
  /** For quality diversity: behaviour in [0, 1]^n by what a genome scored, or of the genome itself. Null: it has none. */
  describe(genome: Genome, itemScores: readonly number[]): readonly number[] | null
}

export interface ScoredCandidate {
  readonly slot: number
  readonly genome: Genome
  /** By item, 0 to 1, higher is better; null: nobody could score it. */
  readonly itemScores: readonly number[] | null
  /** Higher is better; the first is the mean of the item scores. */
  readonly objectives: readonly number[]
  /** Elites and parents keep the id under which they were scored first: `<generation>.<slot>`. */
  readonly id: string
}

export interface SearchContext {
  readonly space: GenomeSpace
  readonly seed: number
  readonly population: number
}

/** What a proposed slot came from: for the lineage. */
export interface Origin {
  /** Ids of parents. */
  readonly parents: readonly string[]
  /** `seed`, `mutation`, `crossover`, `sample`, `elite`, or what the strategy calls it. */
  readonly by: string
}

export interface Proposal {
  readonly genome: Genome
  readonly origin: Origin
}

export interface SearchStrategy {
  readonly name: string
  /** What its options are, for the documents. */
  readonly fields: OptionFields
  /** Checks what comes from a file or a peer, fills in defaults. Throws INVALID_ARGUMENT naming the option. */
  parseOptions(input: unknown): JsonObject
  start(context: SearchContext, options: JsonObject): JsonValue
  /** The genomes of the next generation by slot, exactly `population`: deterministic in the state, which counts the generations itself. */
  ask(context: SearchContext, options: JsonObject, state: JsonValue): Proposal[]
  /** The state after a generation; `scored` has a row for each slot, in the order of the slots. */
  tell(
    context: SearchContext,
    options: JsonObject,
    state: JsonValue,
    scored: readonly ScoredCandidate[],
  ): JsonValue
}
