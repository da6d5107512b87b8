/**
 * How bubblewrap is called: what of this machine a program in the sandbox sees, and what it may do.
 *
 * It sees the programs and libraries of the system (read-only), a home directory of its own in memory, and nothing else:
 * no home of a person, no /etc beyond the linker's cache, no data directory, no network, no process but its own. It holds
 * no capability, cannot make a user namespace, and what it would gain by a set-user-ID program is switched off.
 */
import { keepingCommand } from './kept-files.ts'
import type { SandboxJob } from './sandbox-job.ts'

/** What was found on this machine. */
export interface SandboxTools {
  /** Absolute path of bubblewrap. */
  readonly bwrap: string
  /** The arguments that show the system's directories as they are here. */
  readonly system: readonly string[]
  /** Whether this bubblewrap knows --disable-userns (0.8 and later). */
  readonly disableUserns: boolean
}

/** Where the descriptors of a run lie in the child: standard ones first, then status, filter, what is kept, and one a file. */
export const STATUS_FD = 3
export const FILTER_FD = 4
/** Of one digit: a shell writes to it. */
export const KEEP_FD = 5
export const FIRST_FILE_FD = 6

export const SANDBOX_HOME = '/home'
export const PROGRAM_DIRECTORIES: readonly string[] = ['/usr/local/bin', '/usr/bin', '/bin']
/** Not /dev/zero, nor terminals: the one can be mapped as shared memory, the others are not needed. */
const DEVICES = ['/dev/null', '/dev/full', '/dev/random', '/dev/urandom'] as const
/** Of all processes together: a socket holds what was not read yet in kernel memory, some 400 KiB. */
const OPEN_FILES = 512
const MIN_OPEN_FILES = 16
const MAX_OPEN_FILES = 256
const PENDING_SIGNALS = 256
/** A second after the soft limit sends a signal, the hard one kills. */
const CPU_GRACE_SECONDS = 1
/** The first process of the namespace, which collects what ended, counts as one. */
const OWN_PROCESSES = 1
/** Of a sandbox while its program runs: with the shell that keeps files, where there is one. */
export const ownProcesses = ({ keep }: SandboxJob): number => OWN_PROCESSES + (keep === undefined ? 0 : 1)
/** Of the shell that keeps files: itself and two that read. */
const KEEP_PROCESSES = 3

function prlimit({ limits, keep }: SandboxJob): string[] {
  const share = Math.floor(OPEN_FILES / limits.processes)
  // Of the program no more than it may have; the shell around it must find room while what it killed is still counted.
  const processes = keep === undefined ? limits.processes : 2 * limits.processes + KEEP_PROCESSES
  const openFiles = Math.max(MIN_OPEN_FILES, Math.min(MAX_OPEN_FILES, share))
  return [
    'prlimit',
    `--cpu=${limits.cpuSeconds}:${limits.cpuSeconds + CPU_GRACE_SECONDS}`,
    `--as=${limits.memoryBytes}`,
    `--nproc=${processes + OWN_PROCESSES}`,
    `--fsize=${limits.fileBytes}`,
    `--nofile=${openFiles}`,
    '--core=0',
    '--memlock=0',
    '--msgqueue=0',
    `--sigpending=${PENDING_SIGNALS}`,
    '--',
  ]
}

export function bubblewrapArguments(tools: SandboxTools, job: SandboxJob): string[] {
  return [
    ...[
      '--unshare-user',
      '--unshare-ipc',
      '--unshare-pid',
      '--unshare-net',
      '--unshare-uts',
      '--unshare-cgroup-try',
    ],
    ...(tools.disableUserns ? ['--disable-userns'] : []),
    ...['--uid', '1000', '--gid', '1000', '--hostname', 'sandbox'],
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    '--clearenv',
    ...['--setenv', 'PATH', PROGRAM_DIRECTORIES.join(':')],
    ...['--setenv', 'HOME', SANDBOX_HOME],
    ...['--setenv', 'LANG', 'C.UTF-8'],
    ...tools.system,
    ...(job.proc === false ? [] : ['--proc', '/proc']),
    ...DEVICES.flatMap((device) => ['--dev-bind', device, device]),
    ...['--symlink', '/proc/self/fd', '/dev/fd'],
    ...['--size', String(job.limits.fileBytes), '--tmpfs', SANDBOX_HOME],
    ...['--symlink', SANDBOX_HOME.slice(1), '/tmp'],
    ...Object.keys(job.files).flatMap((name, index) => [
      '--perms',
      '0644',
      '--file',
      String(FIRST_FILE_FD + index),
      `${SANDBOX_HOME}/${name}`,
    ]),
    ...['--remount-ro', '/'],
    ...['--chdir', SANDBOX_HOME],
    ...['--json-status-fd', String(STATUS_FD), '--seccomp', String(FILTER_FD)],
    '--',
    ...prlimit(job),
    ...(job.keep === undefined
      ? job.command
      : keepingCommand(
          ['prlimit', `--nproc=${job.limits.processes + ownProcesses(job)}`, '--', ...job.command],
          job.keep,
          KEEP_FD,
        )),
  ]
}
