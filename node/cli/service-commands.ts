/** Rows of the commands that put the daemon under the machine's service manager. */
import type { CommandOption, CommandRow } from './commands.ts'

const WHICH: readonly CommandOption[] = [
  { flags: '--system', doc: 'A service of the whole machine, started with it; by default one of your own.' },
  { flags: '--user <name>', doc: 'Who runs it, with --system; by default village.' },
  {
    flags: '--manager <name>',
    doc: 'systemd, launchd or runit; by default the one that runs this machine.',
    values: ['systemd', 'launchd', 'runit'],
  },
]

const SHAPE: readonly CommandOption[] = [
  { flags: '--memory <size>', doc: 'Hard cap on its memory, such as 2GB (systemd).' },
  { flags: '--cpus <number>', doc: 'Cores that it may use, such as 1.5 (systemd).' },
  {
    flags: '--no-sandbox',
    doc: 'Close the service off further; code that models write is then refused (docs/service.md).',
  },
]

export const SERVICE_COMMANDS: readonly CommandRow[] = [
  {
    name: 'service install',
    group: 'Node',
    summary: 'Keep the daemon running: write a service and start it. Over an older one: an upgrade.',
    options: [
      ...WHICH,
      ...SHAPE,
      { flags: '--no-start', doc: 'Install it only; it starts with the next login or start of the machine.' },
      { flags: '--print', doc: 'Print the service’s file and change nothing.' },
    ],
    load: async () => (await import('./service/service.ts')).install,
  },
  {
    name: 'service uninstall',
    group: 'Node',
    summary: 'Stop the service and remove it; the data stays.',
    options: WHICH,
    load: async () => (await import('./service/service.ts')).uninstall,
  },
  {
    name: 'service status',
    group: 'Node',
    summary: 'Whether the service is installed and runs.',
    isDefault: true,
    options: WHICH,
    load: async () => (await import('./service/service.ts')).status,
  },
]
