/** How a job grows by a stage, and loses the stages that were planned from results which do not count any more. */
import type { ErrorCode } from '../../errors.ts'
import { appendTasks, removeTasks, type TaskShape } from './job-tasks.ts'
import { revokeAll } from './scheduler.ts'
import type { Effect, SchedulerState } from './scheduler-state.ts'

/** More tasks for a job; their `after` counts from the job's first task. */
export function extendJob(state: SchedulerState, id: string, plan: readonly TaskShape[]): void {
  const job = state.jobs.get(id)
  if (job === undefined) return
  // Tasks of another kind have another pace.
  job.paces.length = 0
  appendTasks(job, plan, new Map())
}

/** Takes the tasks from `length` on away, whatever they are at. */
export function truncateJob(state: SchedulerState, id: string, length: number, code: ErrorCode): Effect[] {
  const job = state.jobs.get(id)
  if (job === undefined) return []
  const effects: Effect[] = []
  for (const task of job.tasks.slice(length)) {
    revokeAll(state, task, code, effects)
    for (const { lease } of task.candidates) effects.push({ type: 'dropped', lease })
  }
  removeTasks(job, length)
  job.paces.length = 0
  return effects
}
