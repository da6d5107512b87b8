import type { Client } from '../client.ts'
import { VillageError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { type JobView, jobResult, waitForJob } from './wait-job.ts'

export function parsePriority(text: string | null): number {
  const priority = Number(text ?? '0')
  if (!Number.isInteger(priority) || Math.abs(priority) > 100)
    throw new VillageError('USAGE', 'A priority is a whole number from -100 to 100')
  return priority
}

/** Waits for a job with a progress bar. Ctrl-C ends the waiting, never the job: it says so and throws ABORTED. */
export async function followJob(
  context: CommandContext,
  client: Client,
  job: { id: string; title: string },
): Promise<CommandResult> {
  const progress = context.progress(job.title)
  try {
    return jobResult(await waitForJob({ client, progress, signal: context.signal }, job.id))
  } catch (error) {
    if (context.signal.aborted)
      throw new VillageError('ABORTED', `Job ${job.id} goes on; \`village jobs cancel ${job.id}\` ends it`, {
        cause: error,
        fields: { job: job.id },
      })
    throw error
  }
}

/** Submits a job and, with --wait, follows it to its end. */
export async function submitJob(
  context: CommandContext,
  init: { kind: string; params: JsonObject; title: string },
): Promise<CommandResult> {
  const priority = parsePriority(optionText(context, 'priority'))
  const client = await context.client()
  const job = await client.send<JobView>('POST', '/api/v1/jobs', {
    kind: init.kind,
    params: init.params,
    priority,
  })
  if (context.options.wait !== true)
    return {
      document: job,
      text: `Job ${job.id} is submitted. Follow it: village jobs show ${job.id} --wait`,
    }
  context.note(`Job ${job.id} is submitted.`)
  return followJob(context, client, { id: job.id, title: init.title })
}
