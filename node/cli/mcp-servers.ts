/** `village tools servers` and `village tools accept`. */
import type { CommandContext, CommandResult } from './command.ts'
import { printable } from './format.ts'

interface ToolView {
  name: string
  description: string
  state: 'ready' | 'changed' | 'gone'
  changedDescription: string | null
  changedFingerprint: string | null
}

interface ServersView {
  servers: {
    name: string
    kind: 'stdio' | 'http'
    state: string
    error: string | null
    tools: ToolView[]
    refused: { tool: string; reason: string }[]
  }[]
}

/** Enough that nobody finds another text with the same ones while the owner reads. */
const SHOWN_DIGITS = 16

function serverText({ name, kind, state, error, tools, refused }: ServersView['servers'][number]): string {
  const lines = [`${name} (${kind}): ${error === null ? state : `${state}, ${error}`}`]
  for (const tool of tools) {
    lines.push(`  ${tool.name}${tool.state === 'ready' ? '' : `  ${tool.state}`}`)
    if (tool.changedDescription !== null)
      lines.push(
        `    was: ${printable(tool.description)}`,
        `    now: ${printable(tool.changedDescription)}`,
        `    village tools accept ${tool.name} ${tool.changedFingerprint?.slice(0, SHOWN_DIGITS) ?? ''}`,
      )
  }
  for (const { tool, reason } of refused) lines.push(`  ${printable(tool)}  refused: ${reason}`)
  return lines.join('\n')
}

export async function servers(context: CommandContext): Promise<CommandResult> {
  const client = await context.client()
  const view =
    context.options.refresh === true
      ? await client.send<ServersView>('POST', '/api/v1/mcp/refresh')
      : await client.get<ServersView>('/api/v1/mcp/servers')
  const text =
    view.servers.length === 0
      ? 'No MCP servers are configured (agents.mcpServers).'
      : view.servers.map(serverText).join('\n\n')
  return { document: view, text }
}

export async function accept(context: CommandContext): Promise<CommandResult> {
  const [name = '', fingerprint = ''] = context.args
  const client = await context.client()
  const tool = await client.send<ToolView>('POST', `/api/v1/tools/${encodeURIComponent(name)}/accept`, {
    fingerprint,
  })
  return { document: tool, text: `${tool.name}: ${printable(tool.description)}` }
}
