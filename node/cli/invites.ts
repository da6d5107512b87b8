import type { CommandContext, CommandResult } from './command.ts'
import { table, time } from './format.ts'

interface OpenInviteView {
  id: string
  role: string
  expiresAtMs: number
  uses: number
  used: number
}

export async function invites(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const document = await client.get<{ invites: OpenInviteView[] }>('/api/v1/village/invites')
  const list = document.invites
  return {
    document: { invites: list },
    text:
      list.length === 0
        ? 'No open invites were made on this node: village invite'
        : table(
            ['ID', 'ROLE', 'USED', 'GOOD UNTIL (UTC)'],
            list.map(({ id, role, used, uses, expiresAtMs }) => [
              id,
              role,
              `${used} of ${uses}`,
              time(expiresAtMs),
            ]),
            // `village withdraw` takes the id whole.
            { whole: [0] },
          ),
  }
}
