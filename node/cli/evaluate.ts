import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import { submitJob } from './submit-job.ts'

export async function evaluate(context: CommandContext): Promise<CommandResult> {
  return submitJob(context, {
    kind: 'evaluate',
    title: 'evaluate',
    params: { models: [...context.args], suite: optionText(context, 'suite') ?? '' },
  })
}
