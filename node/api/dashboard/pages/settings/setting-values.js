/** Between a setting's value and what is typed: what sort of control a row takes, and how its text is read. */

import { readSize, writtenSize } from '../../parts/format.js'

/** @typedef {{ key: string, value: any, nextValue: any, default: any, unit: string, doc: string, expects: string, choices: string[] | null, source: string, reload: string }} Setting */

/** @param {Setting} row @returns {'flag' | 'choice' | 'list' | 'number' | 'text'} */
export function sortOf(row) {
  if (row.choices !== null) return 'choice'
  if (typeof row.default === 'boolean') return 'flag'
  if (Array.isArray(row.default)) return 'list'
  if (typeof row.default === 'number' || /\bnumber\b/.test(row.expects)) return 'number'
  return 'text'
}

/** @param {Setting} row */
export const isNullable = (row) => row.default === null || /^null\b/.test(row.expects)

/** As it stands in a field; a size has its unit. @param {unknown} value @param {string} [unit] of the setting */
export function written(value, unit) {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.join('\n')
  return unit === 'bytes' && typeof value === 'number' ? writtenSize(value) : String(value)
}

/**
 * What was typed, as a value; a size may have its unit; what is no number stays a text, and the daemon then says what it should be.
 * @param {Setting} row @param {string} text
 */
export function readText(row, text) {
  const sort = sortOf(row)
  if (sort === 'list')
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
  const trimmed = text.trim()
  if (trimmed === '' && isNullable(row)) return null
  if (sort === 'number' && row.unit === 'bytes') {
    const sizeBytes = readSize(trimmed)
    if (sizeBytes !== null) return sizeBytes
  }
  if (sort === 'number') return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed
  return trimmed
}

/** @param {unknown} a @param {unknown} b */
export const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b)

/** Whether there is something to save. @param {Setting} row @param {{ reset?: boolean, isSaved?: boolean, value: unknown } | undefined} change */
export const isPending = (row, change) =>
  change !== undefined && !change.isSaved && (change.reset === true || !isSame(change.value, row.nextValue))

/** A value in a line of text. @param {unknown} value @param {string} [unit] of the setting */
export function shown(value, unit) {
  if (value === null) return 'not set'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  return value === true ? 'on' : value === false ? 'off' : written(value, unit)
}

/** `resources.maxCpuCores` → `resources`; a key without a dot stands in `general`. @param {string} key */
export const groupOf = (key) => (key.includes('.') ? key.slice(0, key.indexOf('.')) : 'general')

/** @param {Setting} row @param {string} text */
export function isFound(row, text) {
  const words = text.trim().toLowerCase().split(/\s+/)
  const where = `${row.key} ${row.doc} ${row.unit} ${written(row.value)}`.toLowerCase()
  return words.every((word) => where.includes(word))
}
