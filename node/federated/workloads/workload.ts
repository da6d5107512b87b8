/**
 * What can be evolved: a row states how a genome becomes something that can be scored on this node, and how the winner is built. What a
 * genome is worth is computed by each scorer on its own machine from artifacts that it holds; only genomes and scores travel.
 */

import type { Models } from '../../compute/models/registry.ts'
import type { Pool } from '../../compute/pool.ts'
import type { JsonObject } from '../../json.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Genome, GenomeSpace } from '../evolve/strategy.ts'
import type { FederatedOperations } from '../operations.ts'

/** How knowledge is searched: what the workload `agent` evolves. */
export interface SearchSettings extends JsonObject {
  /** Share of the vectors in the fused scores, 0 to 1. */
  readonly weight: number
  /** Whether words of the best passages are added to the query. */
  readonly feedback: boolean
  /** How many each ranker puts up for fusion. */
  readonly candidates: number
}

/** Of the domain above, handed in by the daemon: this one knows nothing of searching. */
export interface SearchScoring {
  /** nDCG@10 of each of the queries, in their order. `folder` is in BEIR's layout; its index stays for a while. */
  score(
    folder: string,
    settings: SearchSettings,
    queries: readonly string[],
    signal: AbortSignal,
  ): Promise<Float32Array>
}

export interface WorkloadContext {
  readonly artifacts: Pick<Artifacts, 'fetch' | 'materialize' | 'read' | 'has' | 'addPath' | 'pin' | 'unpin'>
  readonly models: Pick<Models, 'need' | 'get' | 'register'>
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
  readonly modelsDirectory: string
  /** For candidates that are being scored; emptied at the start. */
  readonly workDirectory: string
  readonly log: Log
  /** Only the workload `agent` needs it. */
  readonly search?: SearchScoring
}

/**
 * Which items: what selection sees, what chooses among the best few that came of it, or what only the claim of the winner rests on. Where
 * there are none for validation, the best by selection wins.
 */
export type ItemSplit = 'selection' | 'validation' | 'final'

export interface WorkloadScore {
  /** By item of the split, 0 to 1. */
  readonly itemScores: Float32Array
  readonly joules: number
  readonly busyMs: number
}

export interface Workload {
  readonly kind: string
  /** Options from a config (models by id or CID) or from an announcement (by CID only). Throws INVALID_ARGUMENT naming the field. */
  parseOptions(input: unknown): JsonObject
  /**
   * On the announcer, once: ids become CIDs, items are split into selection and final by a hash of their content, everything that scoring
   * depends on becomes an artifact or part of the options. What it returns is what is announced.
   */
  settle(options: JsonObject, context: WorkloadContext, signal: AbortSignal): Promise<JsonObject>
  /** Pure: from settled options alone. */
  space(options: JsonObject): GenomeSpace
  /** Items of a split, from settled options alone; the length of every score vector. None only for validation. */
  items(options: JsonObject, split: ItemSplit): number
  /** How finely a score is told: 1 bit where it is right or wrong, 8 where it is a share. */
  readonly scoreBits: 1 | 8
  /** How far two honest machines may be apart: the share of items, and on an item the steps of a quantised score (scoring/judge.ts). */
  readonly tolerance: { readonly share: number; readonly closeness: number }
  /** Whether build() makes a model; false: the winning genome itself is the result. */
  readonly builds: boolean
  /** CIDs that a scorer needs, fetched before it joins. */
  inputs(options: JsonObject): string[]
  /** Objectives besides the mean score, from the genome alone (size, kept share …): every member computes them. Higher is better. */
  objectives(options: JsonObject, genome: Genome): readonly number[]
  /** Throws INVALID_ARGUMENT for a genome that is not of this space, whatever a peer sent. */
  checkGenome(options: JsonObject, genome: Genome): void
  score(
    options: JsonObject,
    genome: Genome,
    split: ItemSplit,
    context: WorkloadContext,
    signal: AbortSignal,
  ): Promise<WorkloadScore>
  /**
   * Builds the winner and adds it as an artifact; the same genome gives the same CID on every machine. Null where the winner is no model
   * (agent settings): the genome itself is the result.
   */
  build(
    options: JsonObject,
    genome: Genome,
    context: WorkloadContext,
    init: { readonly id: string; readonly pin: string },
    signal: AbortSignal,
  ): Promise<{ readonly cid: string; register(): Promise<string> } | null>
}
