/** Peers whose answers failed a check are not asked for a while, longer each time. Pure: the time is an argument. */

const FIRST_PAUSE_MS = 5 * 60_000
const LONGEST_PAUSE_MS = 24 * 3_600_000
/** Good answers that make up for one failure. */
const ANSWERS_TO_FORGIVE = 100
/** A peer that refuses so many questions in a row has no time for this node: it is left alone for a while. */
const REFUSALS_IN_A_ROW = 8
const REFUSAL_PAUSE_MS = 60_000
/** Doubts that make a failure; a good answer takes away half a doubt. */
const DOUBTS_TO_FAIL = 4
const DOUBT_OF_ANSWER = 0.5

export interface PeerStanding {
  /** Not yet made up for. */
  readonly failures: number
  /** Good answers since the last failure, or since one was forgiven. */
  readonly answers: number
  readonly pausedUntilMs: number
  /** Questions refused (busy, too many of them) since the last that was not. */
  readonly refusals: number
  /** Weighed: how often it seemed to leave something out, without proof that nothing else explains it. */
  readonly doubts: number
}

export const GOOD_STANDING: PeerStanding = {
  failures: 0,
  answers: 0,
  pausedUntilMs: 0,
  refusals: 0,
  doubts: 0,
}

export function afterFailure(standing: PeerStanding, nowMs: number): PeerStanding {
  const failures = standing.failures + 1
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(standing.failures, 30))
  return { failures, answers: 0, pausedUntilMs: nowMs + pauseMs, refusals: 0, doubts: 0 }
}

export function afterGoodAnswer(before: PeerStanding): PeerStanding {
  if (before.failures === 0 && before.refusals === 0 && before.doubts === 0) return before
  const standing = { ...before, refusals: 0, doubts: Math.max(0, before.doubts - DOUBT_OF_ANSWER) }
  if (standing.failures === 0) return standing
  const answers = standing.answers + 1
  if (answers < ANSWERS_TO_FORGIVE) return { ...standing, answers }
  return { ...standing, failures: standing.failures - 1, answers: 0 }
}

/** No failure: an honest peer may be overloaded, and the next holder is asked at once. */
export function afterRefusal(standing: PeerStanding, nowMs: number): PeerStanding {
  const refusals = standing.refusals + 1
  if (refusals < REFUSALS_IN_A_ROW) return { ...standing, refusals }
  return {
    ...standing,
    refusals: 0,
    pausedUntilMs: Math.max(standing.pausedUntilMs, nowMs + REFUSAL_PAUSE_MS),
  }
}

/** `weight` 1 for a doubt, 2 for what only a deletion that this node has not heard of would explain. */
export function afterDoubt(standing: PeerStanding, weight: 1 | 2, nowMs: number): PeerStanding {
  const doubts = standing.doubts + weight
  return doubts >= DOUBTS_TO_FAIL ? afterFailure(standing, nowMs) : { ...standing, doubts, refusals: 0 }
}

export function mayBeAsked(standing: PeerStanding, nowMs: number): boolean {
  return nowMs >= standing.pausedUntilMs
}

/** Whether its word that it holds a segment counts. */
export function isTrusted(standing: PeerStanding): boolean {
  return standing.failures === 0
}
