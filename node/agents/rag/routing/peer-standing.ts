/** Peers whose answers failed a check are not asked for a while, longer each time. Pure: the time is an argument. */

const FIRST_PAUSE_MS = 5 * 60_000
const LONGEST_PAUSE_MS = 24 * 3_600_000
/** Good answers that make up for one failure. */
const ANSWERS_TO_FORGIVE = 100

export interface PeerStanding {
  /** Not yet made up for. */
  readonly failures: number
  /** Good answers since the last failure, or since one was forgiven. */
  readonly answers: number
  readonly pausedUntilMs: number
}

export const GOOD_STANDING: PeerStanding = { failures: 0, answers: 0, pausedUntilMs: 0 }

export function afterFailure(standing: PeerStanding, nowMs: number): PeerStanding {
  const failures = standing.failures + 1
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(standing.failures, 30))
  return { failures, answers: 0, pausedUntilMs: nowMs + pauseMs }
}

export function afterGoodAnswer(standing: PeerStanding): PeerStanding {
  if (standing.failures === 0) return standing
  const answers = standing.answers + 1
  if (answers < ANSWERS_TO_FORGIVE) return { ...standing, answers }
  return { ...standing, failures: standing.failures - 1, answers: 0 }
}

export function mayBeAsked(standing: PeerStanding, nowMs: number): boolean {
  return nowMs >= standing.pausedUntilMs
}
