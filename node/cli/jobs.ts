/** `village jobs …` */
import type { Client } from '../client.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { percent, short, table, time } from './format.ts'
import { jobText } from './job-text.ts'
import { mergeSubject } from './merge-text.ts'
import { pickId } from './pick.ts'
import { followJob, parsePriority } from './submit-job.ts'
import type { JobView } from './wait-job.ts'

interface TaskView {
  index: number
  kind: string
  state: string
  peers: string[]
  attempts: number
  progress: number
  label: string
}

async function allJobs(client: Client): Promise<JobView[]> {
  return (await client.get<{ jobs: JobView[] }>('/api/v1/jobs?limit=2000&results=false')).jobs
}

/** Page by page: a job may have tens of thousands. */
async function allTasks(client: Client, id: string): Promise<TaskView[]> {
  const tasks: TaskView[] = []
  for (;;) {
    const page = await client.get<{ tasks: TaskView[]; total: number }>(
      `/api/v1/jobs/${id}/tasks?offset=${tasks.length}&limit=10000`,
    )
    tasks.push(...page.tasks)
    if (page.tasks.length === 0 || tasks.length >= page.total) return tasks
  }
}

export async function pickJob(client: Client, given: string): Promise<string> {
  const jobs = await allJobs(client)
  return pickId(
    jobs.map((job) => job.id),
    given,
    'job',
    'start',
    'JOB_UNKNOWN',
  )
}

/** What a job works on, from the parameters of its kind: `encoder int4`, `similarity: a, b`. */
function subject({ kind, params }: Pick<JobView, 'kind' | 'params'>): string {
  if (kind === 'merge') return mergeSubject(params)
  const models = (Array.isArray(params.models) ? params.models : [params.model]).join(', ')
  const { bits } = (params.params ?? {}) as { bits?: unknown }
  // What is cut off at the end should not be the suite, which tells two evaluations of the same models apart.
  if (typeof params.suite === 'string' && Array.isArray(params.models)) return `${params.suite}: ${models}`
  const codec = typeof bits === 'number' ? `${String(params.codec)} ${bits} bits` : params.codec
  return [models, codec].filter((part) => typeof part === 'string' && part !== '').join(' ')
}

export async function list(context: CommandContext): Promise<CommandResult> {
  // Newest first, as in the dashboard.
  const jobs = (await allJobs(await context.client())).toReversed()
  // Most people have no use for priorities, and the column takes room from what a job is about.
  const hasPriorities = jobs.some((job) => job.priority !== 0)
  return {
    document: { jobs },
    text:
      jobs.length === 0
        ? 'No jobs yet: village compress MODEL --codec int4, village evaluate MODEL, or village train MODEL --data FILE'
        : table(
            ['JOB', 'KIND', 'WHAT', 'STATE', 'DONE', ...(hasPriorities ? ['PRIO'] : []), 'SUBMITTED'],
            jobs.map((job) => [
              job.id.slice(0, 12),
              job.kind,
              subject(job),
              job.state,
              job.total === 0 ? '-' : `${job.done}/${job.total}`,
              ...(hasPriorities ? [String(job.priority)] : []),
              time(job.createdAtMs),
            ]),
            // A time without its minutes says nothing.
            { whole: [0, hasPriorities ? 6 : 5] },
          ),
  }
}

export async function show(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const id = await pickJob(client, context.args[0] ?? '')
  if (context.options.wait === true) {
    return followJob(context, client, { id, title: 'job' })
  }
  const [job, tasks] = await Promise.all([client.get<JobView>(`/api/v1/jobs/${id}`), allTasks(client, id)])
  const moving = tasks.filter((task) => task.state === 'leased' || task.state === 'failed')
  const parts = [jobText(job)]
  if (moving.length > 0)
    parts.push(
      table(
        ['TASK', 'STATE', 'PROGRESS', 'HELD BY', 'TRIES', 'WHAT'],
        moving.map((task) => [
          String(task.index),
          task.state,
          percent(task.progress),
          task.peers.map(short).join(', '),
          String(task.attempts),
          task.label,
        ]),
      ),
    )
  return { document: { job, tasks }, text: parts.join('\n\n') }
}

export async function cancel(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const id = await pickJob(client, context.args[0] ?? '')
  await client.send('POST', `/api/v1/jobs/${id}/cancel`)
  return { document: { cancelled: id }, text: `Job ${id} is cancelled.` }
}

export async function retry(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const id = await pickJob(client, context.args[0] ?? '')
  const job = await client.send<JobView>('POST', `/api/v1/jobs/${id}/retry`, {
    resume: context.options.resume === true,
  })
  if (context.options.wait === true) {
    context.note(`Job ${job.id} is submitted.`)
    return followJob(context, client, { id: job.id, title: job.kind })
  }
  return {
    document: job,
    text: `Job ${job.id} is submitted. Follow it: village jobs show ${job.id} --wait`,
  }
}

export async function priority(context: CommandContext): Promise<CommandResult> {
  const value = parsePriority(context.args[1] ?? '')
  const client = await context.client()
  const id = await pickJob(client, context.args[0] ?? '')
  await client.send('PUT', `/api/v1/jobs/${id}/priority`, { priority: value })
  return { document: { job: id, priority: value }, text: `Job ${id} has priority ${value}.` }
}

export async function remove(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const id = await pickJob(client, context.args[0] ?? '')
  await client.send('DELETE', `/api/v1/jobs/${id}`)
  return { document: { removed: id }, text: `Job ${id} is forgotten.` }
}
