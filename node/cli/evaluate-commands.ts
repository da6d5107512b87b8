/** The commands that judge models: rows of the table in commands.ts. */
import type { CommandOption, CommandRow } from './commands.ts'

const SUITE_OPTIONS: readonly CommandOption[] = [
  {
    flags: '--suite <name>',
    doc: 'similarity, likelihood, mmlu, gsm8k, humaneval, perplexity, retrieval or custom (docs/evaluate.md); by default one that needs no data.',
  },
  { flags: '--data <path>', doc: 'The data of the suite: a file, or a directory for retrieval.' },
  { flags: '--shots-data <file>', doc: 'Where examples are taken from, for mmlu and gsm8k.' },
  { flags: '--shots <number>', doc: 'Examples in front of each item.' },
  { flags: '--limit <number>', doc: 'Only so many items, evenly spread over the data.' },
  { flags: '--samples <number>', doc: 'Programs that are drawn for each problem of humaneval.' },
  { flags: '--temperature <number>', doc: 'With which they are drawn, by default 0.8; 0 for one sample.' },
  { flags: '--seed <number>', doc: 'Of what is drawn.' },
  { flags: '--max-tokens <number>', doc: 'The longest text that is generated.' },
  {
    flags: '--stride <number>',
    doc: 'Tokens that a window of perplexity moves on by; by default the model’s context.',
  },
]
const PRIORITY: CommandOption = { flags: '--priority <number>', doc: 'Higher goes first.', default: '0' }

export const EVALUATE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'evaluate',
    group: 'Models and jobs',
    summary:
      'Evaluate models (the first is the one that the others are compared with), or search on judged queries.',
    args: [['[model...]', 'Ids of models; with --ranker, the encoder at most.']],
    options: [
      ...SUITE_OPTIONS,
      {
        flags: '--ranker <name>',
        doc: 'With --suite retrieval: not an encoder alone but search itself, bm25, vectors or hybrid.',
      },
      {
        flags: '--collection <name>',
        doc: 'With --suite retrieval: over this collection, not over the documents of --data.',
      },
      { flags: '--feedback', doc: 'With --suite retrieval: add words of the best passages to each query.' },
      {
        flags: '--weight <share>',
        doc: 'With --suite retrieval: share of the vectors in hybrid scores, 0 to 1.',
      },
      PRIORITY,
      { flags: '--wait', doc: 'Wait until the job has ended, with a progress bar.' },
    ],
    load: async () => (await import('./evaluate.ts')).evaluate,
  },
  {
    name: 'compare',
    group: 'Models and jobs',
    summary:
      'Whether the second of two models is better than the first, item by item, and whether that can be told.',
    args: [
      ['<first>', 'Id of a model.'],
      ['<second>', 'Id of a model.'],
    ],
    options: [
      { flags: '--job <job>', doc: 'The finished evaluation that has both, or the first of them.' },
      { flags: '--with-job <job>', doc: 'The finished evaluation that has the second.' },
      ...SUITE_OPTIONS,
      PRIORITY,
    ],
    load: async () => (await import('./compare.ts')).compare,
  },
]
