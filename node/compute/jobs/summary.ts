/** A job's record as its clients see it. */
import { ERRORS, isErrorCode } from '../../errors.ts'
import type { JobSummary, Share } from './job.ts'
import type { JobRecord, ResultRecord } from './queue.ts'

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
