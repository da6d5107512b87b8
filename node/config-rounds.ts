/** Rows of the configuration table for runs of evolution. */
import { boolean, integer, integerOrNull } from './config-checks.ts'
import { field } from './config-field.ts'

const KIND = /^[a-z][a-z-]{0,39}$/

export const ROUNDS_FIELDS = {
  'rounds.work': field<boolean>({
    default: true,
    doc: 'Take part in runs of evolution that other members announce; own runs always.',
    reload: 'live',
    check: boolean,
  }),
  'rounds.kinds': field<readonly string[]>({
    default: [],
    unit: 'workloads',
    doc: 'Workloads of runs that this node takes part in; empty: all.',
    reload: 'live',
    check: (value) =>
      Array.isArray(value) &&
      value.length <= 32 &&
      value.every((kind) => typeof kind === 'string' && KIND.test(kind))
        ? null
        : 'a list of workloads such as merge',
  }),
  'rounds.maxRuns': field<number>({
    default: 8,
    unit: 'runs',
    doc: 'Runs that this node takes part in at once.',
    reload: 'live',
    check: integer(1, 256),
  }),
  'rounds.keepRuns': field<number>({
    default: 64,
    unit: 'runs',
    doc: 'Runs that are over whose ledgers are kept; the oldest go first.',
    reload: 'live',
    check: integer(1, 1_024),
  }),
  'rounds.maxInputBytes': field<number>({
    default: 8 * 2 ** 30,
    unit: 'bytes',
    doc: 'What a run of another member may ask this node to fetch and keep; larger ones it takes part in only when told to (village rounds join).',
    reload: 'live',
    check: integer(0, 2 ** 50),
  }),
  'rounds.maxDeadlineMinutes': field<number>({
    default: 120,
    unit: 'minutes',
    doc: 'How long a phase of a run of another member may last, and so its work on one candidate; slower ones it takes part in only when told to.',
    reload: 'live',
    check: integer(1, 1_440),
  }),
  'rounds.candidatesAtOnce': field<number | null>({
    default: null,
    unit: 'candidates',
    doc: 'Candidates that are scored at once, over all runs; null: as many as the node lends cores.',
    reload: 'live',
    check: integerOrNull(1, 1_024),
  }),
} as const
