/** Rows of the commands that look after the data of a node: backup, restore, upgrade. */
import type { CommandOption, CommandRow } from './commands.ts'

const PASSPHRASE: CommandOption = {
  flags: '--passphrase-file <file>',
  doc: 'A file whose first line is the passphrase that encrypts the backup.',
}
const FILE = ['<file>', 'A backup.'] as const
const YES: CommandOption = { flags: '--yes', doc: 'Do not ask.' }

export const UPKEEP_COMMANDS: readonly CommandRow[] = [
  {
    name: 'backup create',
    isDefault: true,
    group: 'Node',
    summary: 'Write a backup of this node, running or not: its keys, records, models and collections.',
    args: [['<file>', 'The file that is written; it holds secrets.']],
    options: [
      {
        flags: '--include <what>',
        doc: 'artifacts (models and all else that is stored as blocks), or none.',
        default: 'artifacts',
        values: ['artifacts', 'none'],
      },
      PASSPHRASE,
      { flags: '--force', doc: 'Replace a file that exists.' },
    ],
    load: async () => (await import('./backup.ts')).create,
  },
  {
    name: 'backup verify',
    group: 'Node',
    summary: 'Read a backup whole and check every file of it.',
    args: [FILE],
    options: [PASSPHRASE],
    load: async () => (await import('./backup.ts')).verify,
  },
  {
    name: 'restore',
    group: 'Node',
    summary: 'Put a backup into an empty data directory; it is checked whole before anything is in place.',
    args: [FILE],
    options: [
      { flags: '--replace', doc: 'Also where there is a node: what is there is kept beside it.' },
      PASSPHRASE,
      YES,
    ],
    load: async () => (await import('./backup.ts')).restore,
  },
  {
    name: 'upgrade',
    group: 'Node',
    summary: 'Bring the data of a stopped node to the format of this version (a start does it too), or back.',
    options: [
      { flags: '--roll-back', doc: 'Back to the format before, with the records of that time.' },
      { flags: '--discard', doc: 'Remove what is kept for the way back.' },
      YES,
    ],
    load: async () => (await import('./upgrade.ts')).upgrade,
  },
]
