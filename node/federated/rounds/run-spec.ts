/**
 * What a run of evolution is: announced once, signed, and never changed. Its id is the hash of the signed announcement, so that a
 * peer which knows the id can check everything else.
 */
import type { JsonObject } from '../../json.ts'

export interface RunSpec extends JsonObject {
  readonly version: 1
  readonly name: string
  /** Which kind of candidate this is about and everything that scoring one depends on, models and items by CID (workloads/). */
  readonly workload: { readonly kind: string; readonly options: JsonObject }
  /** How candidates are made and chosen (evolve/). */
  readonly strategy: { readonly name: string; readonly options: JsonObject }
  /** Of every random number of the run, 0 to 2^53 − 1. */
  readonly seed: number
  /** Candidates of a generation, 1 to 256. */
  readonly population: number
  readonly limits: {
    readonly generations: number
    /** Candidates scored in the whole run, elites that are scored again not counted; null: no limit. */
    readonly evaluations: number | null
    /** Of the clock of the ledger, from the first block. */
    readonly durationMs: number | null
    /** As scorers report it, all together (resources: measured or estimated); null: no limit. */
    readonly joules: number | null
    /** Generations without a gain of more than `minGain` in the best mean; null: never. */
    readonly plateau: number | null
    readonly minGain: number
  }
  /** Participants that must have joined before the first generation begins; the announcer may start it earlier. */
  readonly minimum: number
  /** Scorers by candidate at first; more are drawn where they disagree or where it matters (rounds/judge). */
  readonly scorers: number
  /** Most members that decide about blocks. */
  readonly committee: number
  /** Shortest time that a phase waits for those who owe it something. */
  readonly deadlines: {
    readonly proposeMs: number
    readonly commitMs: number
    readonly revealMs: number
    readonly buildMs: number
  }
  /**
   * Whether the winner is added to the models of members that take part, and under which id: where it beats every seed on the final items,
   * or, with `always`, whatever they say.
   */
  readonly publish: { readonly id: string; readonly always?: true } | null
}
