/**
 * Figures with their intervals, a row each, on one scale: for things that have names rather than numbers. A table that draws: the
 * figures stand beside the marks.
 *
 * Intervals({ label, head: 'Model', rows: [{ key, name, value, low, high }], zero?: false, format? })
 */
import { figure } from './format.js'
import { html } from './html.js'

/** Room left and right of the outermost mark, in percent of the track. */
const MARGIN = 4

function scaleOf(rows, zero) {
  const ends = rows.flatMap(({ value, low, high }) => [value, low, high]).filter(Number.isFinite)
  if (zero) ends.push(0)
  const [least, most] = [Math.min(...ends), Math.max(...ends)]
  const span = most - least
  // One value has no scale: it stands in the middle.
  return (value) => (span === 0 ? 50 : MARGIN + ((value - least) / span) * (100 - 2 * MARGIN))
}

function Track({ row, at, zero }) {
  const { value, low, high } = row
  const y = 11
  return html`<svg class="interval-track" width="100%" height="22" aria-hidden="true">
    <line class="interval-axis" x1="0" x2="100%" y1=${y} y2=${y} />
    ${zero ? html`<line class="interval-zero" x1=${`${at(0)}%`} x2=${`${at(0)}%`} y1="2" y2="20" />` : null}
    ${low === high ? null : html`<line class="interval-range" x1=${`${at(low)}%`} x2=${`${at(high)}%`} y1=${y} y2=${y} />`}
    <circle class="interval-value" cx=${`${at(value)}%`} cy=${y} r="5" />
  </svg>`
}

export function Intervals({ label, head, rows, zero = false, format = figure }) {
  const at = scaleOf(rows, zero)
  return html`<table class="intervals" aria-label=${label}>
    <thead><tr><th scope="col">${head}</th><th scope="col">${label}</th><th scope="col" class="number">Value</th><th scope="col" class="number">95% interval</th></tr></thead>
    <tbody>${rows.map(
      (row) => html`<tr key=${row.key}>
        <td data-head=${head}><span class="name">${row.name}</span></td>
        <td class="interval-cell" data-head=""><${Track} row=${row} at=${at} zero=${zero} /></td>
        <td class="number" data-head="Value">${format(row.value)}</td>
        <td class="number" data-head="95% interval">${row.low === row.value && row.high === row.value ? '–' : `${format(row.low)} to ${format(row.high)}`}</td>
      </tr>`,
    )}</tbody>
  </table>`
}
