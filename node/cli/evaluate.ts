import type { CommandContext, CommandResult } from './command.ts'
import { evaluationParams } from './evaluation-params.ts'
import { submitJob } from './submit-job.ts'

export async function evaluate(context: CommandContext): Promise<CommandResult> {
  return submitJob(context, {
    kind: 'evaluate',
    title: 'evaluate',
    params: await evaluationParams(context, context.args),
  })
}
