/** `village evolve`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

export const EVOLVE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'evolve run',
    isDefault: true,
    group: 'Models and jobs',
    summary: 'Improve models together: candidates are proposed, scored by members, selected and merged.',
    args: [
      [
        '<config>',
        'What is evolved and how (docs/evolve.md): YAML or JSON; `-` reads it from standard input.',
      ],
    ],
    options: [
      { flags: '--name <name>', doc: 'The name of the run, in place of that of the file.' },
      { flags: '--seed <number>', doc: 'Of every random number, in place of that of the file.' },
      {
        flags: '--dry-run',
        doc: 'Check everything and show what would be done: genes, seeds, items, first candidates. Announces nothing.',
      },
      {
        flags: '--measure',
        doc: 'With --dry-run: score one candidate here, for 30 seconds at most, and tell how long the whole takes.',
      },
      { flags: '--wait', doc: 'Follow the run to its end, a line for each generation, and show the report.' },
    ],
    load: async () => (await import('./evolve.ts')).evolve,
  },
  {
    name: 'evolve report',
    group: 'Models and jobs',
    summary: 'How a run went: curves, lineage, who did what, and whether the winner is better.',
    args: [['<run>', 'Id of a run, or its beginning.']],
    options: [
      { flags: '--html <file>', doc: 'Write it as one page with charts, which needs nothing else.' },
      { flags: '--force', doc: 'Replace a file that exists.' },
    ],
    load: async () => (await import('./evolve-report.ts')).report,
  },
]
