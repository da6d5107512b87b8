/**
 * What every member knows about a run: the fold of its ledger (apply-block.ts). Plain JSON, never sent, always recomputed or read from a
 * checkpoint of one's own.
 */
import type { JsonObject, JsonValue } from '../../json.ts'
import type { LimitReached } from '../evolve/budget.ts'
import type { Genome, Origin } from '../evolve/strategy.ts'
import type { Committee } from '../ledger/committee.ts'
import type { Reputation } from '../scoring/reputation.ts'
import type { ItemSplit } from '../workloads/workload.ts'
import type { RunSpec } from './run-spec.ts'

/**
 * `announced`: members join. `proposing`: owners of slots may replace what the strategy proposes. `commit`, `reveal`: the two halves of
 * a stage of scoring. `merging`: members build the winner. `published` and `ended` are final.
 */
export type Phase = 'announced' | 'proposing' | 'commit' | 'reveal' | 'merging' | 'published' | 'ended'

export type EndReason =
  | 'stopped'
  | 'no-scores'
  /** The best that there is, is what the run began with. */
  | 'no-gain'
  /** Members that built the winner do not agree on what it is. */
  | 'build-disagreement'

export interface Participant {
  readonly joinedGeneration: number
  /** Takes part no more: `left` by its own word, `away` for what it did not do, `lied` by proof. It may join again, unless it lied. */
  readonly gone: 'left' | 'away' | 'lied' | null
  /** Duties that it let pass since it last did one. */
  readonly missed: number
  /** The generation before which it was sent away; null: it was not. */
  readonly awayGeneration: number | null
  /** Proposals of its own that more members than can lie could not score. */
  readonly unscorable: number
  /** As it tells itself, like `busyMs`. */
  readonly joules: number
  readonly busyMs: number
}

/** What one scorer has said about one slot. `values` is null until it is revealed. */
export interface SlotScore {
  readonly scorer: string
  readonly stage: number
  /** Hex of SHA-256, or null: drawn, and not committed yet. */
  readonly digest: string | null
  /** It says that the candidate cannot be scored: nothing more is owed. */
  readonly isUnscorable: boolean
  /** Base64 of the packed scores (scoring/quantise.ts). */
  readonly values: string | null
  /** As the scorer tells. */
  readonly joules: number
  readonly busyMs: number
}

export interface SlotState {
  readonly slot: number
  readonly id: string
  readonly genome: Genome
  /** SHA-256 of its canonical JSON, hex. */
  readonly hash: string
  readonly origin: Origin
  /** Who put it there in place of the strategy's proposal; '' for nobody. */
  readonly proposer: string
  /** Id of the candidate with the same genome whose scores count here, `<generation>.<slot>`; null: it is scored itself. */
  readonly same: string | null
  readonly scores: readonly SlotScore[]
  /** Base64 of what is believed, or null. */
  readonly accepted: string | null
}

export interface Scoring {
  readonly split: ItemSplit
  readonly stage: number
  /** Hash of the block that opened the stage: draws scorers, and which losing candidates are looked at again. */
  readonly seed: string
}

export interface CandidateRecord {
  readonly id: string
  readonly slot: number
  readonly genome: Genome
  readonly hash: string
  readonly origin: Origin
  readonly proposer: string
  readonly same: string | null
  /** Null: nobody could score it. The first is the mean of the item scores. */
  readonly objectives: readonly number[] | null
  readonly scorers: readonly string[]
}

export interface GenerationRecord {
  readonly generation: number
  readonly startedAtMs: number
  readonly endedAtMs: number
  readonly height: number
  readonly committee: readonly string[]
  readonly candidates: readonly CandidateRecord[]
  readonly stages: number
  /** Candidates that were scored anew. */
  readonly evaluations: number
  readonly joules: number
  readonly busyMs: number
  /** Of this generation. */
  readonly best: { readonly id: string; readonly mean: number } | null
  readonly mean: number | null
}

export interface Lie {
  readonly peer: string
  readonly generation: number
  /** `scores`: outvoted by proof; `equivocation`: two signed votes that exclude each other. */
  readonly kind: 'scores' | 'equivocation'
  readonly slots: readonly number[]
  readonly items: number
}

/** One of the best few of all generations. */
export interface Finalist {
  readonly id: string
  readonly genome: Genome
  readonly hash: string
  readonly selectionMean: number
  /** Base64 of the packed scores of the items of validation, or null. */
  readonly validation: string | null
}

/** One row of the final comparison: on items that chose nothing. */
export interface FinalRecord {
  readonly id: string
  readonly kind: 'winner' | 'seed'
  readonly genome: Genome
  readonly selectionMean: number | null
  /** Base64 of the packed scores of the final items, or null. */
  readonly values: string | null
  readonly objectives: readonly number[] | null
  readonly scorers: readonly string[]
}

export interface RunResult {
  readonly id: string
  readonly genome: Genome
  /** Of the model that was built; null where the winner is no model. */
  readonly cid: string | null
  readonly builders: readonly string[]
}

/** Raised when states of an earlier version of the software cannot be gone on with: checkpoints of another number are not used. */
export const STATE_FORMAT = 2

export interface RunState {
  readonly format: number
  readonly run: string
  readonly announcer: string
  readonly spec: RunSpec
  /** Of the last block; 0 before the first, whose height is 1. */
  readonly height: number
  /** Hash of the last block, hex; before the first that of the announcement. */
  readonly tip: string
  /** Time of the last block; before the first that of the announcement. */
  readonly timeMs: number
  readonly startedAtMs: number | null
  /** Its announcer or an admin begins it with fewer than it would wait for. */
  readonly isStarted: boolean
  readonly isStopped: boolean
  readonly phase: Phase
  /** Time of the block since which the run stands still. */
  readonly pausedAtMs: number | null
  readonly deadlineMs: number | null
  /** Of the phase: beginning of the time that its deadline counts from. */
  readonly phaseAtMs: number
  /** Counts from 0; validation and final comparison are generations of their own. */
  readonly generation: number
  readonly generationAtMs: number
  readonly participants: Readonly<Record<string, Participant>>
  /** By author: the highest sequence number of its statements in the ledger. */
  readonly sequences: Readonly<Record<string, number>>
  readonly reputation: Reputation
  /** Decides about the next block. */
  readonly committee: Committee
  /** Who takes part in this generation, in the order of their ids. */
  readonly roster: readonly string[]
  /** Sent away not long ago: they do nothing, and still count among those of whom some may lie. */
  readonly absent: readonly string[]
  /** Peers that have said what they would in this phase (proposing). */
  readonly spoken: readonly string[]
  readonly search: JsonValue
  readonly slots: readonly SlotState[]
  readonly scoring: Scoring | null
  /** Scores of earlier candidates by genome, oldest first and bounded: hash, id, values. */
  readonly memo: readonly (readonly [hash: string, id: string, values: string])[]
  readonly history: readonly GenerationRecord[]
  readonly lies: readonly Lie[]
  readonly evaluations: number
  readonly joules: number
  /** Of this generation, as far as scorers are believed. */
  readonly work: { readonly joules: number; readonly busyMs: number }
  readonly best: { readonly id: string; readonly mean: number; readonly generation: number } | null
  /** Generations in a row without one usable score. */
  readonly barren: number
  /** Why no further generation is made; null while one may be. */
  readonly stopReason: LimitReached | null
  readonly finalists: readonly Finalist[]
  readonly final: readonly FinalRecord[]
  /** By builder: the CID that it states; `''` where the winner is no model. */
  readonly built: Readonly<Record<string, string>>
  /** Who has to build. */
  readonly builders: readonly string[]
  readonly buildStage: number
  readonly winner: string | null
  readonly result: RunResult | null
  readonly endReason: EndReason | null
  readonly endedAtMs: number | null
}

/** States are JSON: written as it is, and read back without loss. */
export type StoredState = JsonObject

export const isOver = (state: Pick<RunState, 'phase'>): boolean =>
  state.phase === 'published' || state.phase === 'ended'
