/** The parts of a run's report that the command line shows (GET /api/v1/runs/RUN/report). */
import type { JsonObject } from '../json.ts'

export interface GenerationView {
  readonly generation: number
  readonly best: number | null
  readonly bestId: string | null
  readonly bestSoFar: number | null
  readonly mean: number | null
  /** Of every candidate that was scored, best first. */
  readonly means: readonly number[]
  readonly candidates: number
  readonly evaluations: number
  readonly stages: number
  readonly elapsedMs: number
  readonly joules: number
  readonly busyMs: number
}

export interface CandidateView {
  readonly id: string
  readonly generation: number
  readonly mean: number
  readonly objectives: readonly number[]
  readonly genome: JsonObject
  readonly by: string
  readonly parents: readonly string[]
  readonly proposer: string
  readonly scorers: readonly string[]
}

export interface LineageView {
  readonly id: string
  readonly generation: number
  readonly by: string
  readonly parents: readonly string[]
  readonly mean: number | null
}

export interface PeerView {
  readonly peer: string
  readonly gone: string | null
  readonly scored: number
  readonly joules: number
  readonly busyMs: number
  readonly doubtful: number
  readonly lies: number
  readonly inBytes: number
  readonly outBytes: number
  readonly bytesPerCandidate: number | null
}

export interface IntervalView {
  readonly value: number
  readonly low: number
  readonly high: number
}

export interface ComparisonView {
  readonly seed: string
  readonly difference: IntervalView
  readonly better: number
  readonly worse: number
  readonly test: string
  readonly p: number
  readonly adjustedP: number
  readonly verdict: 'better' | 'worse' | 'not-told-apart'
}

export interface FinalView {
  readonly items: number
  readonly winner: string | null
  /** That there are, scored or not. */
  readonly seeds: number
  readonly beaten: number
  /** Null: some seed could not be compared, and the winner beats the others. */
  readonly beatsAllSeeds: boolean | null
  readonly rows: readonly {
    readonly id: string
    readonly kind: string
    /** What a seed is: base, parent 2 … */
    readonly name: string | null
    readonly genome: JsonObject
    readonly selectionMean: number | null
    readonly mean: IntervalView | null
    readonly objectives: readonly number[] | null
    readonly scorers: readonly string[]
  }[]
  readonly comparisons: readonly ComparisonView[]
}

export interface ReportView {
  readonly run: string
  readonly name: string
  readonly kind: string
  readonly strategy: { readonly name: string; readonly options: JsonObject }
  readonly population: number
  readonly seed: number
  readonly phase: string
  readonly endReason: string | null
  readonly stopped: { readonly limit: string; readonly allowed: number; readonly reached: number } | null
  readonly startedAtMs: number | null
  readonly elapsedMs: number | null
  readonly height: number
  readonly tip: string
  readonly evaluations: number
  readonly joules: number
  readonly best: { readonly id: string; readonly mean: number; readonly generation: number } | null
  readonly generations: readonly GenerationView[]
  readonly candidates: readonly CandidateView[]
  readonly lineage: { readonly id: string; readonly nodes: readonly LineageView[] } | null
  readonly peers: readonly PeerView[]
  readonly lies: readonly { readonly peer: string; readonly kind: string; readonly generation: number }[]
  /** Those that the winner was chosen from. */
  readonly finalists: readonly {
    readonly id: string
    readonly genome: JsonObject
    readonly selectionMean: number
    readonly validation: IntervalView | null
  }[]
  readonly final: FinalView | null
  /** Name of the seed that has won, where no candidate was better. */
  readonly winnerSeed: string | null
  readonly publish: { readonly id: string; readonly always?: true } | null
  readonly result: {
    readonly id: string
    readonly genome: JsonObject
    readonly cid: string | null
    readonly builders: readonly string[]
  } | null
}
