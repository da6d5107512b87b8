import type { CommandContext, CommandResult } from './command.ts'

export async function withdraw(context: CommandContext): Promise<CommandResult> {
  const id = context.args[0] ?? ''
  await (await context.client()).send('DELETE', `/api/v1/village/invites/${encodeURIComponent(id)}`)
  return { document: { withdrawn: id }, text: `Nobody can join by the invite ${id} any more; who did stays.` }
}
