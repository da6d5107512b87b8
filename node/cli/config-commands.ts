/** Rows of the commands about the configuration. */
import type { CommandRow } from './commands.ts'

const KEY = ['<key>', 'A key (`village config list --all`).'] as const

export const CONFIG_COMMANDS: readonly CommandRow[] = [
  {
    name: 'config list',
    isDefault: true,
    group: 'Node',
    summary: 'The configuration that the daemon runs with, or would.',
    options: [{ flags: '--all', doc: 'Keys at their default too.' }],
    load: async () => (await import('./config.ts')).list,
  },
  {
    name: 'config get',
    group: 'Node',
    summary: 'One key: its value, where it comes from, and what it means.',
    args: [KEY],
    load: async () => (await import('./config.ts')).get,
  },
  {
    name: 'config set',
    group: 'Node',
    summary: 'Set a key in the configuration file; a running daemon takes it over where it can.',
    args: [KEY, ['<value>', 'As on the command line: a list has commas, or is JSON.']],
    load: async () => (await import('./config.ts')).set,
  },
  {
    name: 'config unset',
    group: 'Node',
    summary: 'Take a key out of the configuration file: it has its default again.',
    args: [KEY],
    load: async () => (await import('./config.ts')).unset,
  },
  {
    name: 'config reload',
    group: 'Node',
    summary: 'Let the daemon read its configuration file again; a file that is not valid changes nothing.',
    load: async () => (await import('./config.ts')).reload,
  },
]
