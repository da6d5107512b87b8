import type { CommandContext, CommandResult } from './command.ts'
import { short, table, time } from './format.ts'

export interface MemberView {
  peer: string
  name: string
  role: string
  joinedAtMs: number
  revoked: { atMs: number; reason: string } | null
  leftAtMs: number | null
  connected: boolean
  self: boolean
}

export async function members(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { members: list } = await client.get<{ members: MemberView[] }>('/api/v1/members')
  const state = (member: MemberView) =>
    member.revoked !== null
      ? `revoked ${time(member.revoked.atMs)}`
      : member.leftAtMs !== null
        ? `left ${time(member.leftAtMs)}`
        : member.self
          ? 'this node'
          : member.connected
            ? 'connected'
            : 'away'
  return {
    document: { members: list },
    text:
      list.length === 0
        ? 'This node is in no village.'
        : table(
            ['NAME', 'PEER', 'ROLE', 'JOINED', 'STATE'],
            list.map((member) => [
              member.name === '' ? member.role : member.name,
              short(member.peer),
              member.role,
              // A guest is on no roster: when it came is not known.
              member.joinedAtMs === 0 ? '-' : time(member.joinedAtMs),
              state(member),
            ]),
          ),
  }
}
