/** Lines and grids of numbers as SVG, drawn without any library: nothing in the page makes a request. */
import { escapeHtml, niceTicks } from './chart-scale.ts'

const WIDTH = 880
const HEIGHT = 300
const MARGIN = { left: 64, right: 18, top: 16, bottom: 44 }
/** Colours of the style sheet, in order. */
export const SERIES_COLOURS = 6

export interface Series {
  readonly name: string
  /** Gaps where y is null. */
  readonly points: readonly (readonly [x: number, y: number | null])[]
}

export interface ChartInit {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly series: readonly Series[]
  /** Vertical lines with a word. */
  readonly marks?: readonly { readonly x: number; readonly text: string }[]
  /** The y axis begins at zero. */
  readonly fromZero?: boolean
}

const round = (value: number): string => value.toFixed(1)

const tickText = (tick: number, step: number): string => {
  const places = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)))
  return Math.abs(tick) >= 1e6 ? tick.toExponential(1) : tick.toFixed(places)
}

/** Runs of points without a gap. */
function runsOf({ points }: Series): [number, number][][] {
  const runs: [number, number][][] = [[]]
  for (const [x, y] of points)
    if (y === null) runs.push([])
    else runs.at(-1)!.push([x, y])
  return runs.filter((run) => run.length > 0)
}

/** Null where no series has a point. */
export function lineChart({ title, x, y, series, marks = [], fromZero = false }: ChartInit): string | null {
  const known = series.flatMap((one) => runsOf(one).flat())
  if (known.length === 0) return null
  const xs = [...known.map(([at]) => at), ...marks.map((mark) => mark.x)]
  const ys = known.map(([, value]) => value)
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)]
  const [low, high] = [fromZero ? Math.min(0, ...ys) : Math.min(...ys), Math.max(...ys)]
  const room = high > low ? (high - low) * 0.06 : Math.max(Math.abs(high) * 0.1, 1e-6)
  const [y0, y1] = [fromZero && low >= 0 ? 0 : low - room, high + room]
  const right = WIDTH - MARGIN.right
  const bottom = HEIGHT - MARGIN.bottom
  const placeX = (at: number) =>
    MARGIN.left + 8 + ((at - x0) / (x1 > x0 ? x1 - x0 : 1)) * (right - 16 - MARGIN.left)
  const placeY = (value: number) => bottom - ((value - y0) / (y1 - y0)) * (bottom - MARGIN.top)
  const yTicks = niceTicks(y0, y1, 5)
  const xTicks = x1 > x0 ? niceTicks(x0, x1, 10) : [x0]
  const stepOf = (ticks: readonly number[]) => (ticks.length > 1 ? ticks[1]! - ticks[0]! : 1)
  const parts = [
    ...yTicks.map(
      (tick) =>
        `<line class="grid" x1="${MARGIN.left}" x2="${right}" y1="${round(placeY(tick))}" y2="${round(placeY(tick))}"/><text class="tick" x="${MARGIN.left - 8}" y="${round(placeY(tick))}" text-anchor="end" dominant-baseline="middle">${tickText(tick, stepOf(yTicks))}</text>`,
    ),
    ...xTicks.map(
      (tick) =>
        `<text class="tick" x="${round(placeX(tick))}" y="${bottom + 18}" text-anchor="middle">${tickText(tick, stepOf(xTicks))}</text>`,
    ),
    `<line class="axis" x1="${MARGIN.left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>`,
    `<text class="label" x="${(MARGIN.left + right) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escapeHtml(x)}</text>`,
    `<text class="label" transform="translate(14 ${(MARGIN.top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escapeHtml(y)}</text>`,
    ...marks.map(
      (mark) =>
        `<line class="mark" x1="${round(placeX(mark.x))}" x2="${round(placeX(mark.x))}" y1="${MARGIN.top}" y2="${bottom}"/><text class="tick" x="${round(placeX(mark.x) + 4)}" y="${MARGIN.top + 10}">${escapeHtml(mark.text)}</text>`,
    ),
    ...series.flatMap((one, index) =>
      runsOf(one).map((run) => {
        const colour = `s${index % SERIES_COLOURS}`
        const drawn = run.map(
          ([at, value], place) => `${place === 0 ? 'M' : 'L'}${round(placeX(at))} ${round(placeY(value))}`,
        )
        const dots = run.map(
          ([at, value]) =>
            `<circle class="${colour}" cx="${round(placeX(at))}" cy="${round(placeY(value))}" r="2.5"/>`,
        )
        return `<path class="line ${colour}" d="${drawn.join('')}"/>${run.length <= 100 ? dots.join('') : ''}`
      }),
    ),
  ]
  return figure(title, HEIGHT, parts.join(''), series.length > 1 ? legend(series) : '')
}

const legend = (series: readonly Series[]): string =>
  `<p class="legend">${series
    .map(({ name }, index) => `<span class="key s${index % SERIES_COLOURS}"></span>${escapeHtml(name)}`)
    .join('')}</p>`

function figure(title: string, height: number, body: string, below: string): string {
  const name = escapeHtml(title)
  return `<figure><h2>${name}</h2><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${name}">${body}</svg>${below}</figure>`
}

/** A square for each pair of a row and a column, the darker the nearer to 1; the number is in each square's title. */
export function gridChart(init: {
  title: string
  rows: readonly string[]
  columns: readonly string[]
  rowsOf: string
  columnsOf: string
  values: readonly (readonly (number | null)[])[]
}): string {
  const { title, rows, columns, values, rowsOf, columnsOf } = init
  const left = 250
  const side = Math.min(28, (WIDTH - left - MARGIN.right) / Math.max(1, columns.length))
  const height = side * rows.length + 46
  const cells = values.flatMap((line, row) =>
    line.map((value, column) => {
      const strength = value === null ? 0 : Math.max(0, Math.min(1, value))
      const text = `${rows[row]} and ${columns[column]}: ${value === null ? 'unknown' : value.toFixed(3)}`
      return `<rect class="cell" x="${round(left + column * side)}" y="${round(row * side)}" width="${round(side - 1)}" height="${round(side - 1)}" style="fill-opacity:${strength.toFixed(3)}"><title>${escapeHtml(text)}</title></rect>`
    }),
  )
  const names = rows.map(
    (name, row) =>
      `<text class="tick" x="${left - 8}" y="${round((row + 0.5) * side)}" text-anchor="end" dominant-baseline="middle">${escapeHtml(name.length > 38 ? `…${name.slice(-37)}` : name)}</text>`,
  )
  const note = `<text class="label" x="${left}" y="${round(side * rows.length + 20)}">columns: the same layers of ${escapeHtml(columnsOf)}, from the first on; rows: ${escapeHtml(rowsOf)}</text>`
  return figure(title, height, `${cells.join('')}${names.join('')}${note}`, '')
}
