/**
 * Who of the members counts when replicas are placed. A laptop that closes for the night must not set gigabytes in motion:
 * a member that is not seen is away, and only after a while gone; one that comes back must stay a while before it counts again.
 * Pure: who is seen, and when, are arguments.
 */

export type PresenceState =
  /** Seen, and counted. */
  | 'present'
  /** Not seen for a short while: keeps its places, its copies cannot be asked. */
  | 'away'
  /** Seen again after it was gone: its copies can be asked, but it gets no new ones yet. */
  | 'returning'
  /** Not seen for long: others take its places. */
  | 'gone'

export interface Presence {
  readonly state: PresenceState
  /** When it came into this state. */
  readonly sinceMs: number
}

export interface PresenceLimits {
  /** Not seen for this long: gone. */
  readonly awayMs: number
  /** Seen for this long after it was gone: present. */
  readonly settleMs: number
}

/** The states after it was looked at who is seen. A member that was never known before is present at once. */
export function observePresence(
  before: ReadonlyMap<string, Presence>,
  seen: ReadonlySet<string>,
  nowMs: number,
  limits: PresenceLimits,
): Map<string, Presence> {
  const after = new Map<string, Presence>()
  for (const peer of seen) if (!before.has(peer)) after.set(peer, { state: 'present', sinceMs: nowMs })
  for (const [peer, presence] of before) after.set(peer, step(presence, seen.has(peer), nowMs, limits))
  return after
}

function step(presence: Presence, isSeen: boolean, nowMs: number, limits: PresenceLimits): Presence {
  const { state, sinceMs } = presence
  const become = (next: PresenceState): Presence => ({ state: next, sinceMs: nowMs })
  if (isSeen) {
    if (state === 'away') return become('present')
    if (state === 'gone') return become('returning')
    return state === 'returning' && nowMs - sinceMs >= limits.settleMs ? become('present') : presence
  }
  if (state === 'present') return become('away')
  if (state === 'returning') return become('gone')
  return state === 'away' && nowMs - sinceMs >= limits.awayMs ? become('gone') : presence
}

/** Members to place replicas over. */
export function countsForPlacement(presence: Presence): boolean {
  return presence.state === 'present' || presence.state === 'away'
}

/** Members whose copies are there now. */
export function canBeAsked(presence: Presence): boolean {
  return presence.state === 'present' || presence.state === 'returning'
}
