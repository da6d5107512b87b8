/** runit (runsv(8), svlogd(8)): a run script in a service directory, started by whatever supervises that directory. */
import path from 'node:path'
import type { ServiceManager } from './manager.ts'
import type { ServicePlan } from './service-plan.ts'

const DIRECTORY = '/etc/sv/village'
const SUPERVISED = '/etc/service/village'

/** A word of a POSIX shell. */
export const shellWord = (word: string) => `'${word.replaceAll("'", "'\\''")}'`

export function runitScript(plan: ServicePlan): string {
  const { user, command, environment } = plan
  return `${[
    '#!/bin/sh',
    'exec 2>&1',
    'umask 077',
    ...Object.entries(environment).map(([name, value]) => `export ${name}=${shellWord(value)}`),
    `exec chpst -u ${user} ${command.map(shellWord).join(' ')}`,
  ].join('\n')}\n`
}

export const RUNIT: ServiceManager = {
  name: 'runit',
  title: 'runit',
  systemOnly: true,
  caps: false,
  file: () => path.join(DIRECTORY, 'run'),
  render: runitScript,
  mode: 0o755,
  installed: (_plan, start) => [
    ['ln', '-sfn', DIRECTORY, SUPERVISED],
    ...(start ? [['sv', '-w', '30', 'start', SUPERVISED]] : []),
  ],
  removing: () => [
    ['sv', '-w', '45', 'stop', SUPERVISED],
    ['rm', '-f', SUPERVISED],
  ],
  removed: () => [],
  state: () => ['sv', 'check', SUPERVISED],
  log: () => 'whatever the run script’s standard output is connected to: a log service of runit',
  advice: () => null,
}
