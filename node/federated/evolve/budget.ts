/** When a run of evolution is over: pure, from what its ledger says. */
import type { JsonObject } from '../../json.ts'
import type { RunSpec } from '../rounds/run-spec.ts'

export interface RunProgress {
  /** Generations that are decided. */
  readonly generations: number
  /** Candidates that were scored, each genome once. */
  readonly evaluations: number
  readonly elapsedMs: number
  readonly joules: number
  /** Best mean score of each generation, in order; null: nobody scored any. */
  readonly best: readonly (number | null)[]
}

export type LimitName = 'generations' | 'evaluations' | 'duration' | 'energy' | 'plateau'

export interface LimitReached extends JsonObject {
  readonly limit: LimitName
  /** What was allowed and what there is, in the unit of the limit. */
  readonly allowed: number
  readonly reached: number
}

/** Generations since the best score was last surpassed by more than `minGain`: creeping gains add up until they count. */
export function generationsWithoutGain(best: readonly (number | null)[], minGain: number): number {
  let reference: number | null = null
  let since = 0
  for (const value of best) {
    if (value !== null && (reference === null || value > reference + minGain)) {
      reference = value
      since = 0
    } else since += 1
  }
  return since
}

/** The first limit that the run has reached after a generation, in a fixed order; null: it goes on. */
export function limitReached(limits: RunSpec['limits'], progress: RunProgress): LimitReached | null {
  const rows: readonly (readonly [LimitName, number | null, number])[] = [
    ['generations', limits.generations, progress.generations],
    ['evaluations', limits.evaluations, progress.evaluations],
    ['duration', limits.durationMs, progress.elapsedMs],
    ['energy', limits.joules, progress.joules],
    ['plateau', limits.plateau, generationsWithoutGain(progress.best, limits.minGain)],
  ]
  for (const [limit, allowed, reached] of rows)
    if (allowed !== null && reached >= allowed) return { limit, allowed, reached }
  return null
}
