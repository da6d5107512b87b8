/**
 * Checks of the machine and the installation: what most often keeps a daemon from running well, each with what to do.
 * They need no daemon, change nothing, and never touch the network beyond this machine, but for the `remotes` that they are given.
 */
import { createSocket } from 'node:dgram'
import { access, constants, stat, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Config } from './config.ts'
import { checkMemory, checkOpenFiles, checkWatches } from './doctor-limits.ts'
import { PACKAGE_ROOT } from './package-root.ts'
import { portHolder } from './port-holder.ts'

export type CheckLevel = 'ok' | 'warn' | 'fail'

export interface Check {
  readonly name: string
  readonly level: CheckLevel
  readonly message: string
  readonly fix: string | null
}

export interface DoctorInit {
  readonly config: Config
  readonly kernels: { readonly native: boolean; readonly reason: string | null; readonly simd: string }
  /** Tries whether code can be run safely on this machine. */
  readonly sandbox: () => Promise<
    | { readonly available: true }
    | { readonly available: false; readonly reason: string; readonly fix: string }
  >
  /** Looks at what the configuration names outside this machine's own parts (endpoints, servers of tools): each by the code that knows it. */
  readonly remotes?: readonly { readonly name: string; run(): Promise<Omit<Check, 'name'>> }[]
  /** True when a daemon runs on this data directory: its port is busy because of it. */
  readonly daemonRunning: boolean
}

type Finding = Omit<Check, 'name'>
const ok = (message: string): Finding => ({ level: 'ok', message, fix: null })
const warn = (message: string, fix: string): Finding => ({ level: 'warn', message, fix })
const fail = (message: string, fix: string): Finding => ({ level: 'fail', message, fix })

const MIN_NODE_MAJOR = 24
const LOW_DISK_BYTES = 2 * 2 ** 30
const GIB = 2 ** 30
const MDNS = { address: '224.0.0.251', port: 5353 }
const MANIFEST = fileURLToPath(new URL('package.json', PACKAGE_ROOT))
const CLOCK_SLACK_MS = 86_400_000

async function nearestExisting(directory: string): Promise<string> {
  let candidate = directory
  while ((await stat(candidate).catch(() => null)) === null && path.dirname(candidate) !== candidate)
    candidate = path.dirname(candidate)
  return candidate
}

async function checkDataDirectory({ config }: DoctorInit): Promise<Finding> {
  const directory = config['data.dir']
  const existing = await nearestExisting(directory)
  const stats = await stat(existing)
  if (!stats.isDirectory())
    return fail(`${existing} is not a directory`, 'Choose another --data.dir, or move the file away.')
  try {
    await access(existing, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch {
    return fail(
      `${existing} cannot be written`,
      'Give your user write permission, or choose another --data.dir.',
    )
  }
  if (existing !== directory) return ok(`${directory} will be created`)
  if (process.platform !== 'win32' && (stats.mode & 0o077) !== 0)
    return warn(`${directory} can be read by other users`, `Run: chmod 700 ${directory}`)
  for (const secret of ['identity.key', 'api.token']) {
    const mode = (await stat(path.join(directory, secret)).catch(() => null))?.mode ?? 0
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      return warn(`${secret} can be read by other users`, `Run: chmod 600 ${path.join(directory, secret)}`)
  }
  return ok(`${directory} can be written, and only by you`)
}

async function checkDisk({ config }: DoctorInit): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestExisting(config['data.dir']))
  const freeBytes = bavail * bsize
  const said = `${(freeBytes / GIB).toFixed(1)} GiB are free, artifacts may take ${(config['resources.maxDiskBytes'] / GIB).toFixed(1)} GiB`
  if (freeBytes < LOW_DISK_BYTES) return warn(said, 'Free space, or move the data directory with --data.dir.')
  return freeBytes < config['resources.maxDiskBytes']
    ? warn(said, 'Lower resources.maxDiskBytes, so that the daemon stops before the disk is full.')
    : ok(said)
}

async function checkApiPort({ config, daemonRunning }: DoctorInit): Promise<Finding> {
  const { 'api.host': host, 'api.port': port } = config
  if (daemonRunning) return ok('the API is up')
  const code = await new Promise<string | null>((resolve) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    server.listen({ host, port }, () => server.close(() => resolve(null)))
  })
  if (code === null) return ok(port === 0 ? 'a free port will be taken' : `port ${port} of ${host} is free`)
  const holder = code === 'EADDRINUSE' ? await portHolder(port) : null
  const by = holder === null ? 'another program' : `${holder.name} (process ${holder.pid})`
  return code === 'EADDRINUSE'
    ? fail(`port ${port} of ${host} is used by ${by}`, 'Stop it, or set --api.port (0 takes a free one).')
    : fail(`${host} cannot be listened on (${code})`, 'Set --api.host to an address of this machine.')
}

/** Fixed ports of mesh.listen; port 0 is a free one, kept from start to start. */
async function checkMeshPorts({ config, daemonRunning }: DoctorInit): Promise<Finding> {
  const ports = config['mesh.listen'].flatMap((address) => {
    const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1] ?? 0)
    return port === 0 ? [] : [port]
  })
  if (daemonRunning) return ok('the daemon has those that it needs')
  if (ports.length === 0) return ok('free ones will be taken')
  const taken: string[] = []
  for (const port of ports) {
    const holder = await portHolder(port)
    if (holder !== null) taken.push(`${port} by ${holder.name} (process ${holder.pid})`)
  }
  return taken.length === 0
    ? ok(`${ports.join(', ')}: nobody is found on them`)
    : fail(`in use: ${taken.join(', ')}`, 'Stop it, or set mesh.listen to other ports.')
}

async function checkMdns({ config }: DoctorInit): Promise<Finding> {
  if (!config['mesh.mdns'])
    return warn('is switched off', 'Set mesh.mdns to find members on the local network.')
  const problem = await new Promise<string | null>((resolve) => {
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    const end = (result: string | null) => socket.close(() => resolve(result))
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    socket.bind(MDNS.port, () => {
      try {
        socket.addMembership(MDNS.address)
        end(null)
      } catch (error) {
        end((error as NodeJS.ErrnoException).code ?? (error as Error).message)
      }
    })
  })
  return problem === null
    ? ok('multicast on port 5353 works on this machine')
    : warn(
        `multicast on port 5353 is not possible (${problem})`,
        'Members are not found by themselves: name one in mesh.bootstrap, or join by an invite that has its address.',
      )
}

async function checkClock(): Promise<Finding> {
  const { mtimeMs } = await stat(MANIFEST)
  if (Date.now() + CLOCK_SLACK_MS < mtimeMs)
    return fail(
      `says ${new Date().toISOString()}, which is before this program was installed`,
      'Set the date: invites and leases depend on it.',
    )
  return ok(`says ${new Date().toISOString()}`)
}

async function checkRuntime(): Promise<Finding> {
  const major = Number(process.versions.node.split('.')[0])
  return major >= MIN_NODE_MAJOR
    ? ok(`Node ${process.versions.node}`)
    : fail(`Node ${process.versions.node} is too old`, `Run npm ci: it brings Node ${MIN_NODE_MAJOR}.`)
}

async function checkKernels({ kernels }: DoctorInit): Promise<Finding> {
  return kernels.native
    ? ok(`native (${kernels.simd})`)
    : warn(
        `the TypeScript reference runs: ${kernels.reason ?? 'no reason is known'}`,
        'Install a C++ compiler (Debian: apt-get install g++) and run npm ci again; all works without, but slower.',
      )
}

async function checkSandbox({ sandbox }: DoctorInit): Promise<Finding> {
  const found = await sandbox()
  return found.available
    ? ok('bubblewrap works')
    : warn(`no code can be run here, as Magi and HumanEval need: ${found.reason}`, found.fix)
}

/** `name=/path` or `name=/path:rw`, as agents.folders has them. */
async function checkFolders({ config }: DoctorInit): Promise<Finding> {
  const grants = config['agents.folders']
  if (grants.length === 0) return ok('none is granted to agents')
  for (const grant of grants) {
    const isWritable = grant.endsWith(':rw')
    const folder = grant.slice(grant.indexOf('=') + 1, isWritable ? -':rw'.length : undefined)
    const wanted = constants.R_OK | constants.X_OK | (isWritable ? constants.W_OK : 0)
    const fix = 'Make the folder, correct its rights, or take it out of agents.folders.'
    if ((await stat(folder).catch(() => null))?.isDirectory() !== true)
      return warn(`${folder} is granted to agents, but is no folder`, fix)
    try {
      await access(folder, wanted)
    } catch {
      return warn(`${folder} is granted to agents, but cannot be ${isWritable ? 'written' : 'read'}`, fix)
    }
  }
  return ok(`${grants.length} granted to agents, all there`)
}

/** One row a check. */
const CHECKS: readonly { name: string; run(init: DoctorInit): Promise<Finding> }[] = [
  { name: 'node', run: checkRuntime },
  { name: 'kernels', run: checkKernels },
  { name: 'sandbox', run: checkSandbox },
  { name: 'data directory', run: checkDataDirectory },
  { name: 'folders', run: checkFolders },
  { name: 'disk', run: checkDisk },
  { name: 'memory', run: checkMemory },
  { name: 'open files', run: checkOpenFiles },
  { name: 'watches', run: checkWatches },
  { name: 'api port', run: checkApiPort },
  { name: 'mesh ports', run: checkMeshPorts },
  { name: 'mdns', run: checkMdns },
  { name: 'clock', run: checkClock },
]

/** Runs all checks; one that fails by itself is a failed check, not an exception. */
export async function runDoctor(init: DoctorInit): Promise<Check[]> {
  return Promise.all(
    [...CHECKS, ...(init.remotes ?? [])].map(async ({ name, run }) => {
      try {
        return { name, ...(await run(init)) }
      } catch (error) {
        return { name, ...fail(`could not be checked: ${(error as Error).message}`, 'See the message.') }
      }
    }),
  )
}
