import type { CommandContext, CommandResult } from './command.ts'
import { readStdin } from './stdin.ts'

export async function join(context: CommandContext): Promise<CommandResult> {
  const given = context.args[0] ?? ''
  const invite = (given === '-' ? await readStdin() : given).trim()
  const client = await context.client()
  const village = await client.send<{ id: string; name: string; role: string; members: number }>(
    'POST',
    '/api/v1/village/join',
    { invite },
  )
  return {
    document: village,
    text: `This node is now ${village.role} of "${village.name}" with ${village.members} members.`,
  }
}
