/** Peers whose answers failed a check are not asked for a while, longer each time. Pure: the time is an argument. */

const FIRST_PAUSE_MS = 5 * 60_000
const LONGEST_PAUSE_MS = 24 * 3_600_000
/** Good answers that make up for one failure. */
const ANSWERS_TO_FORGIVE = 100
/** More refusals count no further: a peer that has time again is soon where it was. */
const MOST_REFUSALS = 10
/** Doubts that make a failure; a good answer takes away half a doubt. */
const DOUBTS_TO_FAIL = 4
const DOUBT_OF_ANSWER = 0.5

export interface PeerStanding {
  /** Not yet made up for. */
  readonly failures: number
  /** Good answers since the last failure, or since one was forgiven. */
  readonly answers: number
  readonly pausedUntilMs: number
  /** Questions refused (busy, too many of them); each answer makes up for half of them. */
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
  const refusals = Math.floor(before.refusals / 2)
  const standing = { ...before, refusals, doubts: Math.max(0, before.doubts - DOUBT_OF_ANSWER) }
  if (standing.failures === 0) return standing
  const answers = standing.answers + 1
  if (answers < ANSWERS_TO_FORGIVE) return { ...standing, answers }
  return { ...standing, failures: standing.failures - 1, answers: 0 }
}

/** No failure: an honest peer may be overloaded, and the next holder is asked at once. But others are preferred. */
export function afterRefusal(standing: PeerStanding): PeerStanding {
  return { ...standing, refusals: Math.min(MOST_REFUSALS, standing.refusals + 1) }
}

/** So many times slower than it is a peer counts when holders are chosen: it may refuse again. */
export function slownessOf({ refusals }: PeerStanding): number {
  return 2 ** refusals
}

/** `weight` 1 for a doubt, 2 for what only a deletion that this node has not heard of would explain. */
export function afterDoubt(standing: PeerStanding, weight: 1 | 2, nowMs: number): PeerStanding {
  const doubts = standing.doubts + weight
  return doubts >= DOUBTS_TO_FAIL ? afterFailure(standing, nowMs) : { ...standing, doubts }
}

export function mayBeAsked(standing: PeerStanding, nowMs: number): boolean {
  return nowMs >= standing.pausedUntilMs
}

/** Whether its word that it holds a segment counts. */
export function isTrusted(standing: PeerStanding): boolean {
  return standing.failures === 0
}
