import type { CommandContext, CommandResult } from './command.ts'

export async function dial(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { peer } = await client.send<{ peer: string }>('POST', '/api/v1/peers/dial', {
    address: context.args[0] ?? '',
  })
  return { document: { peer }, text: `Connected to ${peer}.` }
}
