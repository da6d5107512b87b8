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
  const progress = context.progress(init.title)
  return jobResult(await waitForJob({ client, progress, signal: context.signal }, job.id))
}
