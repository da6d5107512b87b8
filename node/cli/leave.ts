import type { CommandContext, CommandResult } from './command.ts'

export async function leave(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const document = await client.send(
    'POST',
    `/api/v1/village/leave${context.options.force === true ? '?force=true' : ''}`,
  )
  return { document, text: 'This node is in no village any more.' }
}
