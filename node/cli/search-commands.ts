/** `village search` and `village ask`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'
import { SCOPE_OPTIONS } from './knowledge-scope.ts'

export const SEARCH_COMMANDS: readonly CommandRow[] = [
  {
    name: 'search',
    group: 'Knowledge',
    summary: 'The best passages for a query, here and in the village.',
    args: [
      [
        '<query...>',
        'Words; "a phrase", +must, title:word, heading:word. What begins with a dash (-not) goes after `--`.',
      ],
    ],
    options: [
      { flags: '--limit <number>', doc: 'Passages at most.', default: '10' },
      ...SCOPE_OPTIONS,
      { flags: '--explain', doc: 'Say of every passage how its score came about.' },
    ],
    load: async () => (await import('./search.ts')).search,
  },
  {
    name: 'passage',
    group: 'Knowledge',
    summary: 'The text of one passage, wherever in the village it lies.',
    args: [['<passage>', 'SEGMENT/NUMBER, as `village search --explain` prints it.']],
    options: [
      { flags: '--around <number>', doc: 'So many passages before and after it, too.', default: '0' },
    ],
    load: async () => (await import('./passage.ts')).passage,
  },
  {
    name: 'ask',
    group: 'Knowledge',
    summary:
      'Answer a question with sentences of documents and their sources, or say that they hold no answer. Questions about the village itself (its models, members, jobs) are answered by its tools; nothing is changed.',
    args: [['<question...>', 'The question.']],
    options: [
      ...SCOPE_OPTIONS,
      {
        flags: '--sources <number>',
        doc: 'List so many of the passages that were read, cited or not; by default those that are cited.',
      },
      { flags: '--sentences <number>', doc: 'Sentences of the answer at most.', default: '4' },
      {
        flags: '--threshold <share>',
        doc: 'Evidence, 0 to 1, from which an answer is given; by default the calibrated one. It says how well passages cover the words of the question, not how likely the answer is right.',
      },
      {
        flags: '--generate <model>',
        doc: 'A language model that puts the answer into words as well (experimental: read the sources).',
      },
      { flags: '--no-generate', doc: 'No language model, whatever is configured.' },
    ],
    load: async () => (await import('./ask.ts')).ask,
  },
]
