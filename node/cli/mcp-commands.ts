/** `village mcp` and the tools of external MCP servers: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

export const MCP_COMMANDS: readonly CommandRow[] = [
  {
    name: 'mcp',
    group: 'Agents',
    summary:
      'Speak the Model Context Protocol on standard input and output, for programs that start their servers themselves. VILLAGE_KEY in the environment takes a key in the place of the node’s own token.',
    load: async () => (await import('./mcp.ts')).mcp,
  },
  {
    name: 'tools servers',
    group: 'Agents',
    summary: 'MCP servers of the configuration, their state, and tools that wait to be accepted.',
    options: [{ flags: '--refresh', doc: 'Ask every server now what it offers.' }],
    load: async () => (await import('./mcp-servers.ts')).servers,
  },
  {
    name: 'tools accept',
    group: 'Agents',
    summary: 'Take the change of a tool of an MCP server that `village tools servers` shows.',
    args: [
      ['<name>', 'As `village tools` names it.'],
      ['<fingerprint>', 'Of the change, as `village tools servers` shows it.'],
    ],
    load: async () => (await import('./mcp-servers.ts')).accept,
  },
]
