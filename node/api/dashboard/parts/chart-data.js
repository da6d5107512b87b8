/**
 * What a chart shows, as columns: rows in the order of x, a column a series, at most so many rows as a screen can show.
 * Pure, so that it can be tested without a browser.
 */

/** More rows than a screen has columns of pixels only cost memory. */
export const MAX_ROWS = 2_000
export const MAX_TABLE_ROWS = 200

/**
 * @typedef {{ x: number, y: number | null, name?: string, low?: number, high?: number }} Point
 * @typedef {{ label: string, values?: readonly (number | null)[], points?: readonly Point[], low?: readonly (number | null)[],
 *   high?: readonly (number | null)[], kind?: 'line' | 'points' | 'bars', tone?: number, dashed?: boolean,
 *   format?: (value: number) => string }} Series
 * @typedef {{ xs: number[], names: (string | null)[], origins: ({ series: number, index: number } | null)[],
 *   columns: { ys: (number | null)[], lows: (number | null)[] | null, highs: (number | null)[] | null }[] }} Columns
 */

const finite = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : null)

/**
 * Series over shared x values, or series of points of their own, as rows in ascending x. What is not a finite number is a
 * gap.
 * @param {readonly number[] | undefined} shared @param {readonly Series[]} series @param {readonly string[]} [names]
 * @returns {Columns}
 */
export function toColumns(shared, series, names) {
  if (series.some(({ points }) => points !== undefined)) return ofPoints(series)
  const order = (shared ?? [])
    .map((x, index) => ({ x, index }))
    .filter(({ x }) => finite(x) !== null)
    .sort((a, b) => a.x - b.x)
  const pick = (values) => order.map(({ index }) => finite(values[index]))
  return {
    xs: order.map(({ x }) => x),
    names: order.map(({ index }) => names?.[index] ?? null),
    origins: order.map(({ index }) => ({ series: 0, index })),
    columns: series.map(({ values = [], low, high }) => ({
      ys: pick(values),
      lows: low === undefined ? null : pick(low),
      highs: high === undefined ? null : pick(high),
    })),
  }
}

/** @param {readonly Series[]} series @returns {Columns} */
function ofPoints(series) {
  const rows = series
    .flatMap(({ points = [] }, at) => points.map((point, index) => ({ point, series: at, index })))
    .filter(({ point }) => finite(point.x) !== null && finite(point.y) !== null)
    .sort((a, b) => a.point.x - b.point.x)
  return {
    xs: rows.map(({ point }) => point.x),
    names: rows.map(({ point }) => point.name ?? null),
    origins: rows.map(({ series: at, index }) => ({ series: at, index })),
    columns: series.map(({ points = [] }, at) => {
      const column = (key) => rows.map((row) => (row.series === at ? finite(row.point[key]) : null))
      const hasRange = points.some(({ low, high }) => finite(low) !== null && finite(high) !== null)
      return {
        ys: column('y'),
        lows: hasRange ? column('low') : null,
        highs: hasRange ? column('high') : null,
      }
    }),
  }
}

/**
 * At most `max` rows that still show every peak: of each stretch of rows its first, and the least and the greatest of
 * each series.
 * @param {Columns} columns @param {number} [max] @returns {Columns}
 */
export function reduceRows(columns, max = MAX_ROWS) {
  const rows = columns.xs.length
  if (rows <= max) return columns
  const stretches = Math.max(1, Math.floor((max - 1) / (1 + 2 * columns.columns.length)))
  const kept = new Set([rows - 1])
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    const from = Math.floor((stretch * rows) / stretches)
    const to = Math.floor(((stretch + 1) * rows) / stretches)
    kept.add(from)
    for (const { ys } of columns.columns) for (const at of extremes(ys, from, to)) kept.add(at)
  }
  const order = [...kept].sort((a, b) => a - b)
  const pick = (values) => order.map((at) => values[at])
  return {
    xs: pick(columns.xs),
    names: pick(columns.names),
    origins: pick(columns.origins),
    columns: columns.columns.map(({ ys, lows, highs }) => ({
      ys: pick(ys),
      lows: lows === null ? null : pick(lows),
      highs: highs === null ? null : pick(highs),
    })),
  }
}

function extremes(values, from, to) {
  let least = -1
  let greatest = -1
  for (let at = from; at < to; at += 1) {
    const value = values[at]
    if (value === null || value === undefined) continue
    if (least < 0 || value < values[least]) least = at
    if (greatest < 0 || value > values[greatest]) greatest = at
  }
  return least < 0 ? [] : [least, greatest]
}

/** Least and greatest of values, ranges and marks; null where there is none. */
export function extent(columns, marks = []) {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  const take = (value) => {
    if (value === null || value === undefined || !Number.isFinite(value)) return
    if (value < low) low = value
    if (value > high) high = value
  }
  for (const { ys, lows, highs } of columns) {
    ys.forEach(take)
    lows?.forEach(take)
    highs?.forEach(take)
  }
  for (const { value } of marks) take(value)
  return low > high ? null : [low, high]
}

/** As many digits as tell the marks of an axis apart. @param {number} step @returns {(value: number) => string} */
export function tickFormat(step) {
  if (!(step > 0)) return (value) => String(value)
  if (step < 1e-6 || step >= 1e9) return (value) => (value === 0 ? '0' : value.toExponential(1))
  let digits = 0
  while (digits < 12 && Math.abs(step * 10 ** digits - Math.round(step * 10 ** digits)) > 1e-6) digits += 1
  return (value) =>
    value.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

const two = (value) => String(value).padStart(2, '0')

/** Marks of a time axis, 24 hours, with the day under the first mark of each. @param {number[]} splits in seconds
 * @param {number} step @returns {string[]} */
export function timeTicks(splits, step) {
  let day = ''
  return splits.map((seconds) => {
    const at = new Date(seconds * 1000)
    const date = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })
    const isNewDay = date !== day
    day = date
    if (step >= 86_400) return date
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}${step < 60 ? `:${two(at.getSeconds())}` : ''}`
    return isNewDay ? `${clock}\n${date}` : clock
  })
}

/** A field of a comma-separated file (RFC 4180); a leading sign of a formula is kept from being one. */
function field(value) {
  const text = value === null || value === undefined ? '' : String(value)
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** @param {string} xLabel @param {readonly Series[]} series @param {Columns} columns */
export function toCsv(xLabel, series, columns) {
  const hasNames = columns.names.some((name) => name !== null)
  const head = [
    ...(hasNames ? ['name'] : []),
    xLabel,
    ...series.flatMap(({ label }, at) =>
      columns.columns[at].lows === null ? [label] : [label, `${label}, low`, `${label}, high`],
    ),
  ]
  const rows = columns.xs.map((x, row) => [
    ...(hasNames ? [columns.names[row]] : []),
    x,
    ...columns.columns.flatMap(({ ys, lows, highs }) =>
      lows === null ? [ys[row]] : [ys[row], lows[row], highs?.[row]],
    ),
  ])
  return [head, ...rows].map((row) => `${row.map(field).join(',')}\r\n`).join('')
}
