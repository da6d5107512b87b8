/**
 * The daemon's events within the page: the store follows the one stream there is and tells them here; whoever shows
 * something listens. `resync` comes where events may have been missed (first connection, gap): what is shown is read anew.
 */

/** @typedef {{ type: string, data: any }} DaemonEvent */
/** @type {Set<(event: DaemonEvent) => void>} */
const listeners = new Set()

/** @param {(event: DaemonEvent) => void} listener @returns {() => void} ends it */
export function listen(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** @param {DaemonEvent} event */
export function tell(event) {
  for (const listener of [...listeners]) listener(event)
}
