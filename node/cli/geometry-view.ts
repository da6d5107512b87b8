/** The result of a `geometry` job and the history of a training, as the command line reads them. */
import type { JsonObject } from '../json.ts'

export interface MatrixView {
  readonly name: string
  readonly rows: number
  readonly cols: number
  readonly stableRank: number
  readonly effectiveRank: number | null
  readonly entropy: number | null
  readonly tail: { readonly alpha: number; readonly p: number | null; readonly tail: number } | null
}

export interface LayerView {
  readonly layer: string
  readonly dims: number
  readonly intrinsic: {
    readonly dimension: number | null
    readonly maximumLikelihood: number
    readonly standardError: number
    readonly points: number
  } | null
  readonly principal: {
    readonly participationRatio: number
    readonly directions90: number
    readonly directions99: number
  } | null
}

export interface ModelView {
  readonly model: string
  readonly cid: string
  readonly texts: number
  readonly matrices: readonly MatrixView[]
  readonly layers: readonly LayerView[] | null
}

export interface PairView {
  readonly first: string
  readonly second: string
  readonly alignment: {
    readonly first: readonly string[]
    readonly second: readonly string[]
    readonly debiased: readonly (readonly (number | null)[])[]
    readonly same: readonly { layer: string; linear: number | null; debiased: number | null }[]
  } | null
  readonly barrier: {
    readonly line: readonly { t: number; loss: number }[]
    readonly height: number
    readonly at: number
    /** Tokens that there are; absent in what older daemons have measured. */
    readonly vocabulary?: number
  } | null
  readonly noBarrier: string | null
}

export interface GeometryView {
  readonly models: readonly ModelView[]
  readonly pairs: readonly PairView[]
}

/** A look at a model while it was trained, or at the best candidate of a generation. */
export interface LookView {
  /** Of a training. */
  readonly step?: number
  readonly loss?: number
  readonly heldOutLoss?: number
  readonly grokking?: boolean
  /** Of a run. */
  readonly generation?: number
  readonly id?: string
  readonly mean?: number
  readonly dimension: number | null
  readonly standardError: number | null
  readonly participationRatio: number | null
  readonly stableRank: number | null
  readonly alpha: number | null
}

/** Null for the result of another kind of job, or of a daemon that reports otherwise. */
export function geometryView(result: JsonObject | null): GeometryView | null {
  if (result === null || !Array.isArray(result.models) || !Array.isArray(result.pairs)) return null
  // The shape is that of geometry-job.ts: the daemon that answers is this program.
  return result as unknown as GeometryView
}

/** Whether the tail may be a power law (Clauset et al. 2009, section 4): otherwise its exponent means nothing. */
export const isPowerLaw = (p: number): boolean => p > 0.1

/** A JSON object a line, as training-observer.ts and run-history-job.ts write them. */
export const looksOf = (lines: string): LookView[] =>
  lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LookView)
