import { ERRORS, isErrorCode } from '../errors.ts'
import { bytes, counted, duration, facts, percent, short, table, time } from './format.ts'
import { resultText } from './result-text.ts'
import type { JobView } from './wait-job.ts'

/** What to do about an error; nothing for the code of a newer daemon. */
const fixOf = (code: string): [string, string][] => (isErrorCode(code) ? [['fix', ERRORS[code].fix]] : [])

/** One job for people: its facts, who did what, and its result. */
export function jobText(job: JobView): string {
  const busyMs = Object.values(job.shares).reduce((sum, share) => sum + share.busyMs, 0)
  const shares = Object.entries(job.shares).sort((a, b) => b[1].tasks - a[1].tasks)
  const parts = [
    facts([
      ['job', job.id],
      ['kind', job.kind],
      [
        'state',
        job.total === 0
          ? `${job.state}${job.stage === null ? '' : ` (${job.stage})`}`
          : `${job.state} (${job.stage === null ? '' : `${job.stage}: `}${job.done} of ${counted(job.total, 'task')})`,
      ],
      ['priority', String(job.priority)],
      ['submitted', time(job.createdAtMs)],
      ...(job.finishedAtMs === null
        ? []
        : ([['took', duration(job.finishedAtMs - job.createdAtMs)]] as [string, string][])),
      ...(job.doubt === null
        ? []
        : ([
            [
              'doubtful',
              `${counted(job.doubt.tasks, 'result')} ${job.doubt.tasks === 1 ? 'rests' : 'rest'} on the word of ${job.doubt.peers.map(short).join(', ')}, caught lying since: run it again`,
            ],
          ] as [string, string][])),
      ...(job.error === null
        ? []
        : ([['error', `${job.error.code}: ${job.error.message}`], ...fixOf(job.error.code)] as [
            string,
            string,
          ][])),
    ]),
  ]
  if (shares.length > 0)
    parts.push(
      table(
        ['PEER', 'TASKS', 'BUSY', 'OUTPUT', 'SHARE'],
        shares.map(([peer, share]) => [
          short(peer),
          String(share.tasks),
          duration(share.busyMs),
          bytes(share.bytes),
          busyMs === 0 ? '' : percent(share.busyMs / busyMs),
        ]),
      ),
    )
  if (job.result !== null) parts.push(resultText(job.kind, job.result))
  return parts.join('\n\n')
}
