/** The stages of a job as they are stored: names for ranges of its tasks. */
import type { JsonObject } from '../../json.ts'
import type { FinishedStage, TaskResult } from './job.ts'

export interface StageRecord {
  readonly name: string
  /** Index of its first task; it ends where the next stage begins. */
  readonly from: number
  readonly facts: JsonObject
}

/** Where the stage of a task ends: the index of the first task behind it. */
export function endOfStage(stages: readonly StageRecord[], total: number, task: number): number {
  return stages.find(({ from }) => from > task)?.from ?? total
}

/** The stages that lie within the first `total` tasks. What begins behind them was planned from what is gone. */
export function stagesWithin(stages: readonly StageRecord[], total: number): StageRecord[] {
  return stages.filter(({ from }) => from < total)
}

/** The stages with their results, of which there is one for every task. */
export function finishedStages(
  stages: readonly StageRecord[],
  results: readonly TaskResult[],
): FinishedStage[] {
  return stages.map(({ name, from, facts }, index) => ({
    name,
    facts,
    results: results.slice(from, stages[index + 1]?.from),
  }))
}
