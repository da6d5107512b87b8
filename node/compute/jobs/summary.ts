/** A job's record as its clients see it. */
import { ERRORS, isErrorCode, type VillageError } from '../../errors.ts'
import { wordsOf } from './doubt.ts'
import type { JobSummary, PlannedTask, Share, TaskSummary } from './job.ts'
import type { ScheduledJob } from './job-tasks.ts'
import type { JobRecord, ResultRecord } from './queue.ts'
import { progressOf, type SchedulerState } from './scheduler-state.ts'

/** What each peer did, by the results that count. */
export function sharesOf(
  results: Iterable<Pick<ResultRecord, 'vouchers' | 'busyMs' | 'sizeBytes'>>,
): Record<string, Share> {
  const shares: Record<string, Share> = {}
  for (const { vouchers, busyMs, sizeBytes } of results) {
    const peer = vouchers[0]!
    shares[peer] ??= { tasks: 0, busyMs: 0, bytes: 0 }
    const share = shares[peer]
    share.tasks += 1
    share.busyMs += busyMs
    share.bytes += sizeBytes
  }
  return shares
}

/** The record of a job that has ended, with what its results say of who did it. */
export function endedRecord(
  record: JobRecord,
  results: readonly Pick<ResultRecord, 'vouchers' | 'exact' | 'busyMs' | 'sizeBytes'>[],
  end: Pick<JobRecord, 'state' | 'result' | 'finishedAtMs'> & { error: VillageError | null },
): JobRecord {
  const { error, ...rest } = end
  return {
    ...record,
    ...rest,
    shares: sharesOf(results),
    ...(end.state === 'done' ? { words: wordsOf(results) } : {}),
    error: error === null ? null : { code: error.code, message: error.message, fields: error.fields },
  }
}

export function summaryOf(
  record: JobRecord,
  done: number,
  shares: Readonly<Record<string, Share>>,
  stage: string | null,
): JobSummary {
  const { order: _order, stages, words: _words, doubt = null, error: failed, ...rest } = record
  const error =
    failed === null
      ? null
      : {
          code: failed.code,
          message: failed.message,
          fix: isErrorCode(failed.code) ? ERRORS[failed.code].fix : null,
          fields: failed.fields ?? {},
        }
  const named = stages.map(({ name, from }) => ({ name, from }))
  return { ...rest, error, done, shares, stage, stages: named, doubt }
}

/** The tasks of a job that the scheduler knows; `plan` says what they are called. */
export function taskSummaries(
  state: SchedulerState,
  job: ScheduledJob | undefined,
  plan: readonly PlannedTask[],
): TaskSummary[] {
  return (job?.tasks ?? []).map((task) => {
    const leases = [...task.leases].map((lease) => state.leases.get(lease)!)
    const progress = progressOf(state, task)
    const { index, kind, attempts } = task
    const peers = leases.map((lease) => lease.peer)
    return { index, kind, state: task.state, peers, attempts, progress, label: plan[index]!.label }
  })
}
