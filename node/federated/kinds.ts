/** Kinds of jobs and tasks of this domain; the daemon hands them to the jobs beside those of compute/. */
import type { JobKind } from '../compute/jobs/job.ts'
import type { Pool } from '../compute/pool.ts'
import type { TaskKind } from '../compute/tasks/task.ts'
import type { FederatedOperations } from './operations.ts'

export interface KindComponents {
  readonly pool: Pick<Pool<FederatedOperations>, 'run'>
}

export const federatedTaskKinds = (_components: KindComponents): readonly TaskKind[] => []

export const federatedJobKinds = (_components: KindComponents): readonly JobKind[] => []
