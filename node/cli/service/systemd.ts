/**
 * systemd (systemd.service(5), systemd.exec(5), systemd.resource-control(5)). A system unit is closed as far as a mesh node can be;
 * a user unit does without what needs rights over mounts, which the manager of a user may not have.
 */
import path from 'node:path'
import { EXIT_CODES } from '../exit-codes.ts'
import type { ServiceManager } from './manager.ts'
import type { ServicePlan } from './service-plan.ts'

const UNIT = 'village.service'

/**
 * One word of ExecStart= or Environment=: in quotes, with specifiers taken literally (systemd.syntax(7)), and variables where they
 * are read: in arguments, not in the program itself.
 */
function systemdWord(word: string, { isArgument = false } = {}): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%')
  return `"${isArgument ? escaped.replaceAll('$', '$$$$') : escaped}"`
}

/** A path that stands alone in its setting; quotes are not read there. */
const systemdPath = (given: string) => given.replaceAll('%', '%%')

/** Without the sandbox of code nothing may make namespaces or mounts, and /proc can be closed as well. */
const NO_SANDBOX = [
  'RestrictNamespaces=yes',
  'SystemCallFilter=@system-service',
  'SystemCallFilter=~@privileged',
  'ProtectHostname=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelLogs=yes',
  'ProtectProc=invisible',
  'ProcSubset=pid',
]
/**
 * Bubblewrap makes these, names its host, and mounts a /proc of its own, which the kernel allows only where nothing covers parts of
 * the outer one.
 */
const WITH_SANDBOX = [
  'RestrictNamespaces=user mnt pid net ipc uts cgroup',
  'SystemCallFilter=@system-service @mount',
]

const ANYWHERE = [
  'NoNewPrivileges=yes',
  'UMask=0077',
  'LockPersonality=yes',
  'RestrictRealtime=yes',
  'RestrictSUIDSGID=yes',
  'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
  'SystemCallArchitectures=native',
  'SystemCallErrorNumber=EPERM',
  'KeyringMode=private',
]

const closed = ({ dataDirectory, sandbox }: ServicePlan) => [
  'CapabilityBoundingSet=',
  'AmbientCapabilities=',
  'ProtectSystem=strict',
  // Folders there may be indexed; nothing there is changed.
  'ProtectHome=read-only',
  `ReadWritePaths=${systemdPath(dataDirectory)}`,
  'PrivateTmp=yes',
  'PrivateDevices=yes',
  'DevicePolicy=closed',
  'PrivateMounts=yes',
  'PrivateUsers=yes',
  'ProtectClock=yes',
  'ProtectKernelModules=yes',
  'ProtectControlGroups=yes',
  'RemoveIPC=yes',
  ...(sandbox ? WITH_SANDBOX : NO_SANDBOX),
]

function limits({ memoryBytes, cpus }: ServicePlan): string[] {
  return [
    ...(memoryBytes === null ? [] : [`MemoryMax=${memoryBytes}`, 'MemorySwapMax=0']),
    ...(cpus === null ? [] : [`CPUQuota=${Math.round(cpus * 100)}%`]),
    // Whoever works at the machine goes first.
    'CPUWeight=50',
    'IOWeight=50',
    'TasksMax=4096',
  ]
}

export function systemdUnit(plan: ServicePlan): string {
  const { isSystem, user, command, environment } = plan
  return `${[
    '[Unit]',
    'Description=AIVillage node',
    ...(isSystem ? ['Wants=network-online.target', 'After=network-online.target'] : []),
    // A configuration that cannot work is not tried for ever.
    'StartLimitIntervalSec=600',
    'StartLimitBurst=5',
    '',
    '[Service]',
    'Type=exec',
    ...(isSystem ? [`User=${user}`] : []),
    `ExecStart=${command.map((word, index) => systemdWord(word, { isArgument: index > 0 })).join(' ')}`,
    ...Object.entries(environment).map(([name, value]) => `Environment=${systemdWord(`${name}=${value}`)}`),
    // The configuration file is read again.
    'ExecReload=/bin/kill -HUP $MAINPID',
    'Restart=on-failure',
    'RestartSec=5',
    `RestartPreventExitStatus=${EXIT_CODES.usage.code}`,
    // SIGTERM goes to the daemon alone: it ends its own helpers.
    'KillMode=mixed',
    'TimeoutStopSec=45',
    ...limits(plan),
    ...ANYWHERE,
    ...(isSystem ? closed(plan) : []),
    '',
    '[Install]',
    `WantedBy=${isSystem ? 'multi-user.target' : 'default.target'}`,
  ].join('\n')}\n`
}

const scope = (plan: ServicePlan) => (plan.isSystem ? [] : ['--user'])

export const SYSTEMD: ServiceManager = {
  name: 'systemd',
  title: 'systemd',
  systemOnly: false,
  caps: true,
  file: (plan, { home, configHome }) =>
    plan.isSystem
      ? path.join('/etc/systemd/system', UNIT)
      : path.join(configHome ?? path.join(home, '.config'), 'systemd/user', UNIT),
  render: systemdUnit,
  mode: 0o644,
  installed: (plan, start) => [
    ['systemctl', ...scope(plan), 'daemon-reload'],
    ['systemctl', ...scope(plan), 'enable', UNIT],
    // Also where an older one runs: an upgrade is an installation over the last.
    ...(start ? [['systemctl', ...scope(plan), 'restart', UNIT]] : []),
  ],
  removing: (plan) => [['systemctl', ...scope(plan), 'disable', '--now', UNIT]],
  removed: (plan) => [['systemctl', ...scope(plan), 'daemon-reload']],
  state: (plan) => ['systemctl', ...scope(plan), 'is-active', UNIT],
  log: (plan) => `journalctl ${plan.isSystem ? '' : '--user '}-u village -e`,
  advice: (plan) =>
    plan.isSystem ? null : 'To keep it running when you are logged out: loginctl enable-linger',
}
