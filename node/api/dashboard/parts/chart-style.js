/** How a chart looks: the colours of the page's scheme, and what uPlot is told of series and axes. */
import { tickFormat, timeTicks } from './chart-data.js'

const TONES = 6

/** A colour of the page, with an alpha from 0 to 1: the page's colours are written `#rrggbb`. */
export function colour(name, alpha = 1) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim()
  return alpha === 1
    ? value
    : `${value}${Math.round(alpha * 255)
        .toString(16)
        .padStart(2, '0')}`
}

export const toneOf = (series, at) => `--tone${(series.tone ?? at) % TONES}`

export function bound() {
  return { isBound: true, width: 0, stroke: 'transparent', points: { show: false } }
}

export function seriesOptions(uPlot, { label, kind, dashed }, tone, drawShape) {
  if (kind === 'points')
    return { label, stroke: tone, fill: tone, paths: () => null, points: { show: () => drawShape() } }
  if (kind === 'bars')
    return {
      label,
      stroke: tone,
      fill: () => `${tone()}b0`,
      width: 0,
      paths: uPlot.paths.bars({ size: [0.7, 56] }),
      points: { show: false },
    }
  return {
    label,
    stroke: tone,
    width: 2,
    ...(dashed ? { dash: [7, 5] } : {}),
    points: { size: 6, width: 2, fill: () => colour('--card'), stroke: tone },
  }
}

/** Round figures of bytes, and their halves and quarters: 1, 2, 4 … 512 of each unit up to TiB. */
const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power)

const isDecade = (value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9
const decade = (value) =>
  value >= 1e-3 && value < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(0)

export function axis(dimension, isX) {
  const { label, format, time, log, integers, binary } = dimension
  return {
    // The ticks of a time axis say what it is.
    ...(isX && time ? {} : { label }),
    labelSize: 22,
    labelGap: 2,
    labelFont: '12px system-ui, sans-serif',
    font: '11px system-ui, sans-serif',
    stroke: () => colour('--soft'),
    gap: 4,
    size: isX ? (time ? 44 : 30) : widthOfTicks,
    ...(integers ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 1e5, 1e6, 1e7] } : {}),
    ...(binary ? { incrs: BINARY_STEPS } : {}),
    ...(isX ? { space: time ? 64 : 48 } : { space: 34 }),
    grid: {
      stroke: () => colour('--line'),
      width: 1,
      show: !isX,
      ...(log ? { filter: (_self, splits) => splits.map((value) => (isDecade(value) ? value : null)) } : {}),
    },
    ticks: { stroke: () => colour('--line'), width: 1, size: isX ? 5 : 3, show: isX },
    border: { show: isX, stroke: () => colour('--line'), width: 1 },
    values: (_self, splits, _axis, _space, step) => {
      if (time) return timeTicks(splits, step)
      const write = format ?? (log ? decade : tickFormat(step))
      return splits.map((value) => (value === null || value === undefined ? null : write(value)))
    },
  }
}

/** As wide as the longest text of the axis; uPlot asks again until it settles. */
function widthOfTicks(self, values) {
  const longest = (values ?? []).reduce(
    (text, value) => (value !== null && String(value).length > text.length ? String(value) : text),
    '',
  )
  self.ctx.save()
  self.ctx.font = '11px system-ui, sans-serif'
  const width = self.ctx.measureText(longest).width
  self.ctx.restore()
  return Math.ceil(width) + 14
}
