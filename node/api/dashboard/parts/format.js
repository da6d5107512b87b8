/** Numbers and times as people read them. */
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** @param {number} count */
export function bytes(count) {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** @param {number} share */
export const percent = (share) => `${Math.round(share * 100)}%`
/** @param {number} value */
export const count = (value) => value.toLocaleString('en-GB')
/** @param {number} ms */
export const time = (ms) =>
  new Date(ms).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
/** Peer IDs and CIDs differ at their ends.
 * @param {string} id */
export const short = (id) => (id.length <= 14 ? id : `${id.slice(0, 4)}…${id.slice(-8)}`)
/** @param {unknown} value */
export const figure = (value) =>
  typeof value === 'number'
    ? Number.isInteger(value)
      ? count(value)
      : value.toPrecision(4)
    : String(value ?? '')
