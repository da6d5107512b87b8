/** `village federate` and `village federations`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

const FEDERATION = ['<federation>', 'Id of a federation, or its beginning.'] as const

export const FEDERATE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'federate',
    group: 'Models and jobs',
    summary: 'Train a model on texts of members that never leave their machines.',
    args: [['<config>', 'What is learned and how (docs/federated.md): YAML or JSON.']],
    options: [
      { flags: '--simulate', doc: 'With virtual clients, in this daemon alone.' },
      { flags: '--wait', doc: 'Wait until it has ended, a line for each round.' },
    ],
    load: async () => (await import('./federate.ts')).federate,
  },
  {
    name: 'federations list',
    isDefault: true,
    group: 'Models and jobs',
    summary: 'The federations of this node, and those that it takes part in.',
    load: async () => (await import('./federations.ts')).list,
  },
  {
    name: 'federations show',
    group: 'Models and jobs',
    summary: 'One federation: rounds, clients, bytes, result.',
    args: [FEDERATION],
    options: [{ flags: '--wait', doc: 'Wait until it has ended, a line for each round.' }],
    load: async () => (await import('./federations.ts')).show,
  },
  {
    name: 'federations stop',
    group: 'Models and jobs',
    summary: 'End a federation before its last round.',
    args: [FEDERATION],
    options: [{ flags: '--publish', doc: 'Make what it has learned so far a model.' }],
    load: async () => (await import('./federations.ts')).stop,
  },
  {
    name: 'federations rm',
    group: 'Models and jobs',
    summary: 'Forget a federation; a running one is stopped. Its model stays.',
    args: [FEDERATION],
    load: async () => (await import('./federations.ts')).remove,
  },
]
