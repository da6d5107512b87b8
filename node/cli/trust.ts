/** `village trust` and `village pardon`. */
import type { Client } from '../client.ts'
import type { CommandContext, CommandResult } from './command.ts'
import { short, table, time } from './format.ts'
import { pickId } from './pick.ts'

interface TrustView {
  peer: string
  kind: string
  consecutiveValid: number
  quarantinedUntilMs: number | null
  reason: string | null
}

const read = async (client: Client) => (await client.get<{ trust: TrustView[] }>('/api/v1/trust')).trust

export async function trust(context: CommandContext): Promise<CommandResult> {
  const rows = await read(await context.client())
  return {
    document: { trust: rows },
    text:
      rows.length === 0
        ? 'No peer has given results yet.'
        : table(
            ['PEER', 'KIND', 'VALID IN A ROW', 'QUARANTINED UNTIL', 'WHY'],
            rows.map((row) => [
              short(row.peer),
              row.kind,
              String(row.consecutiveValid),
              row.quarantinedUntilMs === null ? '-' : time(row.quarantinedUntilMs),
              row.reason ?? '',
            ]),
          ),
  }
}

export async function pardon(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const known = [...new Set((await read(client)).map((row) => row.peer))]
  const peer = pickId(known, context.args[0] ?? '', 'peer', 'end')
  await client.send('POST', `/api/v1/trust/${encodeURIComponent(peer)}/pardon`)
  return { document: { pardoned: peer }, text: `${peer} starts anew.` }
}
