/**
 * The configuration of `village evolve`, which goals of self-evolution hold too: YAML or JSON, strict, with the units that people write. What workload and strategy make of
 * their options is for the daemon to check; here every other key is known or refused with the nearest known one.
 */
import { VillageError } from './errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts'
import { nearest } from './nearest.ts'
import { yaml } from './on-demand.ts'

const MAX_CONFIG_BYTES = 64 * 1024
/** A CIDv1 in base32 of a SHA-256: what `data` may name beside a path. */
const CID = /^b[a-z2-7]{58}$/
const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}
const ENERGY_JOULES: Readonly<Record<string, number>> = { J: 1, kJ: 1_000, MJ: 1e6, Wh: 3_600, kWh: 3.6e6 }

const FIELDS = [
  'name',
  'workload',
  'strategy',
  'seed',
  'population',
  'limits',
  'minimum',
  'scorers',
  'committee',
  'deadlines',
  'publish',
  'publishOnly',
]
const LIMITS = ['generations', 'evaluations', 'duration', 'energy', 'plateau', 'minGain']
const DEADLINES = ['propose', 'commit', 'reveal', 'build']
const POPULATION = 12
const GENERATIONS = 10

/** A file or folder that a part of the workload names: uploaded, its CID takes the place of the path. */
export interface DataFile {
  /** Keys and indexes from the workload's options to the value. */
  readonly at: readonly (string | number)[]
  readonly path: string
}

export interface EvolveConfig {
  /** As the API takes it, but for the files. */
  readonly spec: JsonObject
  readonly files: readonly DataFile[]
}

export const invalidConfig = (message: string, field: string, cause?: unknown): VillageError =>
  new VillageError('EVOLVE_CONFIG_INVALID', message, {
    fields: { field },
    ...(cause === undefined ? {} : { cause }),
  })

/** Absent and null are empty. */
export function objectIn(value: JsonValue | undefined, field: string): JsonObject {
  if (value === undefined || value === null) return {}
  if (!isJsonObject(value)) throw invalidConfig(`"${field}" must have keys of its own`, field)
  return value
}

/** Throws EVOLVE_CONFIG_INVALID, with the nearest key that there is. */
export function checkKeys(given: JsonObject, known: readonly string[], where: string): void {
  for (const key of Object.keys(given))
    if (!known.includes(key)) {
      const near = nearest(key, known)
      const field = where === '' ? key : `${where}.${key}`
      throw invalidConfig(
        `"${field}" is no known key${near === null ? '' : `; did you mean "${near}"?`}`,
        field,
      )
    }
}

/** `1h30m`, `90s`, `250ms`: one or more numbers, each with its unit. A plain number is refused: of what? */
function quantity(value: JsonValue, field: string, units: Readonly<Record<string, number>>): number {
  const names = Object.keys(units)
  const pattern = new RegExp(
    `(\\d+(?:\\.\\d+)?)\\s*(${[...names].sort((a, b) => b.length - a.length).join('|')})`,
    'g',
  )
  const text = typeof value === 'string' ? value.trim() : ''
  const parts = [...text.matchAll(pattern)]
  if (text === '' || text.replace(pattern, '').trim() !== '')
    throw invalidConfig(`"${field}" must be a number with a unit (${names.join(', ')})`, field)
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * units[unit!]!, 0)
}

/** In milliseconds. Throws EVOLVE_CONFIG_INVALID. */
export const durationIn = (value: JsonValue, field: string): number =>
  Math.round(quantity(value, field, DURATION_MS))

/** In joules. Throws EVOLVE_CONFIG_INVALID. */
export const energyIn = (value: JsonValue, field: string): number => quantity(value, field, ENERGY_JOULES)

function limitsOf(given: JsonObject): JsonObject {
  checkKeys(given, LIMITS, 'limits')
  const { duration, energy, ...counts } = given
  return {
    generations: GENERATIONS,
    ...counts,
    ...(duration === undefined || duration === null
      ? {}
      : { durationMs: durationIn(duration, 'limits.duration') }),
    ...(energy === undefined || energy === null ? {} : { joules: energyIn(energy, 'limits.energy') }),
  }
}

function deadlinesOf(given: JsonObject): JsonObject {
  checkKeys(given, DEADLINES, 'deadlines')
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`${name}Ms`, durationIn(value, `deadlines.${name}`)]),
  )
}

/** `{kind: merge, parents: …}` → `{kind: merge, options: {parents: …}}` */
function named(value: JsonValue | undefined, field: string, key: 'kind' | 'name'): JsonObject {
  if (typeof value === 'string') return { [key]: value, options: {} }
  const { [key]: name, ...options } = objectIn(value, field)
  if (typeof name !== 'string') throw invalidConfig(`"${field}.${key}" must be named`, `${field}.${key}`)
  return { [key]: name, options }
}

/** Which winners become models: those that beat every seed, or all. */
const PUBLISH_ONLY = ['better', 'always']

function publishOf(id: JsonValue | undefined, only: JsonValue | undefined): JsonObject {
  if (id !== undefined && id !== null && typeof id !== 'string')
    throw invalidConfig('"publish" must be the id that the winner gets', 'publish')
  const when = only ?? 'better'
  if (!PUBLISH_ONLY.some((known) => known === when))
    throw invalidConfig(`"publishOnly" must be one of ${PUBLISH_ONLY.join(', ')}`, 'publishOnly')
  if (typeof id === 'string') return { publish: when === 'always' ? { id, always: true } : { id } }
  if (only !== undefined && only !== null)
    throw invalidConfig('"publishOnly" is about "publish", which is not there', 'publishOnly')
  return {}
}

/** Keys below `workload` whose values are files or folders of this machine, or CIDs. */
const DATA_KEYS = ['data', 'judged']

/** Values of these keys that are no CIDs: paths. */
function dataFiles(value: JsonValue, at: readonly (string | number)[]): DataFile[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => dataFiles(item, [...at, index]))
  if (!isJsonObject(value)) return []
  return Object.entries(value).flatMap(([key, inner]): DataFile[] => {
    const here = [...at, key]
    if (DATA_KEYS.includes(key) && typeof inner === 'string')
      return CID.test(inner) ? [] : [{ at: here, path: inner }]
    return dataFiles(inner, here)
  })
}

/** A copy with another value at one place. */
export function withValueAt(
  value: JsonValue,
  at: readonly (string | number)[],
  replaced: JsonValue,
): JsonValue {
  const [key, ...rest] = at
  if (key === undefined) return replaced
  if (Array.isArray(value))
    return value.map((item, index) => (index === key ? withValueAt(item, rest, replaced) : item))
  const object = objectIn(value, 'workload')
  return { ...object, [key]: withValueAt(object[key]!, rest, replaced) }
}

/** Throws EVOLVE_CONFIG_INVALID for what is no YAML with keys. */
export function parseConfigText(text: string): JsonObject {
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES)
    throw invalidConfig(`A configuration has at most ${MAX_CONFIG_BYTES} bytes`, '')
  const document = yaml().parseDocument(text, { logLevel: 'silent', uniqueKeys: true })
  const [problem] = document.errors
  if (problem !== undefined)
    throw invalidConfig(`The configuration is not YAML: ${problem.message.split('\n')[0]}`, '', problem)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 0 })
  } catch (error) {
    throw invalidConfig('The configuration uses aliases of YAML; write the values out', '', error)
  }
  if (!isJsonObject(value)) throw invalidConfig('The configuration must have keys', '')
  return value
}

/**
 * `fallbackName` is the name of a run that the configuration does not name: that of the file. Throws EVOLVE_CONFIG_INVALID naming the
 * field.
 */
export const readEvolveConfig = (text: string, fallbackName: string): EvolveConfig =>
  evolveConfigOf(parseConfigText(text), fallbackName)

/** As readEvolveConfig(), of what was read already. */
export function evolveConfigOf(given: JsonObject, fallbackName: string): EvolveConfig {
  checkKeys(given, FIELDS, '')
  const { name, workload, strategy, population, limits, deadlines, publish, publishOnly, ...rest } = given
  const kind = named(workload, 'workload', 'kind')
  return {
    spec: {
      version: 1,
      name: name ?? fallbackName,
      workload: kind,
      strategy: named(strategy ?? 'tournament', 'strategy', 'name'),
      population: population ?? POPULATION,
      limits: limitsOf(objectIn(limits, 'limits')),
      deadlines: deadlinesOf(objectIn(deadlines, 'deadlines')),
      ...publishOf(publish, publishOnly),
      ...rest,
    },
    files: dataFiles(kind.options!, []),
  }
}
