/** The commands of runs of evolution and their ledgers: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

const RUN = ['<run>', 'Id of a run, or its beginning.'] as const

export const RUN_COMMANDS: readonly CommandRow[] = [
  {
    name: 'rounds list',
    isDefault: true,
    group: 'Models and jobs',
    summary: 'The runs of evolution of this village.',
    load: async () => (await import('./rounds.ts')).list,
  },
  {
    name: 'rounds show',
    group: 'Models and jobs',
    summary: 'One run: its phase, what it waits for, who takes part, what it has cost.',
    args: [RUN],
    load: async () => (await import('./rounds.ts')).show,
  },
  {
    name: 'rounds watch',
    group: 'Models and jobs',
    summary: 'Follow a run until it is over: a line for each change.',
    args: [RUN],
    load: async () => (await import('./rounds-watch.ts')).watch,
  },
  {
    name: 'rounds start',
    group: 'Models and jobs',
    summary: 'Begin a run with the members that have joined.',
    args: [RUN],
    load: async () => (await import('./rounds-control.ts')).start,
  },
  {
    name: 'rounds pause',
    group: 'Models and jobs',
    summary: 'Let a run stand still; its deadlines wait too.',
    args: [RUN],
    load: async () => (await import('./rounds-control.ts')).pause,
  },
  {
    name: 'rounds resume',
    group: 'Models and jobs',
    summary: 'Let a run go on.',
    args: [RUN],
    load: async () => (await import('./rounds-control.ts')).resume,
  },
  {
    name: 'rounds stop',
    group: 'Models and jobs',
    summary: 'End a run without a winner.',
    args: [RUN],
    load: async () => (await import('./rounds-control.ts')).stop,
  },
  {
    name: 'rounds join',
    group: 'Models and jobs',
    summary: 'Take part in a run with this node, whatever its configuration says.',
    args: [RUN],
    load: async () => (await import('./rounds-control.ts')).join,
  },
  {
    name: 'rounds leave',
    group: 'Models and jobs',
    summary: 'Take no part in a run with this node.',
    args: [RUN],
    load: async () => (await import('./rounds-control.ts')).leave,
  },
  {
    name: 'rounds suggest',
    group: 'Models and jobs',
    summary: 'Put a genome of your own into the next slot that belongs to this node.',
    args: [RUN, ['<genome>', 'A JSON file, as genomes look in reports; `-`: standard input.']],
    load: async () => (await import('./rounds-suggest.ts')).suggest,
  },
  {
    name: 'rounds rm',
    group: 'Models and jobs',
    summary: 'Remove a run and its ledger from this node for good; others go on with it.',
    args: [RUN],
    load: async () => (await import('./rounds-control.ts')).remove,
  },
  {
    name: 'ledger list',
    isDefault: true,
    group: 'Models and jobs',
    summary: 'The ledgers of runs that this node keeps.',
    load: async () => (await import('./ledger.ts')).list,
  },
  {
    name: 'ledger show',
    group: 'Models and jobs',
    summary: 'The blocks of a ledger: who said what.',
    args: [RUN],
    options: [
      { flags: '--from <height>', doc: 'The first block.', default: '1' },
      { flags: '--limit <number>', doc: 'How many blocks.', default: '100' },
    ],
    load: async () => (await import('./ledger.ts')).show,
  },
  {
    name: 'ledger verify',
    group: 'Models and jobs',
    summary: 'Verify a ledger: every link, certificate, signature and step of the run.',
    args: [['<run>', 'Id of a run, or its beginning, or a file that was exported.']],
    load: async () => (await import('./ledger.ts')).verify,
  },
  {
    name: 'ledger export',
    group: 'Models and jobs',
    summary: 'Write a ledger to a file that anybody can verify.',
    args: [RUN, ['<file>', 'The file; `-`: standard output.']],
    options: [{ flags: '--force', doc: 'Replace a file that exists.' }],
    load: async () => (await import('./ledger.ts')).exportLedger,
  },
]
