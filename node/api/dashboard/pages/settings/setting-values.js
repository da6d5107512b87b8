/** Between a setting's value and what is typed: what sort of control a row takes, and how its text is read. */

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

/** As it stands in a field. @param {unknown} value */
export const written = (value) =>
  value === null || value === undefined ? '' : Array.isArray(value) ? value.join('\n') : String(value)

/**
 * What was typed, as a value; what is no number stays a text, and the daemon then says what it should be.
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
  if (sort === 'number') return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed
  return trimmed
}

/** @param {unknown} a @param {unknown} b */
export const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b)

/** A value in a line of text. @param {unknown} value */
export function shown(value) {
  if (value === null) return 'not set'
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ')
  return value === true ? 'on' : value === false ? 'off' : String(value)
}

/** `resources.maxCpuCores` → `resources`; a key without a dot stands in `general`. @param {string} key */
export const groupOf = (key) => (key.includes('.') ? key.slice(0, key.indexOf('.')) : 'general')

/** @param {Setting} row @param {string} text */
export function isFound(row, text) {
  const words = text.trim().toLowerCase().split(/\s+/)
  const where = `${row.key} ${row.doc} ${row.unit} ${written(row.value)}`.toLowerCase()
  return words.every((word) => where.includes(word))
}
