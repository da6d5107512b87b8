/**
 * The configuration: one table of keys that feeds validation, `--help`, environment variables, docs and the dashboard.
 * A key is read from (first wins) the command line `--key value`, the environment `VILLAGE_KEY`, and the file (config-sources.ts).
 */
import path from 'node:path'
import { AGENTS_FIELDS } from './config-agents.ts'
import { boolean, integer, integerOrNull, multiaddrs, oneOf, text, textOrNull } from './config-checks.ts'
import { FEDERATE_FIELDS } from './config-federate.ts'
import { field } from './config-field.ts'
import { JOBS_FIELDS } from './config-jobs.ts'
import { KNOWLEDGE_FIELDS } from './config-knowledge.ts'
import { ROUNDS_FIELDS } from './config-rounds.ts'
import { SELF_EVOLUTION_FIELDS } from './config-self-evolution.ts'
import { TRACKING_FIELDS } from './config-tracking.ts'
import { VillageError } from './errors.ts'
import { LOG_LEVELS } from './log-levels.ts'
import { nearest } from './nearest.ts'

const GIB = 2 ** 30

export const FIELDS = {
  'data.dir': field<string>({
    ownerOnly: true,
    default: '~/.aivillage',
    doc: 'Where keys, state, artifacts and models are kept.',
    check: text,
  }),
  'log.level': field<string>({
    default: 'info',
    doc: 'The least severe message that is logged.',
    reload: 'live',
    check: oneOf(...LOG_LEVELS),
  }),
  'log.file': field<string | null>({
    ownerOnly: true,
    default: null,
    unit: 'path',
    doc: 'Where the log is written, as JSON lines; null: standard error, which a service manager keeps.',
    check: (value) =>
      value === null || (typeof value === 'string' && path.isAbsolute(value))
        ? null
        : 'an absolute path, or null',
  }),
  'log.maxBytes': field<number>({
    default: 16 * 2 ** 20,
    unit: 'bytes',
    doc: 'A log file that has grown to this size is put aside, and a new one begun.',
    reload: 'live',
    check: integer(4_096, 2 ** 40),
  }),
  'log.keep': field<number>({
    default: 4,
    unit: 'files',
    doc: 'Log files that are kept beside the present one.',
    reload: 'live',
    check: integer(0, 100),
  }),
  'node.name': field<string | null>({
    default: null,
    doc: 'The name that other members see; null takes the host name.',
    check: textOrNull,
  }),
  'api.host': field<string>({
    ownerOnly: true,
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
    reload: 'live',
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
  'mesh.maxConnections': field<number | null>({
    default: null,
    unit: 'connections',
    doc: 'Connections kept at once; null takes the profile’s: 100, server 300, edge 30.',
    check: integerOrNull(4, 1000),
  }),
  profile: field<string>({
    default: 'laptop',
    doc: 'What this machine lends: laptop (half its cores, pauses on battery), server (all), edge (one core, small caches).',
    reload: 'live',
    check: oneOf('laptop', 'server', 'edge'),
  }),
  'resources.maxCpuCores': field<number | null>({
    default: null,
    unit: 'cores',
    doc: 'Worker threads for jobs; null takes the profile’s share.',
    reload: 'live',
    check: integerOrNull(1, 1024),
  }),
  'resources.maxMemoryBytes': field<number | null>({
    default: null,
    unit: 'bytes',
    doc: 'Memory above which no more work is taken; null takes the profile’s share.',
    reload: 'live',
    check: integerOrNull(256 * 2 ** 20, 2 ** 50),
  }),
  'resources.maxDiskBytes': field<number>({
    default: 50 * GIB,
    unit: 'bytes',
    doc: 'The most that artifacts may take on disk.',
    reload: 'live',
    check: integer(2 ** 20, 2 ** 50),
  }),
  'resources.maxUploadBytesPerSecond': field<number | null>({
    default: null,
    unit: 'bytes/s',
    doc: 'The most that is sent to other members; null sets no limit.',
    reload: 'live',
    check: integerOrNull(16 * 1024, 2 ** 40),
  }),
  'resources.maxTemperatureCelsius': field<number>({
    default: 90,
    unit: '°C',
    doc: 'Processor temperature above which no more work is taken.',
    reload: 'live',
    check: integer(40, 120),
  }),
  'resources.onBattery': field<string>({
    default: 'auto',
    doc: 'On battery: pause (take no work), run, or auto (what the profile says).',
    reload: 'live',
    check: oneOf('auto', 'pause', 'run'),
  }),
  'compute.native': field<string>({
    default: 'auto',
    doc: 'auto: compiled kernels where they were built. off: the TypeScript reference.',
    check: oneOf('auto', 'off'),
  }),
  'models.hubUrl': field<string | null>({
    ownerOnly: true,
    default: null,
    doc: 'Where models are pulled from: a Hugging Face compatible hub. null takes HF_ENDPOINT of the environment, else https://huggingface.co.',
    reload: 'live',
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
  ...JOBS_FIELDS,
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
export function parseText(key: ConfigKey, value: string): unknown {
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
