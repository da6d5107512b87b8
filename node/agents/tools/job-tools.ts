/** Tools over the job queue of this node. */
import type { JobState } from '../../compute/jobs/job.ts'
import type { JsonObject } from '../../json.ts'
import { AT_ONCE, counted, oneOf, own, takes, tool, whole, words } from './define-tool.ts'
import { jobFigures, jobState } from './job-figures.ts'
import { findJob, type JobComponents, waitForJob } from './run-job.ts'
import type { Tool } from './tool.ts'

const STATES: readonly JobState[] = ['running', 'done', 'failed', 'cancelled']
const LISTED = 20
const MAX_LISTED = 100
const JOB = words('Id of a job, or its beginning.', 128)

export function jobTools(components: JobComponents): Tool[] {
  const { jobs } = components
  return [
    tool<{ state?: JobState; limit?: number }>({
      name: 'job_list',
      description:
        'Lists the newest jobs of this node (compressions, evaluations, trainings, merges), newest first.',
      parameters: takes({
        state: oneOf('Only jobs in this state.', ...STATES),
        limit: whole(`At most so many; ${LISTED} by default.`, 1, MAX_LISTED),
      }),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      async run({ state, limit = LISTED }) {
        const all = jobs.list().filter((job) => state === undefined || job.state === state)
        const shown = all.slice(-limit).reverse().map(jobState)
        return own(counted(all.length, 'job'), { jobs: shown, total: all.length })
      },
    }),
    tool<{ job: string }>({
      name: 'job_show',
      description: 'Shows how far a job is, or what came of it.',
      parameters: takes({ job: JOB }, 'job'),
      effect: 'read',
      scope: 'read',
      cost: AT_ONCE,
      async run({ job: given }) {
        const job = findJob(components, given)
        const content: JsonObject = { ...jobState(job), ...jobFigures(job) }
        return own(`${job.kind} ${job.id} is ${job.state}`, content)
      },
    }),
    tool<{ job: string }>({
      name: 'job_wait',
      description: 'Waits until a job has ended and shows what came of it.',
      parameters: takes({ job: JOB }, 'job'),
      effect: 'read',
      scope: 'read',
      cost: { latencyMs: 60_000, cpuSeconds: 0, leavesNode: false },
      async run({ job: given }, context) {
        const { id } = findJob(components, given)
        // Whoever started it wants it still.
        const job = await waitForJob(components, id, context, { cancelsWithAsker: false })
        return own(`${job.kind} ${id} is done`, { ...jobState(job), ...jobFigures(job) })
      },
    }),
    tool<{ job: string }>({
      name: 'job_cancel',
      description: 'Cancels a running job.',
      parameters: takes({ job: JOB }, 'job'),
      effect: 'change',
      scope: 'operate',
      cost: AT_ONCE,
      async run({ job: given }) {
        const { id } = findJob(components, given)
        await jobs.cancel(id)
        return own(`Job ${id} is cancelled`, { job: id, state: 'cancelled' })
      },
    }),
  ]
}
