/** A job that a tool starts: it waits for the end, says how far it is, and ends the job when the asker does not want it any more. */
import type { JobSummary } from '../../compute/jobs/job.ts'
import type { Jobs } from '../../compute/jobs/jobs.ts'
import { isErrorCode, toVillageError, VillageError } from '../../errors.ts'
import type { Events } from '../../events.ts'
import type { JsonObject } from '../../json.ts'
import type { ToolContext } from './tool.ts'

export interface JobComponents {
  readonly jobs: Pick<Jobs, 'submit' | 'list' | 'get' | 'wait' | 'cancel'>
  readonly events: Pick<Events, 'subscribe'>
}

const LEAST_ID = 4

/** Throws JOB_UNKNOWN for an id, or the beginning of one, that names no job or several. */
export function findJob({ jobs }: Pick<JobComponents, 'jobs'>, given: string): JobSummary {
  const whole = jobs.get(given)
  if (whole !== null) return whole
  const [one, another] = given.length < LEAST_ID ? [] : jobs.list().filter((job) => job.id.startsWith(given))
  if (one === undefined || another !== undefined)
    throw new VillageError('JOB_UNKNOWN', undefined, { fields: { job: given.slice(0, 128) } })
  return one
}

/**
 * Resolves with a job that is done. Throws the code of one that failed, JOB_CANCELLED, and the signal's reason: then the job is cancelled
 * where the asker cancelled, and goes on where a bound of time or the end of the daemon did.
 */
export async function waitForJob(
  { jobs, events }: JobComponents,
  id: string,
  context: Pick<ToolContext, 'signal' | 'progress'>,
  init: { cancelsWithAsker: boolean },
): Promise<JobSummary> {
  const { signal } = context
  const tell = (job: Pick<JobSummary, 'kind' | 'done' | 'total' | 'stage'>) =>
    context.progress(`${job.kind} ${id}: ${job.stage ?? 'at work'}, ${job.done} of ${job.total} tasks`)
  const unsubscribe = events.subscribe((event) => {
    if (event.type === 'job:changed' && event.data.job === id && event.data.state === 'running')
      tell(event.data)
  })
  try {
    const job = await jobs.wait(id, { signal })
    if (job.state === 'done') return job
    if (job.state === 'cancelled')
      throw new VillageError('JOB_CANCELLED', `Job ${id} was cancelled`, { fields: { job: id } })
    const code = job.error?.code ?? ''
    throw new VillageError(isErrorCode(code) ? code : 'TASK_FAILED', job.error?.message, {
      fields: { job: id },
    })
  } catch (error) {
    if (!signal.aborted) throw error
    const { code } = toVillageError(signal.reason)
    if (code === 'ABORTED' && init.cancelsWithAsker)
      await jobs.cancel(id).catch((failure: unknown) => {
        // It has ended by itself meanwhile.
        if (toVillageError(failure).code !== 'JOB_FINISHED') throw failure
      })
    throw new VillageError(
      code,
      code === 'ABORTED' && init.cancelsWithAsker ? `Job ${id} was cancelled` : `Job ${id} goes on by itself`,
      { cause: signal.reason, fields: { job: id } },
    )
  } finally {
    unsubscribe()
  }
}

export async function runJob(
  components: JobComponents,
  wish: { readonly kind: string; readonly params: JsonObject },
  context: ToolContext,
): Promise<JobSummary> {
  context.signal.throwIfAborted()
  const { id } = await components.jobs.submit(wish)
  return waitForJob(components, id, context, { cancelsWithAsker: true })
}
