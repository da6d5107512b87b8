/** Jobs that have ended: their summaries, and who waits for them. Their artifacts are kept until they are forgotten. */
import type { Events } from '../../events.ts'
import type { Log } from '../../log.ts'
import type { Artifacts } from '../../mesh/artifacts/artifacts.ts'
import type { Models } from '../models/registry.ts'
import { doubtOf, modelDoubt, sameDoubt } from './doubt.ts'
import type { JobDoubt, JobSummary } from './job.ts'
import type { JobQueue, JobRecord } from './queue.ts'
import { summaryOf } from './summary.ts'

export interface FinishedJobs {
  /** Resolves those who wait when `durable` does; the oldest job goes when there are too many. */
  add(record: JobRecord, durable: Promise<void>): void
  get(id: string): JobSummary | null
  ids(): string[]
  /** Resolves when a running job has ended. */
  wait(id: string, signal: AbortSignal): Promise<JobSummary>
  forget(id: string): Promise<void>
  /** Marks the jobs, and the models that they made, that rest on a liar's word by now, and unmarks the others. */
  review(lieAtMs: (peer: string) => number | null): Promise<void>
}

const MAX_FINISHED = 1_000

export function createFinishedJobs(components: {
  queue: Pick<JobQueue, 'remove' | 'update'>
  artifacts: Pick<Artifacts, 'list' | 'unpin'>
  models: Pick<Models, 'doubt'>
  events: Pick<Events, 'emit'>
  log: Log
  dropFiles: (job: string) => Promise<void>
}): FinishedJobs {
  const { queue, artifacts, models, events, log } = components
  const records = new Map<string, JobRecord>()
  /** Last writes of jobs that have just ended: forgetting one waits for them. */
  const writing = new Map<string, Promise<void>>()
  const waiting = new Map<string, Set<(summary: JobSummary) => void>>()

  function summarise(record: JobRecord): JobSummary {
    const done = Object.values(record.shares).reduce((sum, share) => sum + share.tasks, 0)
    return summaryOf(record, done, record.shares, null)
  }

  const pinOf = (id: string) => `job:${id}`

  async function artifactsOf(id: string): Promise<string[]> {
    const infos = await artifacts.list()
    return infos.filter(({ pins }) => pins.includes(pinOf(id))).map(({ cid }) => cid)
  }

  async function forget(id: string): Promise<void> {
    records.delete(id)
    await writing.get(id)
    await queue.remove(id)
    await components.dropFiles(id)
    for (const cid of await artifactsOf(id)) await artifacts.unpin(cid, pinOf(id))
  }

  async function mark(id: string, doubt: JobDoubt | null): Promise<void> {
    await writing.get(id)
    const before = records.get(id)
    if (before === undefined) return // forgotten meanwhile
    const { doubt: _doubt, ...rest } = before
    const record: JobRecord = doubt === null ? rest : { ...rest, doubt }
    records.set(id, record)
    await queue.update(record)
    await models.doubt(await artifactsOf(id), modelDoubt(id, doubt))
    const { kind } = record
    if (doubt !== null) log.warn({ job: id, ...doubt }, 'a finished job rests on the word of a liar')
    events.emit('job:doubted', { job: id, kind, peers: [...(doubt?.peers ?? [])], tasks: doubt?.tasks ?? 0 })
  }

  return {
    add(record, durable) {
      records.set(record.id, record)
      // A failure to write is reported by whoever wrote; the job has ended all the same.
      const written = durable
        .catch(() => undefined)
        .then(() => {
          writing.delete(record.id)
          for (const resolve of waiting.get(record.id) ?? []) resolve(summarise(record))
          waiting.delete(record.id)
        })
      writing.set(record.id, written)
      for (const id of [...records.keys()].slice(0, Math.max(0, records.size - MAX_FINISHED)))
        forget(id).catch((error: unknown) => log.warn({ err: error, job: id }, 'old job not removed'))
    },
    get(id) {
      const record = records.get(id)
      return record === undefined ? null : summarise(record)
    },
    ids: () => [...records.keys()],
    wait(id, signal) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted()
        const listeners = waiting.get(id) ?? new Set()
        waiting.set(id, listeners)
        const settle = (summary: JobSummary) => {
          signal.removeEventListener('abort', abort)
          resolve(summary)
        }
        const abort = () => {
          listeners.delete(settle)
          reject(signal.reason)
        }
        listeners.add(settle)
        signal.addEventListener('abort', abort, { once: true })
      })
    },
    forget,
    async review(lieAtMs) {
      for (const [id, { words, finishedAtMs, doubt = null }] of [...records]) {
        if (words === undefined || finishedAtMs === null) continue
        const found = doubtOf({ words, finishedAtMs }, lieAtMs)
        if (!sameDoubt(found, doubt)) await mark(id, found)
      }
    },
  }
}
