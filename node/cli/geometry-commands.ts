/** `village geometry`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

export const GEOMETRY_COMMANDS: readonly CommandRow[] = [
  {
    name: 'geometry',
    group: 'Models and jobs',
    summary: 'Measure the geometry of models: dimensions, ranks, spectra, likeness, loss barriers.',
    args: [['[models...]', 'Ids of models; every further one is compared with the first.']],
    options: [
      {
        flags: '--data <file>',
        doc: 'Texts to look at the layers with, one on each line. By default the built-in sentences.',
      },
      { flags: '--texts <number>', doc: 'At most so many texts, by default 512.' },
      {
        flags: '--bootstrap <number>',
        doc: 'Synthetic sets for each goodness of fit, by default 100; 0 for none.',
      },
      {
        flags: '--barrier <number>',
        doc: 'Models on the line between two whose loss is measured, by default 11; 0 for none.',
      },
      { flags: '--seed <number>', doc: 'Of the synthetic sets and random splits, by default 0.' },
      {
        flags: '--history <job or run>',
        doc: 'Show a measurement that has ended, or what a training with --geometry measured; with the id of a run of evolution, measure the best of each generation.',
      },
      { flags: '--html <file>', doc: 'Write a page with charts as well.' },
      { flags: '--force', doc: 'Replace the page if it exists.' },
      { flags: '--priority <number>', doc: 'Higher goes first.', default: '0' },
      { flags: '--wait', doc: 'Wait until the job has ended, with a progress bar.' },
    ],
    load: async () => (await import('./geometry.ts')).geometry,
  },
]
