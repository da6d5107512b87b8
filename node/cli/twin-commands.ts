/** `village chat` and `village twin`: rows of the table in commands.ts. */
import type { CommandRow } from './commands.ts'

const MEMORY = ['<id>', 'Id of a memory (`village twin list`).'] as const

export const TWIN_COMMANDS: readonly CommandRow[] = [
  {
    name: 'chat',
    group: 'Agents',
    summary: 'Talk with an agent: answers as they come, approvals asked in line, history kept.',
    options: [
      {
        flags: '--agent <name>',
        doc: 'king, sage or magi.',
        default: 'king',
        values: ['king', 'sage', 'magi'],
      },
      {
        flags: '--model <id>',
        doc: 'The model that decides; none: rules. By default that of the configuration.',
      },
      { flags: '--new', doc: 'Begin a new conversation; so it is by default.' },
      { flags: '--continue <id>', doc: 'Go on with a conversation: its id, the beginning of it, or last.' },
    ],
    load: async () => (await import('./chat/chat.ts')).chat,
  },
  {
    name: 'twin list',
    group: 'Agents',
    summary: 'What the node remembers of you; with words, what has to do with them.',
    args: [['[words...]', 'Only what has to do with these, best first.']],
    isDefault: true,
    load: async () => (await import('./twin.ts')).list,
  },
  {
    name: 'twin add',
    group: 'Agents',
    summary: 'Let the node remember something; it takes the place of what it contradicts.',
    args: [['<text...>', 'A sentence, such as: I prefer metric units.']],
    options: [
      {
        flags: '--kind <kind>',
        doc: 'fact or preference; by default told from the text.',
        values: ['fact', 'preference'],
      },
    ],
    load: async () => (await import('./twin.ts')).add,
  },
  {
    name: 'twin edit',
    group: 'Agents',
    summary: 'Change a memory.',
    args: [MEMORY, ['<text...>', 'What it is to say.']],
    load: async () => (await import('./twin.ts')).edit,
  },
  {
    name: 'twin forget',
    group: 'Agents',
    summary: 'Erase one memory.',
    args: [MEMORY],
    load: async () => (await import('./twin.ts')).forget,
  },
  {
    name: 'twin export',
    group: 'Agents',
    summary: 'Write all memories as JSON, to take along.',
    args: [['[file]', 'A new file; by default standard output.']],
    load: async () => (await import('./twin.ts')).exportTwin,
  },
  {
    name: 'twin erase',
    group: 'Agents',
    summary: 'Erase the Twin, all your conversations, stored responses and logged calls.',
    options: [{ flags: '--yes', doc: 'Do not ask.' }],
    load: async () => (await import('./twin.ts')).erase,
  },
]
