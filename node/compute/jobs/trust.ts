/**
 * What this node thinks of other peers' work, after BOINC's adaptive replication (Anderson, "BOINC: A Platform for
 * Volunteer Computing", 2019, section 3.4): trust is earned by (peer, task kind) with consecutive valid results, then
 * results are checked with probability 1/N; one invalid result resets it, and a proven lie quarantines the peer for all
 * kinds, each time for longer.
 */
import type { Check } from './job-tasks.ts'

export interface TrustRecord {
  readonly peer: string
  readonly kind: string
  readonly consecutiveValid: number
}

export interface QuarantineRecord {
  readonly peer: string
  readonly untilMs: number
  /** Quarantines so far: the length grows with it. */
  readonly count: number
  readonly kind: string
  readonly reason: string
  /** When it was last caught lying; null where it was only silent. Absent in records of earlier versions. */
  readonly lieAtMs?: number | null
}

export interface TrustRules {
  /** Consecutive valid results from which on a peer is only spot-checked. */
  readonly trustAfter: number
  /** Peers that compute a task of a replicated kind; 1 checks the whole result here instead. */
  readonly replication: number
}

const HOUR_MS = 3_600_000
const LIE_MS = HOUR_MS
const SILENCE_MS = HOUR_MS / 12
const GROWTH = 4
const LONGEST_MS = 30 * 24 * HOUR_MS
/** Leases in a row that may expire in a peer's hands before it counts as silent. */
export const MAX_SILENCES = 3

/** How the next result of a peer is treated; `random` is uniform in [0, 1). */
export function chooseCheck(
  init: {
    own: boolean
    /** Of an open village: it is never trusted, however often it was right. */
    guest: boolean
    consecutiveValid: number
    taskCheck: 'verify' | 'replicate'
    rules: TrustRules
  },
  random: () => number,
): Check {
  if (init.own) return 'none'
  if (!init.guest && init.consecutiveValid >= init.rules.trustAfter)
    return random() < 1 / Math.max(1, init.consecutiveValid) ? 'spot' : 'none'
  return init.taskCheck === 'replicate' && init.rules.replication > 1 ? 'replicate' : 'full'
}

export function afterValid(record: TrustRecord): TrustRecord {
  return { ...record, consecutiveValid: record.consecutiveValid + 1 }
}

export function quarantineFor(
  before: QuarantineRecord | null,
  init: { peer: string; kind: string; reason: string; cause: 'lie' | 'silence' },
  nowMs: number,
): QuarantineRecord {
  const count = (before?.count ?? 0) + 1
  const base = init.cause === 'lie' ? LIE_MS : SILENCE_MS
  const lengthMs = Math.min(LONGEST_MS, base * GROWTH ** (count - 1))
  const { peer, kind, reason } = init
  const lieAtMs = init.cause === 'lie' ? nowMs : (before?.lieAtMs ?? null)
  return { peer, kind, reason, count, untilMs: nowMs + lengthMs, lieAtMs }
}

export const isQuarantined = (record: QuarantineRecord | null | undefined, nowMs: number) =>
  record != null && record.untilMs > nowMs
