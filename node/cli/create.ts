import type { CommandContext, CommandResult } from './command.ts'

export async function create(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const village = await client.send<{ id: string; name: string }>('POST', '/api/v1/village', {
    name: context.args[0],
    open: context.options.open === true,
  })
  return {
    document: village,
    text: `The village "${village.name}" stands (${village.id}).\nInvite others: village invite --role member --expires 7d`,
  }
}
