/** `village agents`, `tools`, `approvals` and `audit`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

const APPROVAL = ['<approval>', 'Id of a call that waits, or its beginning (`village approvals`).'] as const

export const AGENT_COMMANDS: readonly CommandRow[] = [
  {
    name: 'agents',
    group: 'Agents',
    summary: 'The agents of this node, what they are for, and the tools that each has.',
    load: async () => (await import('./agents.ts')).agents,
  },
  {
    name: 'tools list',
    isDefault: true,
    group: 'Agents',
    summary: 'What agents can do: each tool, whether it changes something, and the scope that it needs.',
    load: async () => (await import('./agents.ts')).tools,
  },
  {
    name: 'decisions',
    group: 'Agents',
    summary: 'What King decided, newest first; of one request, all that was weighed.',
    args: [['[request]', 'Id of a request (`village decisions`).']],
    options: [{ flags: '--limit <number>', doc: 'How many at most.', default: '20' }],
    load: async () => (await import('./decisions.ts')).decisions,
  },
  {
    name: 'approvals list',
    isDefault: true,
    group: 'Agents',
    summary: 'Calls of agents that wait for a decision.',
    load: async () => (await import('./approvals.ts')).list,
  },
  {
    name: 'approvals approve',
    group: 'Agents',
    summary: 'Let a call run that waits.',
    args: [APPROVAL],
    load: async () => (await import('./approvals.ts')).approve,
  },
  {
    name: 'approvals deny',
    group: 'Agents',
    summary: 'Refuse a call that waits; its agent goes on without it.',
    args: [APPROVAL],
    load: async () => (await import('./approvals.ts')).deny,
  },
  {
    name: 'audit list',
    isDefault: true,
    group: 'Agents',
    summary: 'Calls of tools: who asked, what was called, who allowed it, what came of it.',
    options: [
      { flags: '--since <duration>', doc: 'Only those of the last 7d, 12h, 90m.' },
      { flags: '--tool <name>', doc: 'Only calls of this tool.' },
      { flags: '--request <id>', doc: 'Only calls of this request.' },
      { flags: '--limit <number>', doc: 'The newest of them.', default: '100' },
    ],
    load: async () => (await import('./audit.ts')).list,
  },
  {
    name: 'audit clear',
    group: 'Agents',
    summary: 'Erase the log of calls.',
    options: [{ flags: '--yes', doc: 'Do not ask.' }],
    load: async () => (await import('./audit.ts')).clear,
  },
]
