/** The keys of a configuration of federated learning, and how mistakes in it are named. */
import { toVillageError, VillageError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { nearest } from '../../nearest.ts'

/** So that a slip is named as one, with what may have been meant, and not by what is missing then. */
export const SECTION_KEYS: Readonly<Record<string, readonly string[]>> = {
  clients: ['minimum', 'target', 'overSelection', 'deadlineSeconds', 'attempts'],
  local: [
    'steps',
    'batch',
    'length',
    'learningRate',
    'clip',
    'optimiser',
    'momentum',
    'weightDecay',
    'proximal',
    'renewal',
  ],
  method: ['kind', 'rank', 'alpha', 'modules'],
  server: ['name', 'rate', 'momentum', 'decay', 'adaptivity'],
  compression: ['codec', 'share'],
  privacy: ['clip', 'delta', 'samplingRate', 'noiseMultiplier', 'epsilon'],
  secure: ['threshold', 'range', 'ringBits'],
  simulation: ['clients', 'alpha', 'dropOut', 'classes', 'features', 'hidden', 'examples'],
}
export const SPEC_KEYS = [
  'name',
  'model',
  'data',
  'strategy',
  'rounds',
  'seed',
  'aggregation',
  ...Object.keys(SECTION_KEYS),
]
/** Of the file alone. */
export const FILE_KEYS = ['test', 'texts', 'id']

/** Throws FEDERATION_CONFIG_INVALID, with the nearest key that there is. */
export function checkKeys(given: JsonObject, known: readonly string[], where: string): void {
  const key = Object.keys(given).find((one) => !known.includes(one))
  if (key === undefined) return
  const near = nearest(key, known)
  throw new VillageError(
    'FEDERATION_CONFIG_INVALID',
    `"${where}${key.slice(0, 64)}" is not known${near === null ? '' : `; did you mean "${near}"?`}`,
    { fields: { argument: `${where}${key}` } },
  )
}

/** One code for all that is wrong with a configuration. */
export function asConfigError<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    const { code, message, fields } = toVillageError(error)
    if (code !== 'INVALID_ARGUMENT') throw error
    throw new VillageError('FEDERATION_CONFIG_INVALID', message, { cause: error, fields })
  }
}
