/** `village merge`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

export const MERGE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'merge',
    group: 'Models and jobs',
    summary: 'Merge models by a recipe in the form of mergekit (docs/merge.md).',
    args: [['[recipe]', 'A YAML file; its models are ids, CIDs, or directories of safetensors.']],
    options: [
      { flags: '--id <id>', doc: 'The short name of the result.' },
      {
        flags: '--replay <model>',
        doc: 'Instead of a recipe: make a merged model again and compare it bit by bit.',
      },
      { flags: '--priority <number>', doc: 'Higher goes first.', default: '0' },
      { flags: '--wait', doc: 'Wait until the job has ended, with a progress bar.' },
    ],
    load: async () => (await import('./merge.ts')).merge,
  },
]
