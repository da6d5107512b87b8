/**
 * The configuration: one table of keys that feeds validation, `--help`, environment variables, docs and the dashboard.
 * A key is read from (first wins) the command line `--key value`, the environment `VILLAGE_KEY`, and the file.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import { AGENTS_FIELDS } from './config-agents.ts'
import { boolean, integer, integerOrNull, multiaddrs, oneOf, text, textOrNull } from './config-checks.ts'
import { FEDERATE_FIELDS } from './config-federate.ts'
import { field } from './config-field.ts'
import { KNOWLEDGE_FIELDS } from './config-knowledge.ts'
import { ROUNDS_FIELDS } from './config-rounds.ts'
import { SELF_EVOLUTION_FIELDS } from './config-self-evolution.ts'
import { TRACKING_FIELDS } from './config-tracking.ts'
import { VillageError } from './errors.ts'
import { LOG_LEVELS } from './log.ts'
import { nearest } from './nearest.ts'

const GIB = 2 ** 30

export const FIELDS = {
  'data.dir': field<string>({
    default: '~/.aivillage',
    doc: 'Where keys, state, artifacts and models are kept.',
    check: text,
  }),
  'log.level': field<string>({
    default: 'info',
    doc: 'The least severe message that is logged.',
    check: oneOf(...LOG_LEVELS),
  }),
  'node.name': field<string | null>({
    default: null,
    doc: 'The name that other members see; null takes the host name.',
    check: textOrNull,
  }),
  'api.host': field<string>({
    default: '127.0.0.1',
    doc: 'The address that the HTTP API binds to.',
    check: text,
  }),
  'api.port': field<number>({
    default: 7480,
    unit: 'port',
    doc: 'The port of the HTTP API; 0 takes a free one.',
    check: integer(0, 65535),
  }),
  'api.requestsByMinute': field<number>({
    default: 1200,
    unit: 'requests/min',
    doc: 'Requests that one client address may make in a minute.',
    check: integer(1, 1_000_000),
  }),
  'api.maxBodyBytes': field<number>({
    default: 2 ** 20,
    unit: 'bytes',
    doc: 'The largest JSON body; uploads of artifacts are streamed and bounded by the disk share instead.',
    check: integer(1024, 2 ** 30),
  }),
  'mesh.listen': field<readonly string[]>({
    default: ['/ip4/0.0.0.0/tcp/0', '/ip4/0.0.0.0/tcp/0/ws'],
    unit: 'multiaddrs',
    doc: 'Where the mesh listens. Port 0 is chosen once and then kept.',
    check: multiaddrs,
  }),
  'mesh.announce': field<readonly string[]>({
    default: [],
    unit: 'multiaddrs',
    doc: 'Addresses told to others instead of the ones found, for a fixed port forward.',
    check: multiaddrs,
  }),
  'mesh.profile': field<string>({
    default: 'lan',
    doc: 'lan: no traffic beyond the local network. wan: bootstrap, AutoNAT v2, hole punching, relays and UPnP as well.',
    check: oneOf('lan', 'wan'),
  }),
  'mesh.mdns': field<boolean>({
    default: true,
    doc: 'Find members on the local network by multicast DNS.',
    check: boolean,
  }),
  'mesh.upnp': field<boolean>({
    default: true,
    doc: 'Ask the router for a port forward (wan profile).',
    check: boolean,
  }),
  'mesh.relayServer': field<boolean>({
    default: true,
    doc: 'Relay for members that cannot be reached, when this node can be (wan profile).',
    check: boolean,
  }),
  'mesh.bootstrap': field<readonly string[]>({
    default: [],
    unit: 'multiaddrs',
    doc: 'Members dialled at the start and again when no peer is connected.',
    check: multiaddrs,
  }),
  'mesh.maxConnections': field<number>({
    default: 100,
    unit: 'connections',
    doc: 'Connections kept at once; edge boxes do with 30.',
    check: integer(4, 1000),
  }),
  profile: field<string>({
    default: 'laptop',
    doc: 'What this machine lends: laptop (half its cores, pauses on battery), server (all), edge (one core, small caches).',
    check: oneOf('laptop', 'server', 'edge'),
  }),
  'resources.maxCpuCores': field<number | null>({
    default: null,
    unit: 'cores',
    doc: 'Worker threads for jobs; null takes the profile’s share.',
    check: integerOrNull(1, 1024),
  }),
  'resources.maxMemoryBytes': field<number | null>({
    default: null,
    unit: 'bytes',
    doc: 'Memory above which no more work is taken; null takes the profile’s share.',
    check: integerOrNull(256 * 2 ** 20, 2 ** 50),
  }),
  'resources.maxDiskBytes': field<number>({
    default: 50 * GIB,
    unit: 'bytes',
    doc: 'The most that artifacts may take on disk.',
    check: integer(2 ** 20, 2 ** 50),
  }),
  'resources.maxUploadBytesPerSecond': field<number | null>({
    default: null,
    unit: 'bytes/s',
    doc: 'The most that is sent to other members; null sets no limit.',
    check: integerOrNull(16 * 1024, 2 ** 40),
  }),
  'resources.maxTemperatureCelsius': field<number>({
    default: 90,
    unit: '°C',
    doc: 'Processor temperature above which no more work is taken.',
    check: integer(40, 120),
  }),
  'resources.onBattery': field<string>({
    default: 'auto',
    doc: 'On battery: pause (take no work), run, or auto (what the profile says).',
    check: oneOf('auto', 'pause', 'run'),
  }),
  'compute.native': field<string>({
    default: 'auto',
    doc: 'auto: compiled kernels where they were built. off: the TypeScript reference.',
    check: oneOf('auto', 'off'),
  }),
  'models.hubUrl': field<string | null>({
    default: null,
    doc: 'Where models are pulled from: a Hugging Face compatible hub. null takes HF_ENDPOINT of the environment, else https://huggingface.co.',
    check: (value) =>
      value === null || (typeof value === 'string' && /^https?:\/\/[^\s?#@]+$/.test(value))
        ? null
        : 'null or a URL like https://hub.example',
  }),
  'artifacts.collectEveryMs': field<number>({
    default: 3_600_000,
    unit: 'ms',
    doc: 'How often unpinned artifacts are collected; 0 never collects by itself.',
    check: integer(0, 2 ** 31 - 1),
  }),
  'generate.idleMs': field<number>({
    default: 300_000,
    unit: 'ms',
    doc: 'A language model that nobody has used for this long is unloaded.',
    check: integer(0, 2 ** 31 - 1),
  }),
  'generate.memoryBytes': field<number | null>({
    default: null,
    unit: 'bytes',
    doc: 'The most that loaded language models may take; null takes half of what the node lends.',
    check: integerOrNull(2 ** 20, 2 ** 50),
  }),
  'generate.cacheBytes': field<number>({
    default: GIB,
    unit: 'bytes',
    doc: 'The most that the caches of one language model may take; requests that do not fit wait.',
    check: integer(2 ** 20, 2 ** 50),
  }),
  'generate.maxBatch': field<number>({
    default: 8,
    unit: 'requests',
    doc: 'Requests that a language model answers at once.',
    check: integer(1, 256),
  }),
  'generate.maxQueued': field<number>({
    default: 64,
    unit: 'requests',
    doc: 'Requests that may wait for a language model; more are told to come later.',
    check: integer(0, 100_000),
  }),
  'jobs.work': field<boolean>({ default: true, doc: 'Work on the jobs of other members.', check: boolean }),
  'jobs.guests': field<boolean>({
    default: false,
    doc: "In an open village: let guests work on this node's jobs; they can then read what a running job needs, its model included.",
    check: boolean,
  }),
  'jobs.leaseMs': field<number>({
    default: 30_000,
    unit: 'ms',
    doc: 'A task whose worker gives no sign for this long is given to another.',
    check: integer(500, 3_600_000),
  }),
  'jobs.hedgeFactor': field<number>({
    default: 3,
    unit: 'times the median task time',
    doc: 'A task that takes this much longer than its like is given to a second worker as well.',
    check: (value) =>
      typeof value === 'number' && value >= 1.5 && value <= 100 ? null : 'a number from 1.5 to 100',
  }),
  'jobs.replication': field<number>({
    default: 2,
    unit: 'copies',
    doc: 'How many peers compute a task while none of them is trusted yet.',
    check: integer(1, 5),
  }),
  'jobs.trustAfter': field<number>({
    default: 10,
    unit: 'results',
    doc: 'Consecutive valid results after which a peer is only spot-checked.',
    check: integer(1, 10_000),
  }),
  ...KNOWLEDGE_FIELDS,
  ...ROUNDS_FIELDS,
  ...FEDERATE_FIELDS,
  ...SELF_EVOLUTION_FIELDS,
  ...TRACKING_FIELDS,
  ...AGENTS_FIELDS,
} as const

export type ConfigKey = keyof typeof FIELDS
export type Config = { readonly [K in ConfigKey]: (typeof FIELDS)[K]['default'] }

const KEYS = Object.keys(FIELDS) as ConfigKey[]

export function isConfigKey(key: string): key is ConfigKey {
  return Object.hasOwn(FIELDS, key)
}

export const DEFAULT_CONFIG: Config = Object.fromEntries(
  KEYS.map((key) => [key, FIELDS[key].default]),
) as Config

/** `mesh.maxConnections` → `VILLAGE_MESH_MAX_CONNECTIONS`. */
export function environmentName(key: ConfigKey): string {
  return `VILLAGE_${key.replace(/[A-Z]/g, '_$&').replaceAll('.', '_').toUpperCase()}`
}

/** The value of a key written as text (command line, environment): JSON where it parses, a comma list for lists, else the text. */
function parseText(key: ConfigKey, value: string): unknown {
  if (Array.isArray(FIELDS[key].default) && !value.startsWith('['))
    return value.trim() === '' ? [] : value.split(',').map((item) => item.trim())
  if (typeof FIELDS[key].default === 'string') return value
  try {
    const parsed: unknown = JSON.parse(value)
    // A key that may be null can be a text, and the text can look like a number: a node may be called 42.
    return FIELDS[key].check(parsed) === null ? parsed : value
  } catch {
    return value
  }
}

/** Throws CONFIG_UNKNOWN_KEY or CONFIG_INVALID_VALUE; what is not given keeps its default. */
export function checkConfig(given: Record<string, unknown>, source: string): Partial<Config> {
  for (const [key, value] of Object.entries(given)) {
    if (!isConfigKey(key)) {
      const suggestion = nearest(key, KEYS)
      throw new VillageError(
        'CONFIG_UNKNOWN_KEY',
        `${source} has the unknown key "${key}"${suggestion === null ? '' : `; did you mean "${suggestion}"?`}`,
        { fields: { key, suggestion } },
      )
    }
    const expected = FIELDS[key].check(value)
    if (expected !== null)
      throw new VillageError('CONFIG_INVALID_VALUE', `${source}: "${key}" must be ${expected}`, {
        fields: { key },
      })
  }
  return given as Partial<Config>
}

async function readConfigFile(file: string): Promise<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, 'utf8'))
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
      throw new Error('it is not a JSON object')
    return parsed as Record<string, unknown>
  } catch (error) {
    throw new VillageError('CONFIG_UNREADABLE', `${file} cannot be used: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/**
 * Reads the configuration from a file (or none), the environment and the command line, and checks it whole.
 * A leading `~` of data.dir becomes the home directory.
 */
export async function loadConfig(init: {
  file: string | null
  environment: Record<string, string | undefined>
  arguments: Record<string, string>
}): Promise<Config> {
  const fromFile = init.file === null ? {} : checkConfig(await readConfigFile(init.file), init.file)
  const fromEnvironment: Record<string, unknown> = {}
  for (const key of KEYS) {
    const value = init.environment[environmentName(key)]
    if (value !== undefined) fromEnvironment[key] = parseText(key, value)
  }
  const fromArguments = Object.fromEntries(
    Object.entries(init.arguments).map(([key, value]) => [
      key,
      isConfigKey(key) ? parseText(key, value) : value,
    ]),
  )
  const config: Config = {
    ...DEFAULT_CONFIG,
    ...fromFile,
    ...checkConfig(fromEnvironment, 'The environment'),
    ...checkConfig(fromArguments, 'The command line'),
  }
  return { ...config, 'data.dir': path.resolve(config['data.dir'].replace(/^~(?=$|\/)/, homedir())) }
}
