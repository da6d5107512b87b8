/**
 * `/village/rounds/1.0.0`: members that take part in a run of evolution agree on its ledger, and give each other what they lack of it
 * (docs/protocols/rounds.md). What is signed and hashed is specified in docs/protocols/ledger.md; here it is bytes.
 *
 * The opener sends requests, one field a frame. `statement`, `message` and `tips` get no answer, `want` is answered by RoundsPages until
 * one has `more` false.
 */
import { bool, bytes, type Infer, list, message, nested, optional, uint32, uint64 } from './message.ts'
import type { ProtocolSpec } from './spec.ts'

export const ROUNDS_PROTOCOL: ProtocolSpec = {
  id: '/village/rounds/1.0.0',
  access: 'member',
  /** A block of 1 MiB, its certificate and its announcement. */
  maxFrameBytes: 1_536 * 1024,
  frameTimeoutMs: 20_000,
  maxStreamsByPeer: 4,
  streamsByMinute: 120,
}

/** Gossip topic of RoundsNews. */
export const ROUNDS_TOPIC = 'rounds'
export const MAX_ROUNDS_NEWS_BYTES = 256

export const ROUNDS_LIMITS = {
  runBytes: 16,
  maxAnnouncementBytes: 64 * 1024,
  maxStatementBytes: 256 * 1024,
  maxBlockBytes: 2 ** 20,
  /** A block, the votes that made it valid, and a vote. */
  maxMessageBytes: 2 ** 20 + 8 * 1024,
  maxCertificateBytes: 8 * 1024,
  /** Runs of one RoundsTips. */
  maxRuns: 256,
  /** Blocks of one RoundsPage; its sender also ends it when it gets larger than `pageBytes`. */
  maxBlocksByPage: 64,
  pageBytes: 192 * 1024,
  /** Frames that a peer may send in a minute, and their bytes. */
  framesByMinute: 6_000,
  bytesByMinute: 64 * 2 ** 20,
} as const

const runId = () => bytes(ROUNDS_LIMITS.runBytes)

/** Gossip: there is a run, or a block of it. */
export const RoundsNews = message('RoundsNews', {
  run: [1, runId()],
  height: [2, uint64()],
})

export const RunTip = message('RunTip', {
  run: [1, runId()],
  /** 0: the announcement alone. */
  height: [2, uint64()],
  /** SHA-256 of the block, or of the announcement. */
  hash: [3, bytes(32)],
})
export type RunTip = Infer<typeof RunTip>

/** What the sender has, newest first; none: what does the other side have? Who hears of less than it has itself says so. */
export const RoundsTips = message('RoundsTips', {
  tips: [1, list(nested(RunTip, 128), ROUNDS_LIMITS.maxRuns)],
})
export type RoundsTips = Infer<typeof RoundsTips>

/** Of the run, blocks from this height on, and with 0 the announcement too. */
const RunWant = message('RunWant', {
  run: [1, runId()],
  from: [2, uint64()],
})

const RunStatement = message('RunStatement', {
  run: [1, runId()],
  statement: [2, bytes(ROUNDS_LIMITS.maxStatementBytes)],
})

/** A proposal or a vote of the committee. */
const RunMessage = message('RunMessage', {
  run: [1, runId()],
  message: [2, bytes(ROUNDS_LIMITS.maxMessageBytes)],
})

/** One field a frame. */
export const RoundsRequest = message('RoundsRequest', {
  statement: [1, optional(nested(RunStatement, ROUNDS_LIMITS.maxStatementBytes + 128))],
  message: [2, optional(nested(RunMessage, ROUNDS_LIMITS.maxMessageBytes + 128))],
  tips: [3, optional(nested(RoundsTips, 64 * 1024))],
  want: [4, optional(nested(RunWant, 64))],
})
export type RoundsRequest = Infer<typeof RoundsRequest>

const CertifiedBlock = message('CertifiedBlock', {
  block: [1, bytes(ROUNDS_LIMITS.maxBlockBytes)],
  certificate: [2, bytes(ROUNDS_LIMITS.maxCertificateBytes)],
})

/** Answers `want`. An unknown run has no announcement, no blocks and `known` 0. */
export const RoundsPage = message('RoundsPage', {
  /** 1 where the sender has the run. */
  known: [1, uint32()],
  /** Empty where `from` was above 0. */
  announcement: [2, bytes(ROUNDS_LIMITS.maxAnnouncementBytes)],
  blocks: [
    3,
    list(nested(CertifiedBlock, ROUNDS_LIMITS.maxBlockBytes + 16 * 1024), ROUNDS_LIMITS.maxBlocksByPage),
  ],
  more: [4, bool()],
  /** With the announcement: what the run is traced as (node/tracing.ts TRACE_CONTEXT_BYTES), or empty. */
  trace: [5, bytes(25)],
})
export type RoundsPage = Infer<typeof RoundsPage>
