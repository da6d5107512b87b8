/** How alike the layers of two models are: a grid of values from 0 to 1, read by pointer and by arrow keys, and as a table. */
import { useState } from '../../lib/hooks.js'
import { html } from '../../parts/html.js'

const CELL = 26
const LEFT = 34
const TOP = 22
const shown = (value) => (value === null ? 'not known' : value.toFixed(2))
const shade = (value) => (value === null ? 0 : Math.min(1, Math.max(0, value)))

function AsTable({ label, rows, columns, values }) {
  return html`<div class="heat-scroll" role="region" aria-label=${`${label}, as a table`} tabindex="0"><table class="heat-table" aria-label=${label}>
    <thead><tr><td></td>${columns.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
    <tbody>${rows.map((name, row) => html`<tr><th scope="row">${name}</th>${columns.map((_, column) => html`<td>${shown(values[row][column])}</td>`)}</tr>`)}</tbody>
  </table></div>`
}

/** @param {{ label: string, rowsOf: string, columnsOf: string, rows: readonly string[], columns: readonly string[], values: readonly (readonly (number | null)[])[] }} given */
export function HeatMap({ label, rowsOf, columnsOf, rows, columns, values }) {
  const [[row, column], setAt] = useState([0, 0])
  const [isRead, setRead] = useState(false)
  const [isTable, setTable] = useState(false)
  const move = (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const within = (value, length) => Math.min(length - 1, Math.max(0, value))
    setAt(
      isRead ? [within(row + step[0], rows.length), within(column + step[1], columns.length)] : [row, column],
    )
    setRead(true)
  }
  const point = (at) => {
    setAt(at)
    setRead(true)
  }
  const text = `${rows[row]} of ${rowsOf}, ${columns[column]} of ${columnsOf}: ${shown(values[row][column])}`
  const width = LEFT + columns.length * CELL + 2
  const height = TOP + rows.length * CELL + 2
  return html`<figure class="chart">
    ${
      isTable
        ? html`<${AsTable} label=${label} rows=${rows} columns=${columns} values=${values} />`
        : html`<div class="heat-scroll">
            <svg class="heat" viewBox=${`0 0 ${width} ${height}`} width=${width} height=${height} tabindex="0" role="group"
              aria-roledescription="heat map" aria-label=${`${label}. Rows are layers of ${rowsOf}, columns of ${columnsOf}. Arrow keys read the values.`} onKeyDown=${move}>
              ${columns.map((_, at) => html`<text class="heat-number" x=${LEFT + (at + 0.5) * CELL} y="14" text-anchor="middle">${at + 1}</text>`)}
              ${rows.map((_, at) => html`<text class="heat-number" x=${LEFT - 8} y=${TOP + (at + 0.5) * CELL + 4} text-anchor="end">${at + 1}</text>`)}
              ${values.map((line, r) =>
                line.map(
                  (
                    value,
                    c,
                  ) => html`<g key=${`${r}/${c}`} onPointerEnter=${() => point([r, c])} onClick=${() => point([r, c])}>
                    <rect class="heat-back" x=${LEFT + c * CELL} y=${TOP + r * CELL} width=${CELL - 2} height=${CELL - 2} rx="3" />
                    <rect class="heat-cell" fill-opacity=${shade(value)} x=${LEFT + c * CELL} y=${TOP + r * CELL} width=${CELL - 2} height=${CELL - 2} rx="3" /></g>`,
                ),
              )}
              ${isRead ? html`<rect class="heat-at" x=${LEFT + column * CELL} y=${TOP + row * CELL} width=${CELL - 2} height=${CELL - 2} rx="3" />` : null}
            </svg></div>`
    }
    <div class="chart-legend">
      <p class="heat-words" role="status">${isTable ? '' : isRead ? text : `Rows: ${rowsOf}, columns: ${columnsOf}, layers from the input on. A strong colour is alike.`}</p>
      <span class="chart-tools"><button type="button" class="quiet" onClick=${() => setTable(!isTable)}>${isTable ? 'Show as a map' : 'Show as a table'}</button></span>
    </div>
  </figure>`
}
