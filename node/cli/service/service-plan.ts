/** What a service manager is to run: made from this very process, so that the service is the program that installed it. */
import path from 'node:path'
import type { Config } from '../../config.ts'
import { VillageError } from '../../errors.ts'
import { type CommandContext, optionText } from '../command.ts'

export interface ServicePlan {
  /** For everybody on the machine, started with it; else for one user, started when they log in. */
  readonly isSystem: boolean
  /** Who runs it where `isSystem`. */
  readonly user: string
  /** Program and arguments. */
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  readonly dataDirectory: string
  /** Hard cap on its memory, bytes; null: none. */
  readonly memoryBytes: number | null
  /** Cores that it may use, such as 1.5; null: all. */
  readonly cpus: number | null
  /** Whether code that models wrote may run in its sandbox, which needs namespaces. */
  readonly sandbox: boolean
}

/** The process that plans; a parameter for tests. */
export interface ThisProgram {
  readonly node: string
  readonly nodeArguments: readonly string[]
  readonly main: string
}

export const THIS_PROGRAM: ThisProgram = {
  // As it was called: through the link of an installation that an upgrade moves on, not where that led today.
  node: path.isAbsolute(process.argv0) ? process.argv0 : process.execPath,
  nodeArguments: process.execArgv,
  main: path.resolve(process.argv[1] ?? ''),
}

const SYSTEM_DATA_DIRECTORY = '/var/lib/village'
const SYSTEM_USER = 'village'
/** As useradd(8) takes them. */
const USER_NAME = /^[a-z_][a-z0-9_-]{0,31}$/
const MIN_MEMORY_BYTES = 256 * 2 ** 20
const MAX_CPUS = 4096

const SIZE = /^(\d+(?:\.\d+)?)\s*(MB|GB|MiB|GiB)$/i
const UNITS: Record<string, number> = { mb: 1e6, gb: 1e9, mib: 2 ** 20, gib: 2 ** 30 }

function memoryOf(given: string | null): number | null {
  if (given === null) return null
  const [, amount = '', unit = ''] = SIZE.exec(given) ?? []
  const bytes = Math.floor(Number(amount) * (UNITS[unit.toLowerCase()] ?? Number.NaN))
  if (bytes >= MIN_MEMORY_BYTES) return bytes
  throw new VillageError('USAGE', `--memory takes a size of at least 256 MiB, such as 2GB; not "${given}"`)
}

function cpusOf(given: string | null): number | null {
  if (given === null) return null
  const cpus = Number(given)
  if (cpus >= 0.1 && cpus <= MAX_CPUS) return cpus
  throw new VillageError('USAGE', `--cpus takes a number of cores, such as 1.5; not "${given}"`)
}

function userOf(given: string | null, isSystem: boolean): string {
  if (given !== null && !isSystem)
    throw new VillageError('USAGE', '--user goes with --system: a service of your own runs as you')
  const user = given ?? SYSTEM_USER
  if (USER_NAME.test(user)) return user
  throw new VillageError('USAGE', `"${user}" is no name of a user`)
}

/** Throws USAGE. The data directory of a system service is /var/lib/village unless one is named. */
export function planService(
  context: Pick<CommandContext, 'options'>,
  config: Pick<Config, 'data.dir'>,
  program: ThisProgram,
): ServicePlan {
  const isSystem = context.options.system === true
  const isNamed = typeof context.options['data.dir'] === 'string'
  const dataDirectory = isSystem && !isNamed ? SYSTEM_DATA_DIRECTORY : config['data.dir']
  const configFile = optionText(context, 'config')
  return {
    isSystem,
    user: userOf(optionText(context, 'user'), isSystem),
    command: [
      ...[program.node, ...program.nodeArguments, program.main, 'start'],
      ...['--data.dir', dataDirectory],
      ...(configFile === null ? [] : ['--config', path.resolve(configFile)]),
    ],
    // The installation's own cache cannot be written by a service that may write to its data alone.
    environment: { NODE_COMPILE_CACHE: path.join(dataDirectory, 'compile-cache') },
    dataDirectory,
    memoryBytes: memoryOf(optionText(context, 'memory')),
    cpus: cpusOf(optionText(context, 'cpus')),
    sandbox: context.options.sandbox !== false,
  }
}
