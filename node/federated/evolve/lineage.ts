/** Where a candidate comes from: its ancestors back to the seeds, from the history of a run. Pure. */
import type { JsonObject } from '../../json.ts'
import type { CandidateRecord, GenerationRecord } from '../rounds/run-state.ts'

export interface LineageNode extends JsonObject {
  readonly id: string
  readonly generation: number
  readonly by: string
  readonly parents: readonly string[]
  /** Mean item score; null: nobody scored it. */
  readonly mean: number | null
}

/** Ancestors that are told: what a person can look at. The nearest ones are kept. */
const MAX_ANCESTORS = 400

/** Candidates by their id; one whose genome was known before keeps the id of the first. */
function candidatesById(history: readonly GenerationRecord[]): Map<string, CandidateRecord> {
  return new Map(history.flatMap(({ candidates }) => candidates.map((row) => [row.id, row] as const)))
}

/** The candidate itself first, then its parents, then theirs: nearest first, each once. */
export function lineageOf(history: readonly GenerationRecord[], id: string): LineageNode[] {
  const byId = candidatesById(history)
  const found: LineageNode[] = []
  const seen = new Set([id])
  let level = [id]
  while (level.length > 0 && found.length < MAX_ANCESTORS) {
    const next: string[] = []
    for (const one of level) {
      const row = byId.get(one)
      if (row === undefined || found.length === MAX_ANCESTORS) continue
      const { parents, by } = row.origin
      const generation = Number(one.split('.')[0])
      found.push({ id: one, generation, by, parents: [...parents], mean: row.objectives?.[0] ?? null })
      for (const parent of parents)
        if (!seen.has(parent)) {
          seen.add(parent)
          next.push(parent)
        }
    }
    level = next
  }
  return found
}
