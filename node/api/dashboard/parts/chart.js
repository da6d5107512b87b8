/**
 * A chart: lines, points or bars over one x, with ranges, a legend that shows the values at the pointer and switches
 * series, the arrow keys, and the same figures as a table and as a file.
 *
 * Chart({
 *   label,                what it shows: its name for those who do not see it
 *   x: { label, values, names?, format?, time?, log?, integers? }
 *                         `time`: values are Unix seconds; `names`: what a row is called (a tensor, a job)
 *   y: { label, format?, log?, zero?, binary? }   `zero`: the axis begins at zero (bars always do); `binary`: in steps of powers of two, as bytes are
 *   series: [{ label, values, low?, high?, kind?: 'line' | 'points' | 'bars', tone?: 0…5, dashed?, format? }]
 *           or, each with its own x, [{ label, kind: 'points', points: [{ x, y, name?, low?, high? }] }]; all of one sort
 *   marks?: [{ value, label }]               levels to compare with, as dashed lines
 *   height?: 240, empty?: 'Nothing measured yet.'
 *   onPick?({ series, index })               a click or Enter on a point
 * })
 * Values that are null or not finite are gaps. More than 2,000 rows are thinned such that every peak stays.
 */
import { useEffect, useMemo, useRef, useState } from '../lib/hooks.js'
import { extent, MAX_TABLE_ROWS, reduceRows, toColumns, toCsv } from './chart-data.js'
import { createPlot } from './chart-plot.js'
import { toneOf } from './chart-style.js'
import { count, figure, time as timeText } from './format.js'
import { html } from './html.js'
import { loadSheet } from './sheet.js'
import { Empty, Problem, Table } from './widgets.js'

/** The library and its sheet are read when the first chart is shown. */
let library = null
function loadLibrary() {
  library ??= Promise.all([
    import('../lib/uplot.js'),
    loadSheet('/dashboard/lib/uplot.css'),
    loadSheet('/dashboard/styles/chart.css'),
  ]).then(
    ([module]) => module.default,
    (error) => {
      library = null
      throw error
    },
  )
  return library
}

const xText = (x, value) => (x.time ? timeText(value * 1000) : (x.format ?? figure)(value))
const rowName = (x, columns, row) => columns.names[row] ?? xText(x, columns.xs[row])

function valueText(series, y, column, row) {
  const write = series.format ?? y.format ?? figure
  const value = column.ys[row]
  if (value === null || value === undefined) return '–'
  const low = column.lows?.[row] ?? null
  const high = column.highs?.[row] ?? null
  return low === null || high === null ? write(value) : `${write(value)} (${write(low)} to ${write(high)})`
}

/** Which row the values are of: its name and its x. */
function where(x, columns, row, isOwn) {
  const at = xText(x, columns.xs[row])
  if (columns.names[row] === null) return `${x.label} ${at}`
  return isOwn ? `${columns.names[row]}, ${x.label} ${at}` : columns.names[row]
}

function Legend({ x, y, series, columns, row, hidden, toggle, children }) {
  const isOwn = series.some(({ points }) => points !== undefined)
  return html`<div class="chart-legend">
    <ul>
      ${series.map((one, at) => {
        const column = columns.columns[at]
        const shown = row !== null && column.ys[row] !== null ? valueText(one, y, column, row) : null
        const name = html`<svg viewBox="0 0 14 14" width="14" height="14" aria-hidden="true" class=${toneOf(one, at).slice(2)}>
          <${Swatch} kind=${one.kind} dashed=${one.dashed} at=${at} /></svg>${one.label}`
        return html`<li>
          ${
            series.length < 2
              ? html`<span class="chart-key">${name}</span>`
              : html`<button type="button" class="chart-key" aria-pressed=${!hidden.has(at)} title="Show or hide"
                  onClick=${() => toggle(at)}>${name}</button>`
          }
          ${shown === null ? null : html`<strong>${shown}</strong>`}
        </li>`
      })}
    </ul>
    <p class="chart-at">${row === null ? '' : where(x, columns, row, isOwn)}</p>
    ${children}
  </div>`
}

function Swatch({ kind = 'line', dashed, at }) {
  if (kind === 'bars') return html`<rect x="2" y="2" width="10" height="10" rx="2" />`
  if (kind === 'line') return html`<path class="chart-stroke" d=${dashed ? 'M0 7h5M9 7h5' : 'M0 7h14'} />`
  const shapes = ['M7 3a4 4 0 1 0 .01 0z', 'M3 3h8v8H3z', 'M7 2.5 12 11H2z', 'M7 1.5 12.5 7 7 12.5 1.5 7z']
  return html`<path d=${shapes[at % shapes.length]} />`
}

function Figures({ label, x, y, series, columns, children }) {
  const rows = Math.min(columns.xs.length, MAX_TABLE_ROWS)
  const hasNames = columns.names.some((name) => name !== null)
  const save = () => {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([toCsv(x.label, series, columns)], { type: 'text/csv' }))
    link.download = `${label.toLowerCase().replace(/[^a-z0-9]+/g, '-')}.csv`
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
  }
  return html`<div class="chart-figures">
    <div class="chart-table" role="region" aria-label=${`${label}, as a table`} tabindex="0">
      <${Table} label=${label} head=${[...(hasNames ? ['Name'] : []), x.label, ...series.map((one) => one.label)]}
        rows=${Array.from({ length: rows }, (_, row) => ({
          key: row,
          cells: [
            ...(hasNames ? [columns.names[row] ?? '–'] : []),
            xText(x, columns.xs[row]),
            ...series.map((one, at) => valueText(one, y, columns.columns[at], row)),
          ],
        }))} />
    </div>
    <div class="chart-legend">
      <p class="chart-at">${columns.xs.length > rows ? `The first ${count(rows)} of ${count(columns.xs.length)} rows` : ''}</p>
      <span class="chart-tools"><button type="button" class="quiet" onClick=${save}>Save as CSV</button>${children}</span>
    </div>
  </div>`
}

export function Chart({
  label,
  x,
  y,
  series,
  marks = [],
  height = 240,
  empty = 'Nothing measured yet.',
  onPick,
}) {
  const host = useRef(null)
  const plot = useRef(null)
  const [{ row, isChosen }, setCursor] = useState({ row: null, isChosen: false })
  const [hidden, setHidden] = useState(() => new Set())
  const [isTable, setTable] = useState(false)
  const [isZoomed, setZoomed] = useState(false)
  const [error, setError] = useState(null)
  const columns = useMemo(() => reduceRows(toColumns(x.values, series, x.names)), [x.values, x.names, series])
  const isEmpty = extent(columns.columns) === null
  // What a plot is made of; values alone are changed in place.
  const shape = JSON.stringify([
    x.label,
    x.time,
    x.log,
    y.label,
    y.log,
    y.zero,
    isEmpty,
    ...series.map((one, at) => [
      one.label,
      one.kind,
      one.tone,
      one.dashed,
      columns.columns[at].lows !== null,
    ]),
  ])
  const given = { x, y, series, columns, marks }
  const latest = useRef(given)
  latest.current = given

  useEffect(() => {
    if (isEmpty || isTable) return
    let isGone = false
    setCursor({ row: null, isChosen: false })
    setHidden(new Set())
    loadLibrary().then(
      (uPlot) => {
        if (isGone || host.current === null) return
        plot.current = createPlot(host.current, uPlot, latest.current, {
          onCursor: setCursor,
          onZoom: setZoomed,
        })
      },
      (thrown) => !isGone && setError(thrown),
    )
    return () => {
      isGone = true
      plot.current?.destroy()
      plot.current = null
    }
  }, [shape, isTable])
  useEffect(() => plot.current?.update(columns, marks), [columns, JSON.stringify(marks)])
  // The height is a property, not a style in the text: the page's policy allows no inline style.
  useEffect(() => {
    if (host.current !== null) host.current.style.height = `${height}px`
  }, [height, isTable, isEmpty])

  const toggle = (at) => {
    const next = new Set(hidden)
    if (!next.delete(at)) next.add(at)
    if (next.size === series.length) return
    setHidden(next)
    plot.current?.show(at, !next.has(at))
  }
  const pick = () => {
    const origin = row === null ? null : columns.origins[row]
    if (origin !== null && onPick !== undefined) onPick(origin)
  }
  const press = (event) => {
    const last = columns.xs.length - 1
    const to = { ArrowRight: (row ?? -1) + 1, ArrowLeft: (row ?? last + 1) - 1, Home: 0, End: last }[
      event.key
    ]
    if (to !== undefined) plot.current?.choose(Math.min(last, Math.max(0, to)))
    else if (event.key === 'Escape') {
      plot.current?.choose(null)
      plot.current?.unzoom()
    } else if (event.key === 'Enter') pick()
    else return
    event.preventDefault()
  }

  if (isEmpty) return html`<${Empty}>${empty}<//>`
  const spoken =
    row === null || !isChosen
      ? ''
      : `${rowName(x, columns, row)}: ${series
          .map((one, at) => [one, columns.columns[at]])
          .filter(([, column]) => column.ys[row] !== null)
          .map(([one, column]) => `${one.label} ${valueText(one, y, column, row)}`)
          .join(', ')}`
  const tools = html`<span class="chart-tools">
    ${isZoomed && !isTable ? html`<button type="button" class="quiet" onClick=${() => plot.current?.unzoom()}>Show all</button>` : null}
    <button type="button" class="quiet" onClick=${() => setTable(!isTable)}>${isTable ? 'Show as a chart' : 'Show as a table'}</button>
  </span>`
  return html`<figure class="chart">
    <${Problem} error=${error} />
    ${
      isTable
        ? html`<${Figures} label=${label} x=${x} y=${y} series=${series} columns=${columns}>${tools}<//>`
        : html`<div class=${`chart-plot ${onPick === undefined ? '' : 'can-pick'}`} ref=${host} tabindex="0" role="group"
            aria-roledescription="chart" aria-label=${`${label}. ${y.label} by ${x.label}. Arrow keys read the values.`}
            onKeyDown=${press} onClick=${pick}></div>
          <${Legend} x=${x} y=${y} series=${series} columns=${columns} row=${row} hidden=${hidden} toggle=${toggle}>${tools}<//>
          <p class="hidden" aria-live="polite">${spoken}</p>`
    }
  </figure>`
}
