/** The commands for keys of the API: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

export const KEY_COMMANDS: readonly CommandRow[] = [
  {
    name: 'key create',
    group: 'Node',
    summary: 'Make a key for a program that talks to this node; it is shown once.',
    args: [['<name>', 'What you call it: a-z, 0-9, ".", "_" and "-".']],
    options: [
      {
        flags: '--scope <scope>',
        doc: 'What it may do: read (see), ask (search, answers, models, agents), operate (jobs, collections, models), admin (everything).',
        default: 'ask',
        values: ['read', 'ask', 'operate', 'admin'],
      },
      {
        flags: '--expires <duration>',
        doc: 'How long it is good for, such as 12h or 90d; by default without end.',
      },
      {
        flags: '--rate <number>',
        doc: 'Requests that it may make in a minute; by default without a limit of its own.',
      },
      { flags: '--requests <number>', doc: 'Requests that it may make in a day (UTC).' },
      {
        flags: '--quota <number>',
        doc: 'Tokens, of prompts and answers together, that it may use in a day (UTC).',
      },
    ],
    load: async () => (await import('./key.ts')).create,
  },
  {
    name: 'key list',
    isDefault: true,
    group: 'Node',
    summary: 'The keys of this node, and what each has used.',
    load: async () => (await import('./key.ts')).list,
  },
  {
    name: 'key revoke',
    group: 'Node',
    summary: 'Revoke a key: it is refused from now on, and what runs under it is stopped.',
    args: [['<key>', 'Name or id of the key.']],
    load: async () => (await import('./key.ts')).revoke,
  },
]
