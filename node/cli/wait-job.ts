/** Follows a job by the events until it has ended, with a progress bar. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '../client.ts'
import type { JsonObject } from '../json.ts'
import type { CommandResult } from './command.ts'
import { EXIT_CODES } from './exit-codes.ts'
import { jobText } from './job-text.ts'
import type { Progress } from './progress.ts'
import { createTrainingLine } from './training-text.ts'

const RETRY_MS = 1_000
const FOLLOWED = ['job:changed', 'task:changed', 'training:metrics']

/** The parts of a job that the command line shows (schemas.ts, JOB). */
export interface JobView {
  readonly id: string
  readonly kind: string
  readonly state: 'running' | 'done' | 'failed' | 'cancelled'
  readonly priority: number
  readonly createdAtMs: number
  readonly finishedAtMs: number | null
  readonly total: number
  readonly done: number
  /** What a running job is at. */
  readonly stage: string | null
  readonly params: JsonObject
  readonly result: JsonObject | null
  readonly error: { readonly code: string; readonly message: string } | null
  readonly shares: Readonly<Record<string, { tasks: number; busyMs: number; bytes: number }>>
  /** It rests on results of peers that were caught lying since. */
  readonly doubt: { readonly peers: readonly string[]; readonly tasks: number } | null
}

export async function waitForJob(
  init: { client: Client; progress: Progress; signal: AbortSignal },
  id: string,
): Promise<JobView> {
  const { client, progress, signal } = init
  const running = new Map<number, number>()
  const read = () => client.get<JobView>(`/api/v1/jobs/${id}`)
  let job = await read()
  let lastEventId: string | null = null
  const lineOf = createTrainingLine()
  let training: ReturnType<typeof lineOf> | null = null
  const show = () => {
    if (training !== null) {
      progress.update(training.share, training.text)
      return
    }
    const partial = [...running.values()].reduce((sum, share) => sum + share, 0)
    progress.update(
      job.total === 0 ? 0 : (job.done + partial) / job.total,
      `${job.stage ?? job.state}: ${job.done}/${job.total} tasks`,
    )
  }
  try {
    while (job.state === 'running') {
      show()
      try {
        for await (const event of client.events(FOLLOWED, { lastEventId })) {
          lastEventId = event.id
          const { type, data } = event
          // After `hello` or `gap` events may have been missed: the state itself is asked for. Otherwise the event
          // says enough, until the job has ended.
          if (type === 'hello' || type === 'gap') job = await read()
          else if (data.job !== id) continue
          else if (type === 'training:metrics') training = lineOf(data)
          else if (type === 'task:changed') {
            if (data.state === 'leased') running.set(Number(data.task), Number(data.progress))
            else running.delete(Number(data.task))
          } else if (data.state === 'running')
            job = {
              ...job,
              done: Number(data.done),
              total: Number(data.total),
              stage: typeof data.stage === 'string' ? data.stage : null,
            }
          else job = await read()
          if (job.state !== 'running') break
          show()
        }
      } finally {
        running.clear()
      }
      // The daemon may end the stream of a slow reader; a daemon that is gone makes the next request throw.
      if (job.state === 'running') await sleep(RETRY_MS, undefined, { signal })
    }
    show()
    return job
  } finally {
    progress.stop()
  }
}

export function jobResult(job: JobView): CommandResult {
  return {
    document: job,
    text: jobText(job),
    exitCode:
      job.state === 'failed' || job.state === 'cancelled' ? EXIT_CODES.jobFailed.code : EXIT_CODES.ok.code,
  }
}
