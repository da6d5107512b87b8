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

const SIZE = /^(\d+(?:\.\d+)?)\s*([kmgt])(i?)b$/i
/** The power of 1000 or 1024 that a unit's letter stands for. */
const POWERS = 'kmgt'

/** `50 GiB`, `2GB` (of 1000), as whole bytes; null where it is no such size. @param {string} text */
export function readSize(text) {
  const [, amount, letter, binary] = SIZE.exec(text) ?? []
  if (amount === undefined || letter === undefined) return null
  return Math.round(
    Number(amount) * (binary === '' ? 1000 : 1024) ** (POWERS.indexOf(letter.toLowerCase()) + 1),
  )
}

/** A size as it is typed: the largest unit that says it exactly, else bytes. @param {number} count */
export function writtenSize(count) {
  let unit = 0
  let value = count
  while (value > 0 && value % 1024 === 0 && unit < POWERS.length) {
    value /= 1024
    unit += 1
  }
  return unit === 0 ? String(count) : `${value} ${UNITS[unit]}`
}

/** `kept by` → `Kept by`. @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1)

/** `2 min 5 s`, `2 min` @param {[number, string]} large @param {[number, string]} small */
const twoUnits = ([large, unit], [small, smallUnit]) =>
  small === 0 ? `${large} ${unit}` : `${large} ${unit} ${small} ${smallUnit}`

/** @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return twoUnits([minutes, 'min'], [Math.floor(seconds % 60), 's'])
  const hours = Math.floor(minutes / 60)
  return hours < 48
    ? twoUnits([hours, 'h'], [minutes % 60, 'min'])
    : twoUnits([Math.floor(hours / 24), 'd'], [hours % 24, 'h'])
}

/** @param {number} share */
export const percent = (share) => `${Math.round(share * 100)}%`
/** @param {number} value */
export const count = (value) => value.toLocaleString('en-GB')
/** `1 document`, `2 documents`. @param {number} amount @param {string} noun @param {string} [nouns] where it is not an s more */
export const counted = (amount, noun, nouns = `${noun}s`) => `${count(amount)} ${amount === 1 ? noun : nouns}`
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
