/**
 * Whether this machine has a sandbox: finds bubblewrap and prlimit, then runs a program in it, because only that tells
 * whether user namespaces are allowed. What is missing is said with what to do about it on this distribution.
 */
import { execFile } from 'node:child_process'
import { access, constants, lstat, readFile, readlink } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import type { SandboxTools } from './bubblewrap-arguments.ts'

const run = promisify(execFile)

export type SandboxAvailability =
  | { readonly available: true; readonly tools: SandboxTools }
  | { readonly available: false; readonly reason: string; readonly fix: string }

const HELP_TIMEOUT_MS = 10_000
/** Directories of the system that are links into /usr on most distributions of today, and real ones on others. */
const SYSTEM_DIRECTORIES = ['/bin', '/sbin', '/lib', '/lib32', '/lib64'] as const
/** What a linked program needs of /etc: where its libraries are, and which of several is the default. */
const SYSTEM_FILES = ['/etc/ld.so.cache', '/etc/alternatives'] as const

/** How a distribution installs what the sandbox needs. */
const INSTALL: readonly { readonly ids: readonly string[]; readonly command: string }[] = [
  { ids: ['debian', 'ubuntu'], command: 'apt-get install bubblewrap util-linux' },
  { ids: ['fedora', 'rhel', 'centos'], command: 'dnf install bubblewrap util-linux' },
  { ids: ['arch'], command: 'pacman -S bubblewrap util-linux' },
  { ids: ['suse', 'opensuse'], command: 'zypper install bubblewrap util-linux' },
  { ids: ['alpine'], command: 'apk add bubblewrap util-linux-misc' },
  { ids: ['void'], command: 'xbps-install bubblewrap util-linux' },
  { ids: ['gentoo'], command: 'emerge sys-apps/bubblewrap sys-apps/util-linux' },
]

/** What to run as root to install the sandbox, by the text of /etc/os-release. */
export function installCommand(osRelease: string): string {
  const ids = [...osRelease.matchAll(/^(?:ID|ID_LIKE)=(.*)$/gm)]
    .flatMap(([, value]) => (value ?? '').replaceAll(/["']/g, '').split(' '))
    .map((id) => id.toLowerCase())
  return INSTALL.find((row) => row.ids.some((id) => ids.includes(id)))?.command ?? 'bubblewrap and util-linux'
}

const readText = (file: string) => readFile(file, 'utf8').catch(() => '')

async function firstExecutable(candidates: readonly string[]): Promise<string | null> {
  for (const candidate of candidates) {
    try {
      await access(candidate, constants.X_OK)
      return candidate
    } catch {
      // the next one
    }
  }
  return null
}

function inSearchPath(name: string, searchPath: string): string[] {
  return searchPath
    .split(path.delimiter)
    .filter((directory) => path.isAbsolute(directory))
    .map((directory) => path.join(directory, name))
}

async function systemArguments(): Promise<string[]> {
  const found: string[] = ['--ro-bind', '/usr', '/usr']
  for (const directory of SYSTEM_DIRECTORIES) {
    const stats = await lstat(directory).catch(() => null)
    if (stats?.isSymbolicLink() === true) found.push('--symlink', await readlink(directory), directory)
    else if (stats?.isDirectory() === true) found.push('--ro-bind', directory, directory)
  }
  return [...found, ...SYSTEM_FILES.flatMap((file) => ['--ro-bind-try', file, file])]
}

/** Why the kernel does not let this user make the namespaces, as far as its switches tell. */
async function refusedNamespaces(detail: string): Promise<{ reason: string; fix: string }> {
  const setting = async (name: string) => (await readText(`/proc/sys/${name}`)).trim()
  if ((await setting('kernel/unprivileged_userns_clone')) === '0')
    return {
      reason: 'user namespaces are switched off',
      fix: 'Run as root: sysctl -w kernel.unprivileged_userns_clone=1',
    }
  if ((await setting('user/max_user_namespaces')) === '0')
    return {
      reason: 'user namespaces are switched off',
      fix: 'Run as root: sysctl -w user.max_user_namespaces=15000',
    }
  if ((await setting('kernel/apparmor_restrict_unprivileged_userns')) === '1')
    return {
      reason: 'AppArmor keeps bubblewrap from making user namespaces',
      fix: 'Install the profile that allows it: apt-get install apparmor-profiles, then link /usr/share/apparmor/extra-profiles/bwrap-userns-restrict into /etc/apparmor.d and reload AppArmor.',
    }
  return {
    reason: `bubblewrap cannot set it up (${detail})`,
    fix: 'Allow user namespaces; in a container, start it with a seccomp profile and a /proc that allow them.',
  }
}

export interface FindSandboxInit {
  /** As in the environment variable PATH. */
  readonly searchPath: string
  readonly platform: NodeJS.Platform
  readonly machine: string
  /** Runs a program in the sandbox with these tools, and tells how it ended if not well. */
  readonly trial: (tools: SandboxTools) => Promise<string | null>
}

const missing = (reason: string, fix: string): SandboxAvailability => ({ available: false, reason, fix })

export async function findSandbox(init: FindSandboxInit): Promise<SandboxAvailability> {
  if (init.platform !== 'linux')
    return missing('bubblewrap runs on Linux only', 'Run what needs the sandbox on a Linux machine.')
  if (init.machine !== 'x64' && init.machine !== 'arm64')
    return missing(`there is no system call filter for ${init.machine}`, 'Use a machine with x64 or arm64.')
  const install = `Run as root: ${installCommand(await readText('/etc/os-release'))}`
  const bwrap = await firstExecutable(inSearchPath('bwrap', init.searchPath))
  if (bwrap === null) return missing('bubblewrap is not installed', install)
  if ((await firstExecutable(['/usr/bin/prlimit', '/bin/prlimit'])) === null)
    return missing('prlimit of util-linux is not installed', install)
  // Where one cannot see which processes a program started, their memory together would not be bounded.
  if ((await readText('/proc/thread-self/children').catch(() => null)) === null)
    return missing('/proc cannot be read', 'Mount /proc.')
  let help: string
  try {
    help = (await run(bwrap, ['--help'], { timeout: HELP_TIMEOUT_MS, env: {}, cwd: '/' })).stdout
  } catch (error) {
    return missing(`bubblewrap does not run (${(error as Error).message.split('\n')[0]})`, install)
  }
  for (const option of ['--json-status-fd', '--size', '--perms'])
    if (!help.includes(option)) return missing(`this bubblewrap is too old (it has no ${option})`, install)
  const tools: SandboxTools = {
    bwrap,
    system: await systemArguments(),
    disableUserns: help.includes('--disable-userns'),
  }
  const problem = await init.trial(tools)
  return problem === null
    ? { available: true, tools }
    : { available: false, ...(await refusedNamespaces(problem)) }
}
