/** `village generate` and `village embed`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

const STDIN = 'is read from standard input where it is `-`'

export const GENERATE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'generate',
    group: 'Models and jobs',
    summary: 'Let a language model continue a prompt, or answer a message.',
    args: [
      ['<model>', 'Id of a language model (`village model list`).'],
      ['[prompt]', `The text; it ${STDIN} or left out.`],
    ],
    options: [
      { flags: '--chat', doc: 'The prompt is a message: it goes through the chat template of the model.' },
      { flags: '--system <text>', doc: 'With --chat: what the model is told before the message.' },
      { flags: '--max-tokens <number>', doc: 'The most tokens that are generated.', default: '256' },
      { flags: '--temperature <number>', doc: '0 takes the most likely token.', default: '0' },
      { flags: '--top-k <number>', doc: 'Only the most likely tokens, so many of them.' },
      { flags: '--top-p <share>', doc: 'Only the likeliest tokens that make up this share.' },
      { flags: '--min-p <share>', doc: 'Only tokens at least this likely, relative to the likeliest.' },
      { flags: '--repetition-penalty <factor>', doc: 'Above 1, tokens that came before are less likely.' },
      { flags: '--seed <number>', doc: 'The same seed gives the same text.' },
      { flags: '--stop <text>', doc: 'The text ends before this.', repeatable: true },
      { flags: '--any-json', doc: 'The text is one JSON value.' },
      { flags: '--schema <file>', doc: 'The text is JSON that this JSON Schema allows.' },
      { flags: '--choice <text>', doc: 'The text is one of these.', repeatable: true },
      { flags: '--pattern <regex>', doc: 'The text matches this regular expression whole.' },
      {
        flags: '--log-probabilities <number>',
        doc: 'With --json: probabilities of every token and of so many others.',
      },
      { flags: '--adapter <id>', doc: 'Id of an adapter that was trained from the model.' },
      {
        flags: '--no-stream',
        doc: 'Print the text when it is complete; by default as it comes, on a terminal.',
      },
    ],
    load: async () => (await import('./generate.ts')).generate,
  },
  {
    name: 'embed',
    group: 'Models and jobs',
    summary: 'Vectors of texts by a sentence encoder.',
    args: [
      ['<model>', 'Id of an encoder (`village model list`).'],
      ['[text...]', 'The texts; `-` or none reads them from standard input, one a line.'],
    ],
    load: async () => (await import('./embed.ts')).embed,
  },
]
