/** Kinds of jobs and tasks of this domain; the daemon hands them to the jobs beside those of compute/. */
import type { JobKind } from '../compute/jobs/job.ts'
import type { Pool } from '../compute/pool.ts'
import type { TaskKind } from '../compute/tasks/task.ts'
import { geometryJob } from './geometry/geometry-job.ts'
import { geometryTask } from './geometry/geometry-task.ts'
import { type RunHistoryComponents, runHistoryJob } from './geometry/run-history-job.ts'
import { mergeJob } from './merge/merge-job.ts'
import { mergeTask } from './merge/merge-task.ts'
import type { FederatedOperations } from './operations.ts'

export interface KindComponents {
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
}

export const federatedTaskKinds = (components: KindComponents): readonly TaskKind[] => [
  geometryTask(components),
  mergeTask(components),
]

export const federatedJobKinds = (components: KindComponents & RunHistoryComponents): readonly JobKind[] => [
  geometryJob(components),
  runHistoryJob(components),
  mergeJob(components),
]
