/** Rows of the configuration table for knowledge: collections, indexing, search, replicas, answers. */
import { integer, integerOrNull, textOrNull } from './config-checks.ts'
import { field } from './config-field.ts'

const MIB = 2 ** 20

export const KNOWLEDGE_FIELDS = {
  'knowledge.maxFileBytes': field<number>({
    default: 64 * MIB,
    unit: 'bytes',
    doc: 'The largest document that is indexed; larger ones are reported and skipped. Text that is read in pieces has knowledge.maxTextBytes.',
    check: integer(1024, 2 ** 50),
  }),
  'knowledge.maxTextBytes': field<number>({
    default: 4096 * MIB,
    unit: 'bytes',
    doc: 'The largest file of plain text, CSV or JSON lines that is indexed.',
    check: integer(1024, 2 ** 50),
  }),
  'knowledge.parserMemoryBytes': field<number | null>({
    default: null,
    unit: 'bytes',
    doc: 'Memory that the process that reads documents may take before it is ended and its file skipped; null takes 768 MiB, 384 MiB with the profile edge.',
    check: integerOrNull(64 * MIB, 2 ** 50),
  }),
  'knowledge.parserTimeoutMs': field<number>({
    default: 60_000,
    unit: 'ms',
    doc: 'A document that takes longer to read is skipped.',
    check: integer(100, 3_600_000),
  }),
  'knowledge.commitEveryMs': field<number>({
    default: 5_000,
    unit: 'ms',
    doc: 'How often indexing makes durable what it has done, so that a crash loses no more.',
    check: integer(100, 3_600_000),
  }),
  'knowledge.watchDelayMs': field<number>({
    default: 1_000,
    unit: 'ms',
    doc: 'A watched folder is indexed when nothing has changed in it for this long.',
    check: integer(10, 3_600_000),
  }),
  'knowledge.answerModel': field<string | null>({
    default: null,
    doc: 'A language model that puts answers to questions into words (experimental); null answers with sentences of the documents alone.',
    reload: 'live',
    check: textOrNull,
  }),
  'knowledge.answerThreshold': field<number | null>({
    default: null,
    unit: 'share',
    doc: 'The confidence below which a question counts as not answered by the collections; null takes the one that was calibrated.',
    reload: 'live',
    check: (value) =>
      value === null || (typeof value === 'number' && value >= 0 && value <= 1)
        ? null
        : 'null or a number from 0 to 1',
  }),
  'knowledge.replicaBytes': field<number>({
    default: 5 * 1024 * MIB,
    unit: 'bytes',
    doc: "Disk that is lent to other members' collections; 0 holds none.",
    reload: 'live',
    check: integer(0, 2 ** 50),
  }),
  'knowledge.deadlineMs': field<number>({
    default: 2_000,
    unit: 'ms',
    doc: 'A search answers after this long with what it has, and names what is missing.',
    reload: 'live',
    check: integer(50, 60_000),
  }),
  'knowledge.maxPeers': field<number>({
    default: 10,
    unit: 'members',
    doc: 'Members that one search asks at most; the sketches of the collections say which are worth it.',
    reload: 'live',
    check: integer(1, 1_000),
  }),
  'knowledge.requestsByMinute': field<number>({
    default: 3_000,
    unit: 'requests/min',
    doc: 'Requests about collections that one member may make in a minute; a guest has a tenth. A search makes two or three.',
    check: integer(1, 1_000_000),
  }),
  'knowledge.repairAfterMs': field<number>({
    default: 600_000,
    unit: 'ms',
    doc: 'When a member is away for this long, others take over the copies of collections that it holds.',
    check: integer(100, 2 ** 40),
  }),
  'knowledge.forgetAfterMs': field<number>({
    default: 30 * 24 * 3_600_000,
    unit: 'ms',
    doc: 'Copies of a collection whose owner was not seen for this long are removed.',
    check: integer(60_000, 2 ** 50),
  }),
} as const
