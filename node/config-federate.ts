/** Rows of the configuration table for federated learning: what this node's owner offers to it, and how much. */
import path from 'node:path'
import { integer, integerOrNull } from './config-checks.ts'
import { field } from './config-field.ts'

const NAMED_FILE = /^[a-z0-9][a-z0-9._-]{0,63}=/
const MAX_FILES = 64

function namedFiles(value: unknown): string | null {
  const isNamed = (item: unknown) =>
    typeof item === 'string' &&
    item.length <= 4_096 &&
    NAMED_FILE.test(item) &&
    path.isAbsolute(item.slice(item.indexOf('=') + 1))
  return Array.isArray(value) && value.length <= MAX_FILES && value.every(isNamed)
    ? null
    : 'a list such as my-notes=/home/me/notes.txt, with absolute paths'
}

export const FEDERATE_FIELDS = {
  'federate.data': field<readonly string[]>({
    ownerOnly: true,
    default: [],
    unit: 'name=path',
    doc: 'Texts that federations of the village may learn from, by name; a name may have several files. They never leave this machine. None: this node takes part in no federation.',
    reload: 'live',
    check: namedFiles,
  }),
  'federate.servers': field<readonly string[]>({
    default: [],
    unit: 'peer ids',
    doc: 'Members that may use them; none: every member.',
    reload: 'live',
    check: (value) =>
      Array.isArray(value) &&
      value.length <= 1_024 &&
      value.every((item) => typeof item === 'string' && /^[1-9A-HJ-NP-Za-km-z]{40,64}$/.test(item))
        ? null
        : 'a list of peer ids (`village members`)',
  }),
  'federate.roundsByDay': field<number>({
    default: 500,
    unit: 'rounds',
    doc: 'Rounds that this node trains in a day (UTC).',
    reload: 'live',
    check: integer(0, 1_000_000),
  }),
  'federate.minutesByDay': field<number>({
    default: 240,
    unit: 'minutes',
    doc: 'Time that this node trains in a day.',
    reload: 'live',
    check: integer(0, 1_440),
  }),
  'federate.wattHoursByDay': field<number | null>({
    default: null,
    unit: 'Wh',
    doc: 'Energy that its training may take in a day, by the counters of the processor or, without them, 10 W a core; null sets no limit.',
    reload: 'live',
    check: integerOrNull(1, 1_000_000),
  }),
} as const
