/** How a member is doing, in a word and a tone: the same on the map, in the list and in the table. */

const BUSY_LOAD = 0.85
/** Tone → class of the dot. */
export const DOTS = { self: 'good', good: 'good', busy: 'busy', warn: 'warn', away: '', gone: 'bad' }

/**
 * @param {{ self: boolean, connected: boolean, revoked: { reason: string } | null, leftAtMs: number | null }} member
 * @param {{ capabilities: { accepting: boolean, load: number } | null } | undefined} peer where it is connected
 * @returns {{ word: string, tone: 'self' | 'good' | 'busy' | 'warn' | 'away' | 'gone' }}
 */
export function stateOf(member, peer) {
  if (member.revoked !== null)
    return { word: `revoked${member.revoked.reason ? `: ${member.revoked.reason}` : ''}`, tone: 'gone' }
  if (member.leftAtMs !== null) return { word: 'left', tone: 'gone' }
  if (member.self) return { word: 'this node', tone: 'self' }
  if (!member.connected) return { word: 'away', tone: 'away' }
  const capabilities = peer?.capabilities ?? null
  if (capabilities?.accepting === false) return { word: 'paused', tone: 'warn' }
  if ((capabilities?.load ?? 0) >= BUSY_LOAD) return { word: 'busy', tone: 'busy' }
  return { word: 'online', tone: 'good' }
}

/** @param {number | null | undefined} ms */
export const latencyText = (ms) =>
  ms === null || ms === undefined ? '–' : ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`

/** How it is connected, in words. @param {{ relayed: boolean } | undefined} peer */
export const linkText = (peer) => (peer === undefined ? 'none' : peer.relayed ? 'relayed' : 'direct')
