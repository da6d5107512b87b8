/**
 * The protobuf messages of W&B's run files, as far as a run of figures needs them (wandb/proto/wandb_internal.proto; field numbers
 * are theirs). Values travel as JSON text.
 */
import { list, message, nested, optional, string, uint32, uint64 } from '../../mesh/protocols/message.ts'

const MAX_KEY_BYTES = 4_096
const MAX_VALUE_BYTES = 2 ** 20
const MAX_ITEMS = 10_000
const MAX_MESSAGE_BYTES = 2 ** 26

const EMPTY = message('Empty', {})

/** HistoryItem, ConfigItem and SummaryItem alike. */
const ITEM = message('Item', {
  key: [1, string(MAX_KEY_BYTES)],
  valueJson: [16, string(MAX_VALUE_BYTES)],
})
const items = () => list(nested(ITEM, MAX_MESSAGE_BYTES), MAX_ITEMS)

const STEP = message('HistoryStep', { num: [1, uint64()] })
const HISTORY = message('HistoryRecord', {
  items: [1, items()],
  step: [2, optional(nested(STEP, 64))],
})
/** ConfigRecord and SummaryRecord alike. */
const UPDATE = message('Update', { update: [1, items()] })
const TIMESTAMP = message('Timestamp', { seconds: [1, uint64()], nanos: [2, uint32()] })

const RUN = message('RunRecord', {
  runId: [1, string(MAX_KEY_BYTES)],
  project: [3, string(MAX_KEY_BYTES)],
  config: [4, optional(nested(UPDATE, MAX_MESSAGE_BYTES))],
  runGroup: [6, string(MAX_KEY_BYTES)],
  jobType: [7, string(MAX_KEY_BYTES)],
  displayName: [8, string(MAX_KEY_BYTES)],
  notes: [9, string(MAX_VALUE_BYTES)],
  tags: [10, list(string(MAX_KEY_BYTES), MAX_ITEMS)],
  startTime: [17, optional(nested(TIMESTAMP, 64))],
})
const EXIT = message('RunExitRecord', { exitCode: [1, uint32()], runtime: [2, uint32()] })

export const RECORD = message('Record', {
  /** From 1. */
  num: [1, uint64()],
  history: [2, optional(nested(HISTORY, MAX_MESSAGE_BYTES))],
  summary: [3, optional(nested(UPDATE, MAX_MESSAGE_BYTES))],
  run: [17, optional(nested(RUN, MAX_MESSAGE_BYTES))],
  exit: [18, optional(nested(EXIT, 64))],
  final: [20, optional(nested(EMPTY, 64))],
  header: [21, optional(nested(EMPTY, 64))],
  footer: [22, optional(nested(EMPTY, 64))],
})
