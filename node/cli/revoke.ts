import type { CommandContext, CommandResult } from './command.ts'
import { optionText } from './command.ts'
import type { MemberView } from './members.ts'
import { pickId } from './pick.ts'

export async function revoke(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { members } = await client.get<{ members: MemberView[] }>('/api/v1/members')
  const peer = pickId(
    members.map((member) => member.peer),
    context.args[0] ?? '',
    'member',
    'end',
  )
  await client.send('POST', `/api/v1/members/${encodeURIComponent(peer)}/revoke`, {
    reason: optionText(context, 'reason') ?? '',
  })
  return { document: { revoked: peer }, text: `${peer} is revoked.` }
}
