/** Accepted results as a running job keeps them: their bytes are read from the store or the artifacts when they are needed. */
import { VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { PlannedTask, TaskResult } from './job.ts'
import { readResult } from './outputs.ts'
import type { JobQueue, ResultRecord } from './queue.ts'

/** An object of its own for each acceptance: a result that is taken back and computed again is another. */
export type KeptResult = Omit<ResultRecord, 'inline'> & { readonly task: number }

export function keepResult(task: number, { inline: _inline, ...rest }: ResultRecord): KeptResult {
  return { ...rest, task }
}

/** The result as the kind of the job sees it. */
export function taskResult(
  { queue, artifacts }: { queue: Pick<JobQueue, 'getResult'>; artifacts: Pick<Artifacts, 'read'> },
  init: { job: string; task: PlannedTask; kept: KeptResult; ahead: JsonObject | null },
): TaskResult {
  const { job, task, kept, ahead } = init
  const read = async () => {
    const stored = await queue.getResult(job, kept.task)
    if (stored === undefined) throw new VillageError('DATA_CORRUPT', 'The result of a task is gone')
    return readResult(artifacts, stored)
  }
  return { task, stats: kept.stats, ahead, read }
}
