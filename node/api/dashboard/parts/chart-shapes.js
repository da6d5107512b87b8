/** What a chart draws itself on uPlot's canvas: the shapes of points, ranges with caps, and levels to compare with. */
import { colour, toneOf } from './chart-style.js'

const POINT_SIZE_PX = 9
const CAP_PX = 3

/** Shapes tell series of points apart for those who do not see the colours. */
const SHAPES = [
  (path, x, y, r) => path.arc(x, y, r, 0, 2 * Math.PI),
  (path, x, y, r) => path.rect(x - r, y - r, 2 * r, 2 * r),
  (path, x, y, r) => polygon(path, [x, y - 1.2 * r], [x + 1.2 * r, y + r], [x - 1.2 * r, y + r]),
  (path, x, y, r) => polygon(path, [x, y - 1.4 * r], [x + 1.4 * r, y], [x, y + 1.4 * r], [x - 1.4 * r, y]),
]
function polygon(path, first, ...rest) {
  path.moveTo(...first)
  for (const corner of rest) path.lineTo(...corner)
  path.closePath()
}

/** Each row in view that has a value, where it stands on the canvas. */
function eachRow(plot, { xs }, { ys }, draw) {
  const { min, max } = plot.scales.x
  for (let row = 0; row < ys.length; row += 1) {
    if (ys[row] === null || xs[row] < min || xs[row] > max) continue
    draw(plot.valToPos(xs[row], 'x', true), plot.valToPos(ys[row], 'y', true), row)
  }
}

/** The points of one series. @param {any} plot @param {object} series @param {number} at @param {object} columns */
export function drawShapes(plot, series, at, columns) {
  const path = new Path2D()
  const radius = (POINT_SIZE_PX / 2) * devicePixelRatio
  eachRow(plot, columns, columns.columns[at], (left, top) => {
    path.moveTo(left + radius, top)
    SHAPES[at % SHAPES.length](path, left, top, radius)
  })
  const { ctx } = plot
  ctx.save()
  ctx.fillStyle = colour(toneOf(series, at), 0.75)
  ctx.strokeStyle = colour('--card')
  ctx.lineWidth = devicePixelRatio
  ctx.fill(path)
  ctx.stroke(path)
  ctx.restore()
}

/** The ranges of one series of points or bars: a line with caps through each. */
export function drawRanges(plot, series, at, columns) {
  const { lows, highs } = columns.columns[at]
  const path = new Path2D()
  const cap = CAP_PX * devicePixelRatio
  eachRow(plot, columns, columns.columns[at], (left, _top, row) => {
    if (lows[row] === null || highs[row] === null) return
    const [low, high] = [lows[row], highs[row]].map((value) => plot.valToPos(value, 'y', true))
    for (const end of [low, high]) {
      path.moveTo(left - cap, end)
      path.lineTo(left + cap, end)
    }
    path.moveTo(left, low)
    path.lineTo(left, high)
  })
  const { ctx } = plot
  ctx.save()
  ctx.strokeStyle = series.kind === 'bars' ? colour('--ink') : colour(toneOf(series, at))
  ctx.lineWidth = 1.4 * devicePixelRatio
  ctx.stroke(path)
  ctx.restore()
}

/** Dashed lines across the plot, each with its name. @param {any} plot @param {readonly { value: number, label: string }[]} marks */
export function drawMarks(plot, marks) {
  const { ctx, bbox } = plot
  const px = devicePixelRatio
  for (const { value, label } of marks) {
    const top = plot.valToPos(value, 'y', true)
    if (!(top >= bbox.top && top <= bbox.top + bbox.height)) continue
    const isHigh = top - bbox.top < 16 * px
    ctx.save()
    ctx.strokeStyle = colour('--soft')
    ctx.fillStyle = colour('--soft')
    ctx.lineWidth = px
    ctx.setLineDash([4 * px, 4 * px])
    ctx.beginPath()
    ctx.moveTo(bbox.left, top)
    ctx.lineTo(bbox.left + bbox.width, top)
    ctx.stroke()
    ctx.font = `${11 * px}px system-ui, sans-serif`
    ctx.textAlign = 'right'
    ctx.textBaseline = isHigh ? 'top' : 'bottom'
    ctx.fillText(label, bbox.left + bbox.width - 4 * px, top + (isHigh ? 3 : -3) * px)
    ctx.restore()
  }
}
