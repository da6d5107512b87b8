import type { JsonObject, JsonValue } from '../json.ts'
import { bytes, duration, facts, percent, short, table, time } from './format.ts'
import type { JobView } from './wait-job.ts'

/** A value of a job's result in a few characters; what is larger is in --json. */
function brief(value: JsonValue): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(4)
  if (Array.isArray(value)) return `${value.length} entries`
  if (typeof value === 'object' && value !== null) return `${Object.keys(value).length} entries`
  return String(value)
}

/** The plain members of a result, nested ones as `a.b` down to one level. */
function resultRows(result: JsonObject): [string, string][] {
  return Object.entries(result).flatMap(([key, value]): [string, string][] =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.entries(value as JsonObject).map(([inner, item]) => [`${key}.${inner}`, brief(item)])
      : [[key, brief(value)]],
  )
}

/** One job for people: its facts, who did what, and its result. */
export function jobText(job: JobView): string {
  const busyMs = Object.values(job.shares).reduce((sum, share) => sum + share.busyMs, 0)
  const shares = Object.entries(job.shares).sort((a, b) => b[1].tasks - a[1].tasks)
  const parts = [
    facts([
      ['job', job.id],
      ['kind', job.kind],
      ['state', `${job.state} (${job.done} of ${job.total} tasks)`],
      ['priority', String(job.priority)],
      ['submitted', time(job.createdAtMs)],
      ...(job.finishedAtMs === null
        ? []
        : ([['took', duration(job.finishedAtMs - job.createdAtMs)]] as [string, string][])),
      ...(job.error === null
        ? []
        : ([['error', `${job.error.code}: ${job.error.message}`]] as [string, string][])),
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
  if (job.result !== null) parts.push(facts(resultRows(job.result)))
  return parts.join('\n\n')
}
