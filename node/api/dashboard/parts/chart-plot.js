/** Draws a chart's columns with uPlot: scales, the pointer, the keyboard's choice, new values, size and colours. */
import { extent } from './chart-data.js'
import { drawMarks, drawRanges, drawShapes } from './chart-shapes.js'
import { axis, bound, colour, seriesOptions, toneOf } from './chart-style.js'

/** Points closer to the pointer than this are the ones that are meant. */
const NEAR_PX = 36

/**
 * @param {HTMLElement} host @param {any} uPlot
 * @param {object} chart `{ x, y, series, columns, marks }`
 * @param {{ onCursor(at: { row: number | null, isChosen: boolean }): void, onZoom(zoomed: boolean): void }} told
 */
export function createPlot(host, uPlot, chart, { onCursor, onZoom }) {
  let { columns, marks = [] } = chart
  const { x, y, series } = chart
  const isPoints = (at) => series[at].kind === 'points'
  const isScatter = series.some(({ points }) => points !== undefined)
  const hasBars = series.some(({ kind }) => kind === 'bars')
  /** Bars and points need room at the ends. */
  const hasMarks = hasBars || series.every(({ kind }) => kind === 'points')
  /** Row that the keyboard chose; the pointer takes it back. */
  let chosen = null

  /** Places of uPlot's series: the x, then of each series its values and, where it has a range, its low and high. */
  const places = []
  const bands = []
  const drawn = [{}]
  series.forEach((one, at) => {
    const tone = () => colour(toneOf(one, at))
    const place = { main: drawn.length, low: null, high: null }
    drawn.push(seriesOptions(uPlot, one, tone, () => drawShapes(plot, one, at, columns)))
    if (columns.columns[at].lows !== null) {
      place.low = drawn.push(bound()) - 1
      place.high = drawn.push(bound()) - 1
      if (!isPoints(at) && one.kind !== 'bars')
        bands.push({ series: [place.high, place.low], fill: () => colour(toneOf(one, at), 0.18) })
    }
    places.push(place)
  })

  function data() {
    return [
      columns.xs,
      ...columns.columns.flatMap(({ ys, lows, highs }) => (lows === null ? [ys] : [ys, lows, highs])),
    ]
  }

  function seriesAt(place) {
    const at = places.findIndex(({ main, low, high }) => [main, low, high].includes(place))
    return [series[at], at]
  }

  function drawOver() {
    series.forEach((one, at) => {
      const isBand = !isPoints(at) && one.kind !== 'bars'
      if (columns.columns[at].lows !== null && !isBand && plot.series[places[at].main].show)
        drawRanges(plot, one, at, columns)
    })
    drawMarks(plot, marks)
  }

  /** The visible row whose point is nearest to the pointer, or null. */
  function nearest() {
    const { left, top } = plot.cursor
    let best = null
    let least = NEAR_PX ** 2
    series.forEach((_, at) => {
      if (!plot.series[places[at].main].show) return
      columns.columns[at].ys.forEach((value, row) => {
        if (value === null) return
        const away =
          (plot.valToPos(columns.xs[row], 'x') - left) ** 2 + (plot.valToPos(value, 'y') - top) ** 2
        if (away < least) {
          least = away
          best = row
        }
      })
    })
    return best
  }

  let shownRow = null
  function follow() {
    const away = plot.cursor.left === null || plot.cursor.left < 0
    const row = away ? null : (chosen ?? (isScatter ? nearest() : plot.cursor.idx))
    if (row === shownRow) return
    shownRow = row ?? null
    onCursor({ row: shownRow, isChosen: chosen !== null })
  }

  const plot = new uPlot(
    {
      width: Math.max(host.clientWidth, 80),
      height: host.clientHeight,
      legend: { show: false },
      padding: [10, 14, 0, 0],
      scales: {
        x: { time: x.time === true, distr: x.log ? 3 : 1, range: xRange },
        y: { distr: y.log ? 3 : 1, range: yRange },
      },
      axes: [axis(x, true), axis(y, false)],
      series: drawn,
      bands,
      cursor: {
        y: isScatter,
        drag: { x: true, y: false, dist: 8 },
        points: {
          size: 9,
          width: 2,
          stroke: () => colour('--card'),
          fill: (_, place) => colour(toneOf(...seriesAt(place))),
        },
        dataIdx: (_, place, closest) =>
          drawn[place].isBound === true ? null : (chosen ?? (isScatter ? nearest() : closest)),
      },
      hooks: {
        setCursor: [follow],
        draw: [drawOver],
        setScale: [
          (self, key) => {
            if (key === 'x') onZoom(isZoomed(self))
          },
        ],
      },
    },
    data(),
    host,
  )

  function isZoomed({ scales }) {
    const { xs } = columns
    return xs.length > 1 && (scales.x.min > xs[0] || scales.x.max < xs[xs.length - 1])
  }

  function xRange(_self, min, max) {
    const { xs } = columns
    if (xs.length === 0) return x.log ? [1, 10] : [0, 1]
    const first = xs[0]
    const last = xs[xs.length - 1]
    if (min !== null && max !== null && (min > first || max < last)) return [min, max]
    if (x.log) return first === last ? [first / 2, last * 2] : [first / 1.15, last * 1.15]
    if (first === last) return x.time ? [first - 300, last + 300] : [first - 0.5, last + 0.5]
    if (hasMarks && !isScatter) {
      const step = (last - first) / (xs.length - 1)
      return [first - 0.7 * step, last + 0.7 * step]
    }
    const pad = isScatter ? 0.05 * (last - first) : 0
    return [first - pad, last + pad]
  }

  function yRange(_self, min, max) {
    const all = extent([{ ys: [min, max], lows: null, highs: null }], marks)
    if (all === null) return y.log ? [1, 10] : [0, 1]
    let [low, high] = all
    if (y.log)
      return low > 0 ? [low / 1.3, high * 1.3] : [high > 0 ? high / 1e6 : 1, high > 0 ? high * 1.3 : 10]
    if (y.zero || hasBars) {
      low = Math.min(low, 0)
      high = Math.max(high, 0)
    }
    const span = high - low || Math.abs(high) || 1
    return [low === 0 ? 0 : low - 0.08 * span, high === 0 && low < 0 ? 0 : high + 0.08 * span]
  }

  const resized = new ResizeObserver(() => {
    const width = host.clientWidth
    if (width > 0 && (width !== plot.width || host.clientHeight !== plot.height))
      plot.setSize({ width, height: host.clientHeight })
  })
  resized.observe(host)
  const scheme = matchMedia('(prefers-color-scheme: dark)')
  const repaint = () => plot.redraw()
  scheme.addEventListener('change', repaint)
  const free = () => {
    chosen = null
  }
  plot.over.addEventListener('pointermove', free)

  return {
    /** New values of the same series. A view that was zoomed into stays. */
    update(nextColumns, nextMarks = []) {
      const zoomed = isZoomed(plot)
      columns = nextColumns
      marks = nextMarks
      chosen = null
      plot.setData(data(), !zoomed)
      if (zoomed) plot.redraw()
    },
    show(at, isShown) {
      const { main, low, high } = places[at]
      for (const place of [main, low, high]) if (place !== null) plot.setSeries(place, { show: isShown })
    },
    /** Puts the pointer on a row, as a pointer would. @param {number | null} row */
    choose(row) {
      chosen = row
      if (row === null) return plot.setCursor({ left: -10, top: -10 })
      const value = columns.columns.map(({ ys }) => ys[row]).find((one) => one !== null && one !== undefined)
      plot.setCursor({
        left: plot.valToPos(columns.xs[row], 'x'),
        top: value === undefined ? 0 : plot.valToPos(value, 'y'),
      })
    },
    unzoom() {
      plot.setData(data(), true)
    },
    destroy() {
      resized.disconnect()
      scheme.removeEventListener('change', repaint)
      plot.over.removeEventListener('pointermove', free)
      plot.destroy()
    },
  }
}
