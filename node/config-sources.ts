/**
 * Where the configuration comes from. First wins: the command line, the environment, the file, the default. The file is the one
 * that was named, or else config.json of the data directory over the one that the installation ships.
 */
import { homedir } from 'node:os'
import path from 'node:path'
import {
  type Config,
  type ConfigKey,
  checkConfig,
  DEFAULT_CONFIG,
  environmentName,
  FIELDS,
  isConfigKey,
  parseText,
} from './config.ts'
import { type ConfigContent, readConfigFile } from './config-file.ts'
import { VillageError } from './errors.ts'

export interface ConfigSources {
  /** Of --config or VILLAGE_CONFIG: it must be there, and no other file is read. */
  readonly named: string | null
  /** Read beneath config.json of the data directory where no file is named. */
  readonly shipped: string | null
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Keys of the command line with their texts. */
  readonly arguments: Readonly<Record<string, string>>
}

export type Origin = 'default' | 'file' | 'environment' | 'command line'

export interface ResolvedConfig {
  readonly config: Config
  readonly origins: Readonly<Record<ConfigKey, Origin>>
  /** The file that a change is written to; it may not be there yet. */
  readonly file: string
}

export const CONFIG_FILE = 'config.json'
const KEYS = Object.keys(FIELDS).filter(isConfigKey)

async function readNamed(file: string): Promise<ConfigContent> {
  const content = await readConfigFile(file)
  if (content === null)
    throw new VillageError('CONFIG_UNREADABLE', `${file} cannot be used: ENOENT, there is no such file`)
  return content
}

function fromEnvironment(environment: ConfigSources['environment']): Partial<Config> {
  const given: Record<string, unknown> = {}
  for (const key of KEYS) {
    const value = environment[environmentName(key)]
    if (value !== undefined) given[key] = parseText(key, value)
  }
  return checkConfig(given, 'The environment')
}

function fromArguments(given: ConfigSources['arguments']): Partial<Config> {
  return checkConfig(
    Object.fromEntries(
      Object.entries(given).map(([key, value]) => [key, isConfigKey(key) ? parseText(key, value) : value]),
    ),
    'The command line',
  )
}

/** A leading `~` becomes the home directory. */
const absolute = (directory: string): string => path.resolve(directory.replace(/^~(?=$|\/)/, homedir()))

/** The content of the file of a data directory, checked: it cannot say where the directory is that it is in. */
export function checkOwnFile(content: ConfigContent, file: string): Partial<Config> {
  const checked = checkConfig(content, file)
  if (Object.hasOwn(checked, 'data.dir'))
    throw new VillageError(
      'CONFIG_INVALID_VALUE',
      `${file}: "data.dir" cannot be set by the file that is in it; --data.dir or VILLAGE_DATA_DIR sets it`,
      { fields: { key: 'data.dir' } },
    )
  return checked
}

async function filesOf(
  sources: ConfigSources,
  overrides: Partial<Config>,
): Promise<{ file: string; content: Partial<Config> }> {
  if (sources.named !== null)
    return {
      file: path.resolve(sources.named),
      content: checkConfig(await readNamed(sources.named), sources.named),
    }
  const { shipped } = sources
  const beneath = shipped === null ? {} : checkConfig(await readNamed(shipped), shipped)
  const directory = absolute({ ...DEFAULT_CONFIG, ...beneath, ...overrides }['data.dir'])
  const file = path.join(directory, CONFIG_FILE)
  return { file, content: { ...beneath, ...checkOwnFile((await readConfigFile(file)) ?? {}, file) } }
}

/**
 * Reads every source anew and checks the whole.
 * Throws CONFIG_UNREADABLE, CONFIG_UNKNOWN_KEY or CONFIG_INVALID_VALUE.
 */
export async function resolveConfig(sources: ConfigSources): Promise<ResolvedConfig> {
  const environment = fromEnvironment(sources.environment)
  const given = fromArguments(sources.arguments)
  const { file, content } = await filesOf(sources, { ...environment, ...given })
  const config: Config = { ...DEFAULT_CONFIG, ...content, ...environment, ...given }
  const originOf = (key: ConfigKey): Origin => {
    if (Object.hasOwn(given, key)) return 'command line'
    if (Object.hasOwn(environment, key)) return 'environment'
    // A file may spell out every default: that says nothing about who chose it.
    return JSON.stringify(config[key]) === JSON.stringify(FIELDS[key].default) ? 'default' : 'file'
  }
  return {
    config: { ...config, 'data.dir': absolute(config['data.dir']) },
    origins: Object.fromEntries(KEYS.map((key) => [key, originOf(key)])) as Record<ConfigKey, Origin>,
    file,
  }
}

/** Where the data directory is, whatever its own file says: that one may be what is to be mended. */
export async function dataDirectoryOf(sources: ConfigSources): Promise<string> {
  const overrides = { ...fromEnvironment(sources.environment), ...fromArguments(sources.arguments) }
  const file = sources.named ?? sources.shipped
  const content = file === null ? {} : checkConfig(await readNamed(file), file)
  return absolute({ ...DEFAULT_CONFIG, ...content, ...overrides }['data.dir'])
}

/** The configuration of one file (or none), the environment and the command line; the data directory's own file is not read. */
export async function loadConfig(init: {
  file: string | null
  environment: Record<string, string | undefined>
  arguments: Record<string, string>
}): Promise<Config> {
  const content = init.file === null ? {} : checkConfig(await readNamed(init.file), init.file)
  const config = {
    ...{ ...DEFAULT_CONFIG, ...content },
    ...fromEnvironment(init.environment),
    ...fromArguments(init.arguments),
  }
  return { ...config, 'data.dir': absolute(config['data.dir']) }
}
