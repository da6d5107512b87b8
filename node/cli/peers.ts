import type { CommandContext, CommandResult } from './command.ts'
import { percent, short, table } from './format.ts'

interface PeerView {
  peer: string
  name: string
  role: string
  latencyMs: number | null
  relayed: boolean
  capabilities: { cores: number; load: number; accepting: boolean; native: boolean } | null
}

export async function peers(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const { peers: list } = await client.get<{ peers: PeerView[] }>('/api/v1/peers')
  return {
    document: { peers: list },
    text:
      list.length === 0
        ? 'No member is connected.'
        : table(
            ['NAME', 'PEER', 'ROLE', 'LATENCY', 'CORES', 'LOAD', 'WORK'],
            list.map(({ name, peer, role, latencyMs, relayed, capabilities }) => [
              name === '' ? role : name,
              short(peer),
              role,
              `${latencyMs === null ? '?' : `${latencyMs.toFixed(1)} ms`}${relayed ? ' relayed' : ''}`,
              capabilities === null ? '?' : `${capabilities.cores}${capabilities.native ? '' : ' (slow)'}`,
              capabilities === null ? '?' : percent(capabilities.load),
              capabilities === null ? '?' : capabilities.accepting ? 'yes' : 'paused',
            ]),
          ),
  }
}
