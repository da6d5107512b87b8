/** Rows of the configuration table for language models and jobs. */
import { boolean, integer, integerOrNull } from './config-checks.ts'
import { field } from './config-field.ts'

export const JOBS_FIELDS = {
  'generate.idleMs': field<number>({
    default: 300_000,
    unit: 'ms',
    doc: 'A language model that nobody has used for this long is unloaded.',
    reload: 'live',
    check: integer(0, 2 ** 31 - 1),
  }),
  'generate.memoryBytes': field<number | null>({
    default: null,
    unit: 'bytes',
    doc: 'The most that loaded language models may take; null takes half of what the node lends.',
    reload: 'live',
    check: integerOrNull(2 ** 20, 2 ** 50),
  }),
  'generate.cacheBytes': field<number>({
    default: 2 ** 30,
    unit: 'bytes',
    doc: 'The most that the caches of one language model may take; requests that do not fit wait.',
    reload: 'live',
    check: integer(2 ** 20, 2 ** 50),
  }),
  'generate.maxBatch': field<number>({
    default: 8,
    unit: 'requests',
    doc: 'Requests that a language model answers at once.',
    reload: 'live',
    check: integer(1, 256),
  }),
  'generate.maxQueued': field<number>({
    default: 64,
    unit: 'requests',
    doc: 'Requests that may wait for a language model; more are told to come later.',
    reload: 'live',
    check: integer(0, 100_000),
  }),
  'jobs.work': field<boolean>({
    default: true,
    doc: 'Work on the jobs of other members.',
    reload: 'live',
    check: boolean,
  }),
  'jobs.guests': field<boolean>({
    default: false,
    doc: "In an open village: let guests work on this node's jobs; they can then read what a running job needs, its model included.",
    reload: 'live',
    check: boolean,
  }),
  'jobs.leaseMs': field<number>({
    default: 30_000,
    unit: 'ms',
    doc: 'A task whose worker gives no sign for this long is given to another.',
    reload: 'live',
    check: integer(500, 3_600_000),
  }),
  'jobs.hedgeFactor': field<number>({
    default: 3,
    unit: 'times the median task time',
    doc: 'A task that takes this much longer than its like is given to a second worker as well.',
    reload: 'live',
    check: (value) =>
      typeof value === 'number' && value >= 1.5 && value <= 100 ? null : 'a number from 1.5 to 100',
  }),
  'jobs.replication': field<number>({
    default: 2,
    unit: 'copies',
    doc: 'How many peers compute a task while none of them is trusted yet.',
    reload: 'live',
    check: integer(1, 5),
  }),
  'jobs.trustAfter': field<number>({
    default: 10,
    unit: 'results',
    doc: 'Consecutive valid results after which a peer is only spot-checked.',
    reload: 'live',
    check: integer(1, 10_000),
  }),
} as const
