/** The newest events in memory, of each kind no more than the daemon itself keeps: what the page lists and filters. */

export const MAX_BY_KIND = 100

/** A type, with its state where it has one. @param {LoggedEvent} event */
const kindOf = ({ type, data }) => `${type} ${data?.state ?? ''}`

/** @param {readonly LoggedEvent[]} events newest first @returns {LoggedEvent[]} */
export function bounded(events) {
  const counts = new Map()
  return events.filter((event) => {
    const kind = kindOf(event)
    const held = counts.get(kind) ?? 0
    counts.set(kind, held + 1)
    return held < MAX_BY_KIND
  })
}

/** @typedef {{ seq: number, timeMs: number, type: string, data: Record<string, unknown> }} LoggedEvent */

/** `instance.seq` of an event's id. @param {string} id */
export const seqOf = (id) => Number(id.slice(id.lastIndexOf('.') + 1))

/** What an event of progress is about; undefined for one that tells more than how far something is. @param {LoggedEvent} event */
function progressOf({ type, data }) {
  if (type !== 'artifact:progress' && type !== 'training:metrics' && data?.state !== 'running')
    return undefined
  return `${type} ${data.job ?? data.cid ?? data.run ?? data.pull ?? data.federation ?? ''}`
}

/** Of everything that goes on, its latest progress alone. @param {readonly LoggedEvent[]} events newest first @returns {LoggedEvent[]} */
export function withLatestProgress(events) {
  const seen = new Set()
  return events.filter((event) => {
    const key = progressOf(event)
    if (key === undefined) return true
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/**
 * Newest first.
 * @param {readonly LoggedEvent[]} held newest first @param {readonly LoggedEvent[]} more oldest first
 * @returns {LoggedEvent[]}
 */
export function withEvents(held, more) {
  const newest = held[0]?.seq ?? 0
  const fresh = more.filter(({ seq }) => seq > newest)
  return fresh.length === 0 ? [...held] : bounded([...fresh.reverse(), ...held])
}

/** `job:changed` → `job` @param {string} type */
export const familyOf = (type) => type.split(':')[0]

/**
 * @param {readonly LoggedEvent[]} events @param {{ families: ReadonlySet<string>, text: string }} filter no family: all
 * @param {(event: LoggedEvent) => string} wordsOf
 */
export function filterEvents(events, { families, text }, wordsOf) {
  const wanted = text.trim().toLowerCase()
  return events.filter(
    (event) =>
      (families.size === 0 || families.has(familyOf(event.type))) &&
      (wanted === '' ||
        `${event.type} ${wordsOf(event)} ${JSON.stringify(event.data)}`.toLowerCase().includes(wanted)),
  )
}
