/** JSON Schemas of what the routes about the machine answer with. */
import { COLUMNS } from '../compute/monitor/columns.ts'
import { amount, anyText, flag, listOf, object, orNull } from './schemas.ts'

const columns = (schema: (doc: string) => object) =>
  Object.fromEntries(COLUMNS.map(({ name, doc }) => [name, { ...schema(doc), description: doc }]))

export const RESOURCES = object({
  limits: object({
    cpuCores: amount,
    memoryBytes: amount,
    diskBytes: amount,
    uploadBytesPerSecond: orNull(amount),
  }),
  now: object({
    cpuCores: amount,
    memoryBytes: amount,
    freeMemoryBytes: amount,
    rssBytes: amount,
    diskFreeBytes: amount,
    power: anyText,
    batteryShare: orNull(amount),
    temperatureCelsius: orNull(amount),
    load: amount,
    accepting: flag,
    acceptingOwn: flag,
    reason: orNull(anyText),
  }),
  /** The newest sample of the history. */
  latest: orNull(object(columns(() => orNull(amount)))),
  /** What the data directory takes, walked every ten minutes. */
  disk: orNull(
    object({
      usedBytes: amount,
      parts: listOf(object({ name: anyText, sizeBytes: amount })),
      atMs: amount,
    }),
  ),
})

export const RESOURCE_HISTORY = object({
  intervalSeconds: amount,
  at: { ...listOf(amount), description: 'Unix seconds, ascending.' },
  ...columns(() => listOf(orNull(amount))),
})
